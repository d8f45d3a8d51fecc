"""The status counts what is there, on both backends, and says what to do about what is wrong."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from infra.operate import queues, status, status_screen
from infra.operate.deployment import Deployment
from infra.operate.status import QueueState
from infra.simulator import Simulator
from shared import records
from shared.config import Settings
from shared.domain.caller import Caller
from shared.services import schedule
from shared.services.accounts import mailboxes
from shared.services.sending import emails
from tests.gcp import emulator
from tests.gcp.world import CloudWorld
from tests.operate.conftest import OUTPUTS, FakeGoogle
from tests.world import ANA, EVE, FakeClock, LocalWorld, connect_account, disconnect, work

Text = Callable[[], str]


@pytest.fixture(params=["embedded", "firestore"])
def world(
    request: pytest.FixtureRequest, tmp_path: Path, simulator: Simulator, clock: FakeClock
) -> Iterator[LocalWorld]:
    if request.param == "firestore" and (why := emulator.missing()):
        pytest.skip(why)
    make = LocalWorld if request.param == "embedded" else CloudWorld
    made = make(tmp_path, simulator, clock)
    yield made
    made.backend.close()


def connect(world: LocalWorld, caller: Caller, address: str) -> mailboxes.MailboxView:
    world.simulator.add_account(address)
    return connect_account(world, caller, address)


def write_email(world: LocalWorld, mailbox_id: str, state: str, *, days: int = 0) -> str:
    """One that came into that state so many days ago."""
    new = emails.NewEmail(mailbox_id=mailbox_id, draft=True)
    key = f"{state}-{days}"
    id = emails.create(world, ANA, new, key).id
    moment = world.clock.now() - timedelta(days=days)
    records.emails(world.documents, "acme").update(id, status=state, updated_at=moment)
    return id


def test_mailboxes_are_counted_by_state_over_all_teams(world: LocalWorld) -> None:
    connect(world, ANA, "ana@example.com")
    connect(world, EVE, "eve@example.com")
    gone = connect(world, ANA, "old@example.com")
    disconnect(world, ANA, gone.id)
    counts = status.read(world).mailboxes
    assert {state: count for state, count in counts.items() if count} == {
        "connected": 2,
        "disconnected": 1,
    }


def test_lateness_is_that_of_the_most_overdue_mailbox(world: LocalWorld) -> None:
    mailboxes = [connect(world, ANA, f"user{number}@example.com") for number in range(3)]
    schedule.dispatch(world)
    assert status.read(world).due == 0
    assert status.read(world).lag == timedelta(0)
    now = world.clock.now()
    for mailbox, minutes in zip(mailboxes, (5, 90, -5), strict=True):
        due = now - timedelta(minutes=minutes)
        records.syncs(world.documents).update(mailbox.id, next_sync_at=due)
    found = status.read(world)
    assert (found.due, found.lag) == (2, timedelta(minutes=90))
    assert [one.mailbox_id for one in found.behind] == [mailboxes[1].id, mailboxes[0].id]


def test_emails_are_counted_by_status_for_a_day(world: LocalWorld) -> None:
    mailbox = connect(world, ANA, "ana@example.com")
    write_email(world, mailbox.id, "failed")
    write_email(world, mailbox.id, "sent")
    write_email(world, mailbox.id, "failed", days=2)
    counts = status.read(world).emails
    assert (counts["failed"], counts["sent"], counts["unknown"]) == (1, 1, 0)


def test_an_email_that_nobody_took_care_of_is_stuck(world: LocalWorld) -> None:
    mailbox = connect(world, ANA, "ana@example.com")
    id = write_email(world, mailbox.id, "queued")
    assert status.read(world).stuck == 0
    due = world.clock.now() - timedelta(minutes=1)
    records.emails(world.documents, "acme").update(id, due_at=due)
    assert status.read(world).stuck == 1


# -- queues -----------------------------------------------------------------------------------------


def test_the_tasks_of_this_machine_are_counted(
    tmp_path: Path, simulator: Simulator, clock: FakeClock
) -> None:
    world = LocalWorld(tmp_path, simulator, clock)
    connect(world, ANA, "ana@example.com")
    here = Settings(backend="infra.embedded", embedded_data=str(tmp_path))
    assert queues.of_machine(here) == [QueueState("all", 1, 0, "")]
    work(world)
    assert queues.of_machine(here) == [QueueState("all", 0, 0, "")]
    world.backend.close()


def test_cloud_tasks_estimates_are_asked_for(fake_google: FakeGoogle) -> None:
    stats = {"tasksCount": "7", "concurrentDispatchesCount": "2"}
    fake_google.says("queues/acme-sync", state="PAUSED", stats=stats)
    deployment = msgspec.convert(OUTPUTS, Deployment)
    [found] = queues.of_deployment(fake_google.google, deployment)
    assert found == QueueState("sync", 7, 2, "is paused")
    assert "/v2beta3/projects/acme-mail/locations/europe-west1/queues/acme-sync" in (
        fake_google.asked[0].target
    )
    assert "readMask=state%2Cstats" in fake_google.asked[0].target


def test_a_queue_that_cannot_be_seen_is_not_empty(fake_google: FakeGoogle) -> None:
    fake_google.refuses("queues/acme-sync", 403, "permission denied")
    [found] = queues.of_deployment(fake_google.google, msgspec.convert(OUTPUTS, Deployment))
    assert (found.waiting, found.note) == (None, "unknown: permission denied")


def test_what_a_day_takes_of_gmails_units_is_told(world: LocalWorld) -> None:
    connect(world, ANA, "ana@example.com")
    connect(world, EVE, "eve@example.com")
    assert status.read(world).daily_units == 2 * 2 * 288


# -- the screen -------------------------------------------------------------------------------------


def test_everything_is_on_the_screen(world: LocalWorld, screen: Console, text: Text) -> None:
    mailbox = connect(world, ANA, "ana@example.com")
    late = world.clock.now() - timedelta(hours=3)
    records.syncs(world.documents).update(
        mailbox.id, next_sync_at=late, last_error="Gmail asks to wait."
    )
    write_email(world, mailbox.id, "failed")
    shown = [QueueState("sync", None, note="unknown: no"), QueueState("deliver", 3)]
    status_screen.show(status.read(world), shown, screen, " ENVIRONMENT=acme")
    for part in (
        mailbox.id,
        "3 h ago",
        "never",
        "Gmail asks to wait.",
        "unknown: no",
        "connected",
        "80,000,000",
    ):
        assert part in text()
    assert "make logs FUNCTION=dispatch_syncs,sync_mailbox SEVERITY=warning ENVIRONMENT" in text()
    assert "make logs FUNCTION=deliver_email" in text()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200_000, "2 d")],
)
def test_durations_are_said_in_a_unit_that_fits(seconds: int, said: str) -> None:
    assert status_screen.duration(timedelta(seconds=seconds)) == said
