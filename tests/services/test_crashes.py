"""Killed between any two effects and run again: nothing lost, nothing doubled.

Each test first counts the points of an undisturbed run, then dies at every one of them in turn."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest

from infra.simulator import Simulator
from shared.domain.emails import EmailStatus
from shared.ports.world import World
from shared.providers.google.declaration import GoogleSettings
from shared.services.accounts import connecting, mailboxes
from shared.services.paging import PageQuery
from shared.services.sending import delivery, emails
from shared.services.syncing import engine
from shared.services.timelines import contacts
from tests.gremlin import Gremlin, Killed
from tests.vendors import Vendor, without_limits
from tests.world import (
    ANA,
    FakeClock,
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


class Scene:
    """Fresh accounts and a fresh store for every death; one simulator for all."""

    def __init__(self, folder: Path, simulator: Simulator, clock: FakeClock) -> None:
        self._folder = folder
        self._simulator = simulator
        self._clock = clock
        self._numbers = count()

    @contextmanager
    def world(self) -> Iterator[tuple[LocalWorld, str]]:
        number = next(self._numbers)
        account = f"ana{number}@example.com"
        self._simulator.add_account(account)
        world = LocalWorld(self._folder / str(number), self._simulator, self._clock)
        try:
            yield world, account
        finally:
            world.backend.close()


@pytest.fixture
def scene(tmp_path: Path, simulator: Simulator, clock: FakeClock) -> Scene:
    without_limits(simulator)
    return Scene(tmp_path, simulator, clock)


def every_death(
    scene: Scene,
    prepare: Callable[[LocalWorld, str], str],
    attempt: Callable[[World, str], None],
    check: Callable[[LocalWorld, str, str], None],
) -> int:
    """How many different deaths were died."""
    for kill_at in count(1):
        gremlin = Gremlin(kill_at)
        with scene.world() as (world, account):
            subject = prepare(world, account)
            with suppress(Killed):
                attempt(gremlin.haunt(world), subject)
            if gremlin.points < kill_at:
                return kill_at - 1
            settle(world)
            attempt(world, subject)
            settle(world)
            try:
                check(world, account, subject)
            except AssertionError as error:
                raise AssertionError(f"after death {kill_at}: {error}") from error
    raise AssertionError("unreachable")


def test_sync_mailbox_first_sync(scene: Scene, simulator: Simulator) -> None:
    def prepare(world: LocalWorld, account: str) -> str:
        add_contact(world, ANA, CARL)
        for number in range(3):
            simulator.deliver(mail(CARL, account, f"Past {number}"), to=account)
        return connect_account(world, ANA, account).id

    def check(world: LocalWorld, account: str, mailbox_id: str) -> None:
        simulator.deliver(mail(CARL, account, "New"), to=account)
        engine.run(world, mailbox_id)
        assert subjects(world) == Counter(["Past 0", "Past 1", "Past 2", "New"])

    assert every_death(scene, prepare, engine.run, check) > 15


def test_sync_mailbox_following_changes(scene: Scene, simulator: Simulator) -> None:
    def prepare(world: LocalWorld, account: str) -> str:
        add_contact(world, ANA, CARL)
        mailbox = connect_account(world, ANA, account)
        work(world)
        for number in range(3):
            simulator.deliver(mail(CARL, account, f"In {number}"), to=account)
        simulator.deliver(mail(account, CARL, "Out"), to=account, labels=["SENT"])
        return mailbox.id

    def check(world: LocalWorld, _account: str, _mailbox_id: str) -> None:
        assert subjects(world) == Counter(["In 0", "In 1", "In 2", "Out"])

    assert every_death(scene, prepare, engine.run, check) > 10


def test_sync_mailbox_after_its_cursor_expired(scene: Scene, simulator: Simulator) -> None:
    def prepare(world: LocalWorld, account: str) -> str:
        add_contact(world, ANA, CARL)
        simulator.deliver(mail(CARL, account, "Past"), to=account)
        mailbox = connect_account(world, ANA, account)
        work(world)
        simulator.deliver(mail(CARL, account, "Missed"), to=account)
        simulator.expire_history(account)
        return mailbox.id

    def check(world: LocalWorld, account: str, mailbox_id: str) -> None:
        simulator.deliver(mail(CARL, account, "New"), to=account)
        engine.run(world, mailbox_id)
        assert subjects(world) == Counter(["Past", "Missed", "New"])

    assert every_death(scene, prepare, engine.run, check) > 15


def test_deliver_email(scene: Scene, simulator: Simulator, vendor: Vendor) -> None:
    undecided = 0

    def prepare(world: LocalWorld, account: str) -> str:
        add_contact(world, ANA, CARL)
        mailbox = connect_account(world, ANA, account)
        work(world)
        new = emails.NewEmail(mailbox.id, to=(CARL,), subject=f"From {account}", html="<p>Hi</p>")
        return emails.create(world, ANA, new).id

    def attempt(world: World, email_id: str) -> None:
        delivery.run(world, ANA.team_id, email_id)

    def check(world: LocalWorld, account: str, email_id: str) -> None:
        nonlocal undecided
        shown = emails.show(world, ANA, email_id)
        if shown.status is EmailStatus.UNKNOWN:
            undecided += 1
            assert sent_by(simulator, account) == 0
            return
        assert shown.status is EmailStatus.SENT, shown
        assert shown.rfc_message_id.endswith(vendor.sent_id)
        assert sent_by(simulator, account) == 1
        engine.run(world, shown.mailbox_id)
        assert subjects(world) == Counter([f"From {account}"])
        labels = [label for found in simulator.messages(account) for label in found.labels]
        assert "DRAFT" not in labels

    assert every_death(scene, prepare, attempt, check) > 15
    # Dead between the record that it leaves and the call: only a draft left behind can tell.
    assert undecided == (0 if vendor.drafts else 2)


def test_writing_an_email_with_an_idempotency_key(scene: Scene, simulator: Simulator) -> None:
    def prepare(world: LocalWorld, account: str) -> str:
        return connect_account(world, ANA, account).id

    def attempt(world: World, mailbox_id: str) -> None:
        new = emails.NewEmail(mailbox_id, to=(CARL,), subject="Once")
        emails.create(world, ANA, new, "key")

    def check(_world: LocalWorld, account: str, _mailbox_id: str) -> None:
        assert sent_by(simulator, account) == 1

    assert every_death(scene, prepare, attempt, check) >= 4


def test_confirming_a_connection(scene: Scene, simulator: Simulator) -> None:
    def prepare(world: LocalWorld, account: str) -> str:
        add_contact(world, ANA, CARL)
        simulator.deliver(mail(CARL, account, "Past"), to=account)
        started = connecting.start(world, ANA, connecting.StartConsent(provider_of(world, account)))
        return connecting.finish(world, consent(started.authorization_url, account)).connection

    def attempt(world: World, connection: str) -> None:
        confirm(world, ANA, connection)

    def settled_check(world: LocalWorld, _account: str, _connection: str) -> None:
        assert subjects(world) == Counter(["Past"])
        query = PageQuery()
        assert len(mailboxes.list_(world, ANA, query).mailboxes) == 1

    for kill_at in count(1):  # no time may pass in between: the connection would expire
        gremlin = Gremlin(kill_at)
        with scene.world() as (world, account):
            connection = prepare(world, account)
            with suppress(Killed):
                attempt(gremlin.haunt(world), connection)
            if gremlin.points < kill_at:
                break
            attempt(world, connection)
            settle(world)
            settled_check(world, account, connection)
    assert kill_at > 8


def test_disconnecting(scene: Scene, simulator: Simulator, vendor: Vendor) -> None:
    def prepare(world: LocalWorld, account: str) -> str:
        mailbox = connect_account(world, ANA, account)
        work(world)
        return mailbox.id

    def attempt(world: World, mailbox_id: str) -> None:
        disconnect(world, ANA, mailbox_id)

    def check(world: LocalWorld, account: str, mailbox_id: str) -> None:
        assert world.secrets.get(f"mailbox-{mailbox_id}") is None
        if vendor.name == "google":  # the other has no way to take a grant back
            client = world.settings.of(GoogleSettings).google_client_id
            assert simulator.google.tokens.granted(account, client) == ()

    assert every_death(scene, prepare, attempt, check) > 5


def subjects(world: LocalWorld) -> Counter[str]:
    """Of everything on every timeline of the team."""
    found = contacts.list_(world, ANA, contacts.ContactQuery()).contacts
    return Counter(line.subject for one in found for line in timeline(world, ANA, one.id))


def sent_by(simulator: Simulator, account: str) -> int:
    return sum(left.sender == account for left in simulator.left())
