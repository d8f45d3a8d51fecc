"""One worker at a time, and whoever lost the right finds out before anything of theirs is written."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from infra.embedded import Embedded
from shared import records
from shared.domain.emails import Email, EmailStatus
from shared.domain.errors import AlreadyExists, Busy, LeaseLost, NotFound
from shared.domain.leases import Leasable, Lease
from shared.domain.mailboxes import Disconnection, History, Mailbox
from shared.domain.sync import SyncState
from shared.domain.tokens import CachedToken
from shared.records import Change, Collection, leased
from tests.world import FakeClock

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LENGTH = timedelta(seconds=45)

RECORDS: dict[str, Callable[[], Leasable]] = {
    "sync": lambda: SyncState(mailbox_id="m", team_id="t", shard=0, next_sync_at=NOW),
    "email": lambda: Email(
        id="e",
        team_id="t",
        user_id="u",
        mailbox_id="m",
        status=EmailStatus.QUEUED,
        created_at=NOW,
        updated_at=NOW,
    ),
    "disconnection": lambda: Mailbox(
        id="m",
        team_id="t",
        user_id="u",
        provider="google",
        account_id="1",
        address="a@example.com",
        state_since=NOW,
        created_at=NOW,
        updated_at=NOW,
        disconnection=Disconnection(history=History.KEEP),
    ),
    "token": CachedToken,
}


@pytest.fixture(params=RECORDS)
def collection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Collection[Any]]:
    backend = Embedded(tmp_path)
    record = RECORDS[request.param]()
    kept: Collection[Any] = Collection(backend.documents, "things", type(record))
    kept.create("x", record)
    yield kept
    backend.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def take(collection: Collection[Any], clock: FakeClock) -> records.Leased[Any]:
    lease = leased.take(collection, "x", clock=clock, length=LENGTH)
    assert lease is not None
    return lease


def test_a_second_worker_hears_until_when_the_first_is_at_work(
    collection: Collection[Any], clock: FakeClock
) -> None:
    take(collection, clock)
    with pytest.raises(Busy) as busy:
        take(collection, clock)
    assert busy.value.until == clock.now() + LENGTH


def test_whoever_was_taken_over_writes_nothing_more(
    collection: Collection[Any], clock: FakeClock
) -> None:
    slow = take(collection, clock)
    clock.sleep(46)
    fast = take(collection, clock)
    before = collection.versioned("x")
    for write in (slow.save, slow.release, lambda: slow.releasing(slow.record)):
        with pytest.raises(LeaseLost):
            write()
    assert collection.versioned("x") == before
    fast.release()


def test_a_released_record_is_free_and_its_fence_never_falls(
    collection: Collection[Any], clock: FakeClock
) -> None:
    fences = []
    for _ in range(3):
        lease = take(collection, clock)
        fences.append(lease.record.lease.fence)
        lease.save()
        lease.release()
    assert fences == [1, 2, 3]
    assert collection.get("x").lease == Lease(fence=3)


def test_a_lease_on_what_is_deleted_is_lost(collection: Collection[Any], clock: FakeClock) -> None:
    lease = take(collection, clock)
    record = collection.get("x")
    collection.delete("x")
    with pytest.raises(LeaseLost):
        lease.save()
    collection.create("x", record.with_lease(Lease()))
    take(collection, clock)  # the same fence again, another holder
    with pytest.raises(LeaseLost):
        lease.save()


def test_a_decision_that_finds_nothing_to_do_takes_nothing(
    collection: Collection[Any], clock: FakeClock
) -> None:
    before = collection.versioned("x")
    assert leased.take(collection, "x", clock=clock, length=LENGTH, decide=lambda _: None) is None
    assert collection.versioned("x") == before
    with pytest.raises(NotFound):
        leased.take(collection, "y", clock=clock, length=LENGTH)


def test_old_leases_are_renewed_and_young_ones_cost_no_write(
    collection: Collection[Any], clock: FakeClock
) -> None:
    lease = take(collection, clock)
    young = collection.versioned("x")
    lease.renew_if_old()
    assert collection.versioned("x") == young
    clock.sleep(30)
    lease.renew_if_old()
    assert collection.get("x").lease.until == clock.now() + LENGTH


def test_what_the_record_becomes_and_what_goes_with_it_are_one_write(
    collection: Collection[Any], clock: FakeClock
) -> None:
    lease = take(collection, clock)
    collection.create("there already", collection.get("x"))
    also = [collection.creating("there already", collection.get("x"))]
    with pytest.raises(AlreadyExists):
        lease.release(lambda record: Change(record, also))
    assert collection.get("x").lease.runs(clock.now())


@given(st.lists(st.sampled_from(["taken", "renewed", "released", "broken"]), max_size=30))
def test_no_sequence_of_workers_makes_a_fence_fall_or_two_holders_one(steps: list[str]) -> None:
    lease, fences, holders, now = Lease(), [0], set[str](), NOW
    for step in steps:
        now += LENGTH
        match step:
            case "taken":
                lease = lease.taken(now + LENGTH, LENGTH)
                assert lease.holder not in holders
                holders.add(lease.holder)
            case "renewed":
                lease = lease.renewed(now, LENGTH)
                now += 2 * LENGTH
            case "released":
                lease = lease.released()
            case "broken":
                lease = structs.replace(lease.broken(), until=None)
        fences.append(lease.fence)
    assert fences == sorted(fences)
