"""Workers that slept through the end of their lease: what they still want to write is void."""

from collections.abc import Callable
from typing import Any

import pytest

from infra.simulator import Fault, Simulator
from shared.domain.emails import EmailStatus
from shared.domain.mailboxes import GrantState, History
from shared.ports.documents import Query
from shared.services.accounts import mailboxes
from shared.services.sending import delivery, emails
from shared.services.syncing import engine
from tests.vendors import Vendor
from tests.world import (
    ANA,
    LocalWorld,
    add_contact,
    connect_account,
    disconnect,
    mail,
    provider_of,
    settle,
    timeline,
    work,
)

CARL = "carl@client.example"


@pytest.fixture(autouse=True)
def account(simulator: Simulator) -> None:
    simulator.add_account("ana@example.com")


def stalls(
    monkeypatch: pytest.MonkeyPatch, world: LocalWorld, name: str, meanwhile: Callable[[], None]
) -> None:
    """The next worker's first call of that name is answered, and then it sleeps for a minute."""
    provider = world.providers.get(provider_of(world, "ana@example.com"))
    real, done = provider.mail, list[bool]()

    def mail_of(*args: Any) -> Any:
        made = real(*args)
        call = getattr(made, name)

        def slow(*given: Any, **named: Any) -> Any:
            answer = call(*given, **named)
            if not done:
                done.append(True)
                world.clock.sleep(60)
                meanwhile()
            return answer

        monkeypatch.setattr(made, name, slow)
        return made

    monkeypatch.setattr(provider, "mail", mail_of)


def test_an_email_cancelled_while_its_worker_slept_never_leaves(
    world: LocalWorld, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = connect_account(world, ANA, "ana@example.com").id
    work(world)
    email = emails.create(world, ANA, emails.NewEmail(mailbox, to=(CARL,), subject="No"))

    def cancelled() -> None:
        emails.cancel(world, ANA, email.id)

    stalls(monkeypatch, world, "prepare", cancelled)
    delivery.run(world, "acme", email.id)
    monkeypatch.undo()
    settle(world)
    assert emails.show(world, ANA, email.id).status is EmailStatus.CANCELLED
    messages = simulator.office.mailbox("ana@example.com").messages
    assert not any("SENT" in one.labels for one in messages.values())


def test_what_was_erased_while_a_worker_slept_stays_erased(
    world: LocalWorld, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    carl = add_contact(world, ANA, CARL)
    mailbox = connect_account(world, ANA, "ana@example.com").id
    work(world)
    simulator.deliver(mail(CARL, "ana@example.com"), to="ana@example.com")

    def erased() -> None:
        disconnect(world, ANA, mailbox, History.ERASE)
        settle(world)

    stalls(monkeypatch, world, "mails", erased)
    engine.run(world, mailbox)
    monkeypatch.undo()
    settle(world)
    assert timeline(world, ANA, carl) == []
    assert world.documents.count(Query("teams/acme/messages")) == 0


def test_who_connects_again_does_not_wait_for_an_older_pause(
    world: LocalWorld, simulator: Simulator, vendor: Vendor
) -> None:
    mailbox = connect_account(world, ANA, "ana@example.com").id
    work(world)
    simulator.faults.add(
        Fault(method=vendor.api, status=429, reason="rateLimitExceeded", retry_after=80_000)
    )
    engine.run(world, mailbox)
    simulator.faults.clear()
    disconnect(world, ANA, mailbox)
    settle(world, hours=30)
    carl = add_contact(world, ANA, CARL)
    simulator.deliver(mail(CARL, "ana@example.com"), to="ana@example.com")
    assert connect_account(world, ANA, "ana@example.com").state is GrantState.CONNECTED
    work(world)
    assert len(timeline(world, ANA, carl)) == 1
    assert mailboxes.show(world, ANA, mailbox).sync.phase is mailboxes.SyncPhase.UP_TO_DATE
