"""Who works on which feed, and when: tasks, hints that lose nothing, and what is due."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Literal

from msgspec import structs

from shared import logs, records
from shared.domain import ids
from shared.domain.errors import PreconditionFailed
from shared.domain.sync import CLOCKS_DIFFER, SHARDS, SyncState, hinted, sync_id
from shared.ports.documents import Where
from shared.ports.tasks import Task
from shared.ports.world import World

PAGE = 200
"""Mailboxes whose tasks are made together."""
TRIES = 5

Due = Literal["next_sync_at", "check_at"]


def task(state: SyncState, *, name: str = "", not_before: datetime | None = None) -> Task:
    body = {"mailbox_id": state.mailbox_id}
    if state.feed != "mail":
        body["feed"] = state.feed
    return Task("sync_mailbox", body, not_before, name)


# -- hints ------------------------------------------------------------------------------------------


def soon(world: World, *mailbox_ids: str, feed: str = "mail", due: bool = False) -> None:
    """Something is to be done for these mailboxes (at most 500). `due` makes it the schedule's business
    too, should the task get lost. However many ask, one task waits.

    A feed that is not to be synced is left alone. Raises ProviderUnavailable when the queue does not
    answer: then the schedule does it."""
    syncs = records.syncs(world.documents)
    for _ in range(TRIES):
        now = world.clock.now()
        found = syncs.many(sync_id(id, feed) for id in mailbox_ids)
        live = {id: one for id, one in found.items() if due or one.record.next_sync_at}
        after = {id: hinted(one.record, now) for id, one in live.items()}
        if due:
            after = {
                id: (structs.replace(state, next_sync_at=now), call)
                for id, (state, call) in after.items()
            }
        try:
            world.documents.write(
                *(syncs.replacing(id, live[id], state) for id, (state, _) in after.items())
            )
        except PreconditionFailed:  # a run or another hint came between
            continue
        world.tasks.enqueue(*(task(state) for state, call in after.values() if call))
        return
    logs.warning("hint left to the schedule", mailboxes=len(mailbox_ids))


def after_lease(world: World, id: str) -> None:
    """A task came while somebody is at work, or died at it: looked at again when the lease ends, unless
    another task waits for that already."""
    now = world.clock.now()

    def decide(state: SyncState) -> records.Change[SyncState] | None:
        if state.lease.until is None or (state.queued_at and state.queued_at > now):
            return None
        again = max(state.lease.until, now)
        return records.Change(structs.replace(state, wanted=state.wanted + 1, queued_at=again))

    if changed := records.syncs(world.documents).change(id, decide):
        world.tasks.enqueue(task(changed, not_before=changed.queued_at))


# -- what is due ------------------------------------------------------------------------------------


def dispatch(world: World) -> int:
    """Enqueues one task for each feed that is due and has none waiting; how many feeds were due. Runs
    every minute, or twice at once."""
    now = world.clock.now()
    interval = timedelta(seconds=world.settings.sync_interval_seconds)
    due = hand_out(world, "next_sync_at", _scheduled, interval, mark=_queued)
    lags = [(now - state.next_sync_at).total_seconds() for state in due if state.next_sync_at]
    logs.info("syncs dispatched", count=len(due), lag_seconds=round(max(lags, default=0.0), 1))
    return len(due)


def _queued(state: SyncState) -> dict[str, datetime]:
    """Written after the task is stored, perhaps after its run: which began later than this by any clock."""
    return {"queued_at": state.next_sync_at - CLOCKS_DIFFER} if state.next_sync_at else {}


def _scheduled(state: SyncState, now: datetime) -> Task | None:
    if state.task_waits(now) or state.lease.runs(now):
        return None
    id = sync_id(state.mailbox_id, state.feed)
    return task(state, name=ids.derived("sync", id, str(state.next_sync_at)))


def hand_out(
    world: World,
    field: Due,
    make: Callable[[SyncState, datetime], Task | None],
    again: timedelta,
    mark: Callable[[SyncState], dict[str, datetime]] = lambda _: {},
) -> list[SyncState]:
    """Enqueues the task of each state that is due by `field`, and moves all on by `again`; those states,
    as they were. `mark` says what is written besides where there was a task.

    A state is moved on only after its task is stored: dying in between repeats a task, which its name
    drops, and never skips a mailbox.
    """
    handed: list[SyncState] = []
    for shard in range(SHARDS):
        while due := _due(world, field, shard):
            now = world.clock.now()
            made = [make(state, now) for state in due]
            world.tasks.enqueue(*(one for one in made if one))
            syncs = records.syncs(world.documents)
            world.documents.write(
                *(
                    syncs.updating(
                        sync_id(state.mailbox_id, state.feed),
                        **{field: now + again},
                        **(mark(state) if one else {}),
                    )
                    for state, one in zip(due, made, strict=True)
                )
            )
            handed += due
    return handed


def _due(world: World, field: Due, shard: int) -> Sequence[SyncState]:
    page, _ = records.syncs(world.documents).page(
        Where("shard", "==", shard),
        Where(field, "<=", world.clock.now()),
        order_by=(field,),
        limit=PAGE,
    )
    return page
