"""The right to work on one mailbox, its sync state while one holds it, and what is due."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from shared import records
from shared.domain import ids
from shared.domain.errors import Busy, Conflict
from shared.domain.sync import SHARDS, Lease, SyncState
from shared.ports.documents import Transaction, Where
from shared.ports.tasks import Task
from shared.ports.world import World

LEASE = timedelta(seconds=45)
"""Renewed before every round of requests; longer than the slowest of them."""
SLOT_SECONDS = 3
PAGE = 200
"""Mailboxes whose tasks are made together."""

Due = Literal["next_sync_at", "check_at"]


def task(mailbox_id: str, *, name: str = "", not_before: datetime | None = None) -> Task:
    return Task("sync_mailbox", {"mailbox_id": mailbox_id}, not_before, name)


def soon(world: World, mailbox_id: str) -> Task:
    """A sync within seconds: however many ask for it at once, it is one task."""
    slot = int(world.clock.now().timestamp() // SLOT_SECONDS) + 1
    at = datetime.fromtimestamp(slot * SLOT_SECONDS, UTC)
    return task(mailbox_id, name=ids.derived("sync-soon", mailbox_id, str(slot)), not_before=at)


_WORKERS = (
    "cursor",
    "covered_through",
    "covered_recent",
    "importing",
    "pace",
    "lease",
    "progress",
)
"""The fields that only the holder of the lease writes."""


class LeaseLost(Conflict):
    """Somebody else works on this mailbox now: what this worker still wanted to say is void."""


class Held:
    """One worker's hold on one mailbox. It writes only what belongs to the worker, so that the
    schedule and the users may change the rest of the state meanwhile."""

    def __init__(self, world: World, mailbox_id: str, state: SyncState) -> None:
        self._world = world
        self._syncs = records.syncs(world.documents)
        self._mailbox_id = mailbox_id
        self.state = state

    def save(self, **also: datetime | str | None) -> None:
        """Stores where the sync stands and renews the lease. Raises LeaseLost."""
        self.state.lease.until = self._world.clock.now() + LEASE
        self._store(also)

    def renew_if_old(self) -> None:
        until = self.state.lease.until
        if until is None or until - self._world.clock.now() < LEASE / 2:
            self.save()

    def release(self, **also: datetime | str | None) -> None:
        self.state.lease.until = None
        self._store(also)

    def _store(self, also: dict[str, datetime | str | None]) -> None:
        state = self.state
        fields = {name: getattr(state, name) for name in _WORKERS} | also

        def work(transaction: Transaction) -> None:
            document = transaction.get(self._syncs.path(self._mailbox_id))
            held = self._syncs.read(document) if document else None
            if held is None or held.record.lease.fence != state.lease.fence:
                raise LeaseLost("Another worker took this mailbox over.", reason="lease_lost")
            transaction.write(self._syncs.updating(self._mailbox_id, held, **fields))

        self._world.documents.transaction(work)


def take(world: World, mailbox_id: str) -> Held:
    """Raises Busy while somebody else works, NotFound when there is no such mailbox."""
    syncs = records.syncs(world.documents)
    syncs.get(mailbox_id)
    now = world.clock.now()

    def work(transaction: Transaction) -> SyncState:
        document = transaction.get(syncs.path(mailbox_id))
        assert document is not None  # noqa: S101  # sync states are never deleted
        state = syncs.read(document).record
        if state.lease.until and state.lease.until > now:
            raise Busy("This mailbox is being synced.", until=state.lease.until)
        state.lease = Lease(fence=state.lease.fence + 1, until=now + LEASE)
        write = syncs.updating(mailbox_id, syncs.read(document), lease=state.lease)
        transaction.write(write)
        return state

    return Held(world, mailbox_id, state=world.documents.transaction(work))


def hand_out(
    world: World,
    field: Due,
    tasks: Callable[[Sequence[SyncState]], Sequence[Task]],
    again: timedelta,
) -> list[SyncState]:
    """Enqueues the tasks of all mailboxes that are due by `field`, and moves each on by `again`; those
    mailboxes, as they were.

    A mailbox is moved on only after its task is stored: dying in between repeats a task, which its
    name drops, and never skips a mailbox.
    """
    handed: list[SyncState] = []
    for shard in range(SHARDS):
        while due := _due(world, field, shard):
            world.tasks.enqueue(*tasks(due))
            later = world.clock.now() + again
            syncs = records.syncs(world.documents)
            world.documents.write(
                *(syncs.updating(state.mailbox_id, **{field: later}) for state in due)
            )
            handed += due
    return handed


def _due(world: World, field: Due, shard: int) -> list[SyncState]:
    page, _ = records.syncs(world.documents).page(
        Where("shard", "==", shard),
        Where(field, "<=", world.clock.now()),
        order_by=(field,),
        limit=PAGE,
    )
    return page
