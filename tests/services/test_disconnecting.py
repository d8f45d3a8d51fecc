"""Disconnecting: stopped at once, cleared away however often that is cut off, history kept or erased."""

from datetime import timedelta
from itertools import count, pairwise

import pytest

from infra.simulator import Fault, Simulator
from shared import records
from shared.domain.emails import EmailStatus
from shared.domain.errors import Conflict, Forbidden, LeaseLost, NotFound
from shared.domain.mailboxes import GrantState, History
from shared.ports.documents import Query
from shared.ports.world import World
from shared.providers.google.declaration import GoogleSettings
from shared.services.accounts import connecting, disconnecting, mailboxes, tokens, validation
from shared.services.sending import emails
from shared.services.syncing import engine
from shared.services.timelines import erasing, messages
from tests.gremlin import Gremlin, Killed
from tests.vendors import Vendor, without_limits
from tests.world import (
    ANA,
    BEN,
    EVE,
    TASKS,
    LocalWorld,
    add_contact,
    confirm,
    connect_account,
    consent,
    disconnect,
    mail,
    provider_of,
    settle,
    timeline,
    work,
)

CARL = "carl@client.example"


def fill(world: LocalWorld, simulator: Simulator, account: str, mails: int = 3) -> str:
    """A connected mailbox with mail of a contact; its id."""
    simulator.add_account(account)
    for number in range(mails):
        simulator.deliver(
            mail(CARL, account, f"Mail {number}", message_id=f"<{number}@x>"), to=account
        )
    mailbox = connect_account(world, ANA if account.startswith("ana") else BEN, account)
    settle(world)
    return mailbox.id


REVOKE = "oauth.revoke"


def test_nothing_of_its_tokens_is_left(world: LocalWorld, simulator: Simulator) -> None:
    mailbox_id = fill(world, simulator, "ana@example.com")
    disconnect(world, ANA, mailbox_id)
    assert tokens.read(world, mailbox_id) is None
    assert records.cached_tokens(world.documents).find(mailbox_id) is None
    shown = mailboxes.show(world, ANA, mailbox_id)
    assert shown.state is GrantState.DISCONNECTED
    assert "no token is kept" in shown.state_detail


def test_by_default_history_stays(world: LocalWorld, simulator: Simulator) -> None:
    carl = add_contact(world, ANA, CARL)
    mailbox_id = fill(world, simulator, "ana@example.com")
    disconnect(world, ANA, mailbox_id)
    settle(world)
    lines = timeline(world, ANA, carl)
    assert len(lines) == 3
    assert messages.show(world, ANA, lines[0].message_id).text


def test_history_is_erased_when_that_is_asked_for(world: LocalWorld, simulator: Simulator) -> None:
    carl = add_contact(world, ANA, CARL)
    mailbox_id = fill(world, simulator, "ana@example.com", mails=60)
    draft = emails.NewEmail(mailbox_id, to=(CARL,), subject="Draft", draft=True)
    kept = emails.create(world, ANA, draft)
    lines = timeline(world, ANA, carl)
    assert lines

    disconnect(world, ANA, mailbox_id, History.ERASE)
    settle(world)

    assert timeline(world, ANA, carl) == []
    for line in lines:
        with pytest.raises(NotFound):
            messages.show(world, ANA, line.message_id)
    with pytest.raises(NotFound):
        emails.show(world, ANA, kept.id)
    assert not pieces_left(world)
    shown = mailboxes.show(world, ANA, mailbox_id)
    assert (shown.state, shown.sync.stored) == (GrantState.DISCONNECTED, 0)


def pieces_left(world: LocalWorld) -> list[str]:
    """Paths of bodies and messages that lie anywhere in the store."""
    return [
        document.path
        for collection in ("pieces", "messages", "activities")
        for document in world.documents.query(Query(collection, group=True)).documents
    ]


def test_what_a_colleague_holds_a_copy_of_stays_on_the_timeline(
    world: LocalWorld, simulator: Simulator
) -> None:
    carl = add_contact(world, ANA, CARL)
    mine = fill(world, simulator, "ana@example.com")
    theirs = fill(world, simulator, "ben@example.com", mails=2)
    assert len(timeline(world, ANA, carl)) == 3

    disconnect(world, ANA, mine, History.ERASE)
    settle(world)

    lines = timeline(world, ANA, carl)
    assert sorted(line.subject for line in lines) == ["Mail 0", "Mail 1"]
    assert {messages.show(world, ANA, line.message_id).mailbox_id for line in lines} == {theirs}
    assert {line.user_id for line in lines} == {"ben"}


def test_history_may_be_erased_later_too(world: LocalWorld, simulator: Simulator) -> None:
    carl = add_contact(world, ANA, CARL)
    mailbox_id = fill(world, simulator, "ana@example.com")
    disconnect(world, ANA, mailbox_id)
    settle(world)
    disconnect(world, ANA, mailbox_id, History.ERASE)
    disconnect(world, ANA, mailbox_id, History.KEEP)
    settle(world)
    assert timeline(world, ANA, carl) == [], "a wish to erase is not taken back by asking again"


def test_a_large_history_is_erased_task_by_task(
    world: LocalWorld, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_limits(simulator)
    monkeypatch.setattr(erasing, "BUDGET", timedelta(0))  # time does not pass by itself here
    carl = add_contact(world, ANA, CARL)
    mailbox_id = fill(world, simulator, "ana@example.com", mails=80)
    assert timeline(world, ANA, carl)
    disconnect(world, ANA, mailbox_id, History.ERASE)
    settle(world)
    assert timeline(world, ANA, carl) == []
    assert not pieces_left(world)


def test_connected_again_everything_comes_in_again(world: LocalWorld, simulator: Simulator) -> None:
    carl = add_contact(world, ANA, CARL)
    mailbox_id = fill(world, simulator, "ana@example.com")
    disconnect(world, ANA, mailbox_id, History.ERASE)
    settle(world)
    again = connect_account(world, ANA, "ana@example.com")
    settle(world)
    assert again.id == mailbox_id
    assert len(timeline(world, ANA, carl)) == 3


def test_it_is_not_connected_again_while_it_is_being_erased(
    world: LocalWorld, simulator: Simulator
) -> None:
    mailbox_id = fill(world, simulator, "ana@example.com")
    disconnect(world, ANA, mailbox_id, History.ERASE)
    with pytest.raises(Conflict, match="still being disconnected"):
        connect_account(world, ANA, "ana@example.com")
    settle(world)
    assert connect_account(world, ANA, "ana@example.com").state is GrantState.CONNECTED


def test_a_worker_that_syncs_it_just_now_stops(world: LocalWorld, simulator: Simulator) -> None:
    mailbox_id = fill(world, simulator, "ana@example.com")
    held = engine.take(world, mailbox_id, world.clock.now())
    disconnect(world, ANA, mailbox_id)
    with pytest.raises(LeaseLost):
        held.save()


def test_erasing_waits_for_a_worker_that_may_still_write(
    world: LocalWorld, simulator: Simulator
) -> None:
    carl = add_contact(world, ANA, CARL)
    mailbox_id = fill(world, simulator, "ana@example.com")
    engine.take(world, mailbox_id, world.clock.now())
    disconnect(world, ANA, mailbox_id, History.ERASE)
    world.clock.sleep(11)
    work(world)
    assert timeline(world, ANA, carl)
    settle(world)
    assert timeline(world, ANA, carl) == []


def test_erasing_waits_for_an_email_that_just_leaves(
    world: LocalWorld, simulator: Simulator
) -> None:
    mailbox_id = fill(world, simulator, "ana@example.com")
    new = emails.NewEmail(mailbox_id, to=(CARL,), subject="Leaving")
    email = emails.create(world, ANA, new)
    sent = records.emails(world.documents, "acme")
    sent.update(
        email.id,
        status=EmailStatus.SENDING,
        lease_until=world.clock.now() + timedelta(seconds=45),
    )
    disconnect(world, ANA, mailbox_id, History.ERASE)
    world.clock.sleep(11)
    work(world)
    assert sent.find(email.id)
    settle(world)
    assert sent.find(email.id) is None


# -- the provider -----------------------------------------------------------------------------------


def google_only(vendor: Vendor) -> None:
    if vendor.name != "google":
        pytest.skip("has no way to take a consent back")


def test_a_provider_that_does_not_answer_is_asked_again(
    world: LocalWorld, simulator: Simulator, vendor: Vendor
) -> None:
    google_only(vendor)
    mailbox_id = fill(world, simulator, "ana@example.com")
    simulator.faults.add(Fault(method=REVOKE, status=503, times=None))
    disconnect(world, ANA, mailbox_id)
    shown = mailboxes.show(world, ANA, mailbox_id)
    assert shown.state is GrantState.DISCONNECTED
    assert "being disconnected" in shown.state_detail
    assert tokens.read(world, mailbox_id), "it is needed to revoke with"

    simulator.faults.clear()
    settle(world)
    assert tokens.read(world, mailbox_id) is None
    client = world.settings.of(GoogleSettings).google_client_id
    assert simulator.google.tokens.granted("ana@example.com", client) == ()


def test_it_waits_by_itself_and_longer_each_time(
    world: LocalWorld, simulator: Simulator, vendor: Vendor
) -> None:
    """Acknowledged: a 503 to the queue would hold up everybody's."""
    google_only(vendor)
    mailbox_id = fill(world, simulator, "ana@example.com")
    simulator.faults.add(Fault(method=REVOKE, status=503, times=None))
    disconnect(world, ANA, mailbox_id)
    tries = []
    for _ in range(3_600):
        world.clock.sleep(1)
        for task in world.backend.tasks.claim(["disconnect_mailbox"], 5, timedelta(minutes=1)):
            tries.append(world.clock.now())
            disconnecting.run(world, task.body["team_id"], task.body["mailbox_id"])
            world.backend.tasks.finish(task)
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert len(tries) < 25
    assert pauses[-1] > 10 * pauses[0]
    assert max(pauses) <= timedelta(minutes=13)


def test_after_a_day_the_tokens_go_all_the_same(
    world: LocalWorld, simulator: Simulator, vendor: Vendor
) -> None:
    google_only(vendor)
    mailbox_id = fill(world, simulator, "ana@example.com")
    simulator.faults.add(Fault(method=REVOKE, status=503, times=None))
    disconnect(world, ANA, mailbox_id)
    world.clock.sleep(23 * 3600)
    work(world)
    assert tokens.read(world, mailbox_id)
    world.clock.sleep(2 * 3600)
    work(world)
    assert tokens.read(world, mailbox_id) is None


def test_a_lost_task_is_made_up_for_by_the_daily_check(
    world: LocalWorld, simulator: Simulator, vendor: Vendor
) -> None:
    google_only(vendor)
    mailbox_id = fill(world, simulator, "ana@example.com")
    with pytest.raises(Killed):  # between the intent and the task
        disconnect(Gremlin(2).haunt(world), ANA, mailbox_id)
    assert tokens.read(world, mailbox_id)
    validation.dispatch(world)
    settle(world)
    assert tokens.read(world, mailbox_id) is None


def test_a_consent_that_another_team_just_gives_is_not_revoked(
    world: LocalWorld, simulator: Simulator, vendor: Vendor
) -> None:
    google_only(vendor)
    mailbox_id = fill(world, simulator, "ana@example.com")
    started = connecting.start(
        world, EVE, connecting.StartConsent(provider_of(world, "ana@example.com"))
    )
    pending = connecting.finish(world, consent(started.authorization_url, "ana@example.com"))

    disconnect(world, ANA, mailbox_id)

    theirs = confirm(world, EVE, pending.connection)
    settle(world)
    assert mailboxes.show(world, EVE, theirs.id).state is GrantState.CONNECTED
    assert tokens.read(world, mailbox_id) is None


def test_a_mailbox_in_passing_trouble_keeps_the_consent_alive_too(
    world: LocalWorld, simulator: Simulator, vendor: Vendor
) -> None:
    google_only(vendor)
    mine = fill(world, simulator, "ana@example.com")
    theirs = connect_account(world, EVE, "ana@example.com")
    kept = records.mailboxes(world.documents, "evil-corp")
    kept.update(theirs.id, state=GrantState.PROVIDER_UNAVAILABLE)
    disconnect(world, ANA, mine)
    world.clock.sleep(3600)
    engine.run(world, theirs.id)
    assert mailboxes.show(world, EVE, theirs.id).state is GrantState.CONNECTED


# -- who may, and what may happen in between ----------------------------------------------------------


def test_only_its_owner_or_an_admin_may(world: LocalWorld, simulator: Simulator) -> None:
    mailbox_id = fill(world, simulator, "ana@example.com")
    with pytest.raises(NotFound):
        disconnect(world, BEN, mailbox_id)
    mailboxes.change(world, ANA, mailbox_id, mailboxes.MailboxChange(shared=True))
    with pytest.raises(Forbidden):
        disconnect(world, BEN, mailbox_id, History.ERASE)


@pytest.mark.parametrize("history", History)
def test_death_anywhere_leaves_nothing_half_done(
    world: LocalWorld, simulator: Simulator, history: History
) -> None:
    without_limits(simulator)
    carl = add_contact(world, ANA, CARL)
    fill(world, simulator, "ben@example.com")
    mailbox_id = fill(world, simulator, "ana@example.com")
    deaths = 0
    for kill_at in count(1):
        haunted = Gremlin(kill_at).haunt(world)
        try:
            disconnect(haunted, ANA, mailbox_id, history)
            world.clock.sleep(60)
            run_tasks(world, haunted)
        except Killed:
            deaths += 1
        else:
            break
        disconnect(world, ANA, mailbox_id, history)
        settle(world)
        assert mailboxes.show(world, ANA, mailbox_id).state is GrantState.DISCONNECTED
        assert tokens.read(world, mailbox_id) is None
        lines = timeline(world, ANA, carl)
        assert len(lines) == 3, f"after death {kill_at}"
        assert all(messages.show(world, ANA, line.message_id) for line in lines)
        connect_account(world, ANA, "ana@example.com")
        settle(world)
    assert deaths > 8


def run_tasks(world: LocalWorld, haunted: World) -> None:
    """The task at hand, by a worker that may die; then it comes again."""
    for task in world.backend.tasks.claim(["disconnect_mailbox"], 10, timedelta(minutes=10)):
        try:
            TASKS[task.function](haunted, task.body)
        except Killed:
            world.backend.tasks.retry(task, timedelta(seconds=10))
            raise
        world.backend.tasks.finish(task)
