"""Events: one with every change and none without, thin, gap-free, seen by whom they concern."""

import os
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import BoundedSemaphore
from typing import Any, TypeVar

import msgspec
import pytest
from msgspec import structs

from infra.simulator import Simulator
from shared import metering, records
from shared.domain.access import ThreadAccess
from shared.domain.caller import Caller
from shared.domain.errors import Gone, InvalidRequest
from shared.domain.events import KEPT, Audience, Event
from shared.domain.mailboxes import History, Visibility
from shared.ports.documents import DocumentStore, Query, Write
from shared.services.accounts import mailboxes, team
from shared.services.events import log
from shared.services.events.log import EventQuery, EventView
from shared.services.sending import emails
from shared.services.timelines import threads
from tests.world import (
    ANA,
    BEN,
    EVE,
    FakeClock,
    LocalWorld,
    add_contact,
    connect_account,
    disconnect,
    mail,
    settle,
    timeline,
    work,
)

CARL = "carl@client.example"
T = TypeVar("T")


def all_events(world: LocalWorld, caller: Caller = ANA, **query: Any) -> list[EventView]:
    found: list[EventView] = []
    page = log.read(world, caller, EventQuery(**query))
    while True:
        found += page.events
        if not page.more:
            return found
        page = log.read(world, caller, EventQuery(**query | {"after": page.after}))


def types(world: LocalWorld, caller: Caller = ANA, **query: Any) -> list[str]:
    return [event.type for event in all_events(world, caller, **query)]


@pytest.fixture
def mailbox(world: LocalWorld, simulator: Simulator) -> str:
    simulator.add_account("ana@example.com")
    return connect_account(world, ANA, "ana@example.com").id


def tell(world: LocalWorld, number: int) -> Write:
    """An event as the outbox writes it, of the team's own."""
    event = Event(
        id=f"{number:010}{'x' * 16}",
        team_id="acme",
        type="contact.changed",
        subject=f"/contacts/{number}",
        sequence=1,
        audience=Audience(contact_id=str(number)),
        expires_at=world.clock.now() + KEPT,
    )
    return records.events(world.documents, "acme").creating(event.id, event, stamped=("at",))


# -- what is told -----------------------------------------------------------------------------------


def test_a_mailboxs_life_is_told(world: LocalWorld, simulator: Simulator, mailbox: str) -> None:
    carl = add_contact(world, ANA, CARL)
    simulator.deliver(mail(CARL, "ana@example.com"), to="ana@example.com")
    settle(world)
    new = emails.NewEmail(mailbox, to=(CARL,), subject="Hello")
    email = emails.create(world, ANA, new)
    settle(world)
    wanted = mailboxes.MailboxChange(visibility=Visibility.METADATA)
    mailboxes.change(world, ANA, mailbox, wanted)
    disconnect(world, ANA, mailbox, History.ERASE)
    settle(world)

    told = types(world)
    assert told[0] == "mailbox.connected"
    assert {"contact.changed", "activity.created", "import.progress"} <= set(told)
    assert types(world, subject=f"/emails/{email.id}") == ["email.queued", "email.sent"]
    ends = [one for one in told if one.startswith("mailbox.")][-3:]
    assert ends == ["mailbox.visibility_changed", "mailbox.disconnected", "mailbox.erased"]
    assert all_events(world, types="contact")[0].data == {"contact_id": carl, "change": "created"}


@pytest.mark.usefixtures("mailbox")
def test_a_grants_end_says_who_has_to_act(world: LocalWorld, simulator: Simulator) -> None:
    simulator.revoke_grant("ana@example.com")
    work(world)
    (event,) = all_events(world, types="mailbox.state_changed")
    assert (event.data["state"], event.data["who_acts"]) == ("needs_reconnect", "user")


def test_no_event_holds_what_anybody_wrote(
    world: LocalWorld, simulator: Simulator, mailbox: str
) -> None:
    """Canaries in every address, name, subject and text."""
    add_contact(world, ANA, "canary-1@canary.example")
    sender, to = '"Canary Two" <canary-1@canary.example>', "ana@example.com"
    simulator.deliver(mail(sender, to, "canary three", "canary four"), to=to)
    emails.create(
        world, ANA, emails.NewEmail(mailbox, to=("canary-5@canary.example",), subject="canary")
    )
    settle(world)
    disconnect(world, ANA, mailbox, History.ERASE)
    settle(world)
    stored = world.documents.query(Query("teams/acme/events", (), ("at",), 500)).documents
    assert len(stored) > 5
    for document in stored:
        assert b"canary" not in msgspec.json.encode(document.data).lower()
        assert b"example" not in msgspec.json.encode(document.data)


# -- in one write -----------------------------------------------------------------------------------


def revisions(world: LocalWorld) -> dict[str, int]:
    """Of everything that events tell of, by the path that is their subject."""
    documents, team = world.documents, "acme"
    found = {}
    for one in records.mailboxes(documents, team).page(limit=500)[0]:
        found[f"/mailboxes/{one.id}"] = one.revision
    for email in records.emails(documents, team).page(limit=500)[0]:
        found[f"/emails/{email.id}"] = email.revision
    for contact in records.contacts(documents, team).page(limit=500)[0]:
        found[f"/contacts/{contact.id}"] = contact.revision
        for line in records.activities(documents, team, contact.id).page(limit=500)[0]:
            found[f"/activities/{line.id}"] = line.revision
    for state in records.syncs(documents).page(limit=500)[0]:
        found[f"/mailboxes/{state.mailbox_id}/imports/{state.feed}"] = state.revision
    return found


def test_a_death_between_any_two_writes_leaves_no_change_without_its_event(
    world: LocalWorld, simulator: Simulator
) -> None:
    """Each commit is looked at: the events of a subject are as many as its revisions."""

    class Checked:
        """A store after each of whose commits a worker might have died."""

        def __init__(self, inner: DocumentStore) -> None:
            self._inner = inner
            self.commits = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

        def write(self, *batch: Write) -> None:
            self._inner.write(*batch)
            self._look()

        def transaction(self, work: Callable[[Any], T]) -> T:
            result = self._inner.transaction(work)
            self._look()
            return result

        def _look(self) -> None:
            self.commits += 1
            told: dict[str, list[int]] = {}
            page = self._inner.query(Query("teams/acme/events", (), ("at",), 500))
            for document in page.documents:
                told.setdefault(document.data["subject"], []).append(document.data["sequence"])
            for path, revision in revisions(world).items():
                assert sorted(told.get(path, [])) == list(range(1, revision + 1)), path

    checked = Checked(world.backend.documents)
    world.backend.documents = checked  # type: ignore[assignment]
    simulator.add_account("ana@example.com")
    add_contact(world, ANA, CARL)
    simulator.deliver(mail(CARL, "ana@example.com"), to="ana@example.com")
    mailbox = connect_account(world, ANA, "ana@example.com").id
    settle(world)
    emails.create(world, ANA, emails.NewEmail(mailbox, to=(CARL,), subject="Hello"))
    draft = emails.create(world, ANA, emails.NewEmail(mailbox, to=(CARL,), draft=True))
    emails.cancel(world, ANA, draft.id)
    simulator.revoke_grant("ana@example.com")
    world.clock.sleep(3600)
    settle(world)
    connect_account(world, ANA, "ana@example.com")
    settle(world)
    assert checked.commits > 30


# -- reading ----------------------------------------------------------------------------------------


class Late:
    """A store as Firestore is: a batch is stamped when it is asked for, and seen once it is committed.
    Those that `hold` chooses are committed when told."""

    def __init__(self, inner: DocumentStore, clock: FakeClock) -> None:
        self._inner, self._clock = inner, clock
        self.held: list[tuple[Write, ...]] = []
        self.hold = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def write(self, *batch: Write) -> None:
        now = self._clock.now()
        stamped = tuple(
            msgspec.structs.replace(
                one, data=one.data | dict.fromkeys(one.stamped, now), stamped=()
            )
            for one in batch
        )
        if self.hold:
            self.held.append(stamped)
        else:
            self._inner.write(*stamped)

    def commit(self) -> None:
        for batch in self.held:
            self._inner.write(*batch)
        self.held.clear()


def numbers(events: list[EventView]) -> list[int]:
    return [int(event.subject.rpartition("/")[2]) for event in events]


def late_commit(world: LocalWorld, clock: FakeClock) -> list[int]:
    """One commit 14 s behind newer ones; what a reader that looks every second is told."""
    store = Late(world.backend.documents, clock)
    world.backend.documents = store  # type: ignore[assignment]
    told: list[int] = []
    after = ""
    for second in range(60):
        store.hold = second == 20
        store.write(tell(world, second))
        if second == 34:
            store.commit()
        page = log.read(world, ANA, EventQuery(after=after, limit=7))
        told += numbers(page.events)
        after = page.after
        clock.sleep(1)
    return told


def test_a_commit_14_seconds_behind_newer_ones_is_delivered_once(
    world: LocalWorld, clock: FakeClock
) -> None:
    assert sorted(late_commit(world, clock)) == list(range(60))


def test_without_the_overlap_it_would_be_missed(
    world: LocalWorld, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "OVERLAP", timedelta(0))
    assert 20 not in late_commit(world, clock)


def test_a_reader_cut_at_random_misses_none_of_many_writers_with_clocks_apart(
    world: LocalWorld, clock: FakeClock
) -> None:
    writers, each = 8, 1_250 if os.environ.get("TEST_ALL") else 40

    def write(writer: int) -> None:
        for number in range(each):
            world.documents.write(tell(world, writer * each + number))
            clock.sleep(random.Random(writer + number).uniform(-5, 5.02))  # noqa: S311

    told: list[int] = []
    after, dice = "", random.Random(7)  # noqa: S311
    with ThreadPoolExecutor(writers) as pool:
        jobs = [pool.submit(write, writer) for writer in range(writers)]
        while True:
            ended = all(job.done() for job in jobs)
            page = log.read(world, ANA, EventQuery(after=after, limit=50))
            if dice.random() < 0.3:
                continue  # cut: the answer was lost, and is asked for again
            told += numbers(page.events)
            after = page.after
            if ended and not page.more and not page.events:
                clock.sleep(31)
                if not (rest := log.read(world, ANA, EventQuery(after=after, limit=500))).events:
                    break
                told, after = told + numbers(rest.events), rest.after
    assert sorted(told) == list(range(writers * each))


def test_a_long_poll_answers_when_something_happens(
    world: LocalWorld, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = log.read(world, ANA, EventQuery(after="latest"))
    real = clock.sleep

    def meanwhile(seconds: float) -> None:
        real(seconds)
        if clock.now() - begun > timedelta(seconds=3) and not written:
            written.append(1)
            world.documents.write(tell(world, 1))

    written: list[int] = []
    begun = clock.now()
    monkeypatch.setattr(clock, "sleep", meanwhile)
    page = log.read(world, ANA, EventQuery(after=before.after, wait=20))
    assert numbers(page.events) == [1]
    assert timedelta(seconds=3) < clock.now() - begun < timedelta(seconds=5)
    assert log.read(world, ANA, EventQuery(after=page.after, wait=2)).events == []


def test_a_token_is_its_readers_and_dies_with_the_events(
    world: LocalWorld, clock: FakeClock
) -> None:
    token = log.read(world, ANA, EventQuery(after="latest")).after
    for other in (BEN, EVE):
        with pytest.raises(InvalidRequest):
            log.read(world, other, EventQuery(after=token))
    clock.sleep(KEPT.total_seconds() + 25 * 3600)
    with pytest.raises(Gone):
        log.read(world, ANA, EventQuery(after=token))


# -- whom they concern ------------------------------------------------------------------------------


@pytest.fixture
def story(world: LocalWorld, simulator: Simulator, mailbox: str) -> str:
    carl = add_contact(world, BEN, CARL)
    simulator.deliver(mail(CARL, "ana@example.com"), to="ana@example.com")
    settle(world)
    emails.create(world, ANA, emails.NewEmail(mailbox, to=(CARL,), subject="Hello"))
    settle(world)
    return carl


def seen_by_ben(world: LocalWorld) -> set[str]:
    return {one.partition(".")[0] for one in types(world, BEN)}


@pytest.mark.usefixtures("story")
def test_events_follow_what_their_reader_may_see_today(world: LocalWorld, mailbox: str) -> None:
    assert seen_by_ben(world) == {"contact", "activity"}
    hide = mailboxes.MailboxChange(visibility=Visibility.NOTHING)
    mailboxes.change(world, ANA, mailbox, hide)
    assert types(world, BEN) == ["contact.changed", "mailbox.visibility_changed"]
    share = mailboxes.MailboxChange(shared=True, visibility=Visibility.EVERYTHING)
    mailboxes.change(world, ANA, mailbox, share)
    assert seen_by_ben(world) == {"contact", "activity", "email", "mailbox", "import"}
    assert all_events(world, EVE) == []


@pytest.mark.usefixtures("story")
def test_what_the_whole_team_ceases_to_see_is_told_to_all_of_it(world: LocalWorld) -> None:
    admin = structs.replace(ANA, admin=True)
    narrower = team.TeamChange(widest_visibility=Visibility.NOTHING)
    for _ in range(2):  # the second changes nothing
        team.change(world, admin, narrower)
    assert types(world, BEN) == ["contact.changed", "team.visibility_changed"]
    assert all_events(world, EVE) == []


@pytest.mark.usefixtures("mailbox")
def test_a_private_threads_events_are_its_owners(world: LocalWorld, story: str) -> None:
    for line in timeline(world, ANA, story):
        message = records.messages(world.documents, "acme").get(line.message_id)
        change = threads.ThreadChange(ThreadAccess.PRIVATE)
        threads.change(world, ANA, message.thread, change)
    assert seen_by_ben(world) == {"contact", "thread"}
    assert "activity.created" in types(world, ANA)


def test_latest_misses_no_commit_that_is_late(world: LocalWorld, clock: FakeClock) -> None:
    store = Late(world.backend.documents, clock)
    world.backend.documents = store  # type: ignore[assignment]
    store.write(tell(world, 0))
    clock.sleep(1)
    store.hold = True
    store.write(tell(world, 1))
    clock.sleep(1)
    latest = log.read(world, ANA, EventQuery(after="latest"))
    assert latest.events == []
    clock.sleep(3)
    store.commit()
    assert numbers(log.read(world, ANA, EventQuery(after=latest.after)).events) == [1]


def test_a_poll_in_which_nothing_happens_costs_a_read_each_time(world: LocalWorld) -> None:
    for number in range(50):
        world.documents.write(tell(world, number))
    after = log.read(world, ANA, EventQuery()).after
    with metering.measured() as meter:
        assert log.read(world, ANA, EventQuery(after=after, wait=20)).events == []
    polls = 20 / log.POLL_SECONDS
    assert meter.store_reads < 2 * 52 + 2 * polls + 10


def test_those_who_wait_leave_room_for_those_who_do_not(
    world: LocalWorld, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = log.read(world, ANA, EventQuery(after="latest")).after
    monkeypatch.setattr(log, "_waiting", BoundedSemaphore(1))
    assert log._waiting.acquire(blocking=False)
    begun = clock.now()
    assert log.read(world, ANA, EventQuery(after=after, wait=20)).events == []
    assert clock.now() == begun
