"""Events on their way to destinations: each destination a reader of the log, with a place and a lease.

A round takes what waits and a page of the log, sends it, and stores in one write what became of it and how
far the lane is. Whoever dies in between repeats, and never skips. A receiver that is down pauses its own
destination alone, and no event is charged for it; an event that is refused is tried five times, while only
those of its subject wait.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct, structs

from shared import logs, records
from shared.domain import destinations as rules
from shared.domain import ids
from shared.domain.destinations import (
    LIVE,
    LOOKED_AT,
    REPLAY,
    Destination,
    DestinationState,
    Lane,
    Letter,
)
from shared.domain.errors import Busy, InvalidRequest, LeaseLost, NotFound
from shared.domain.events import OVERLAP, Event, EventType, Position
from shared.ports.destinations import Outcome, Verdict
from shared.ports.documents import Where, Write
from shared.ports.tasks import Task
from shared.ports.world import World
from shared.records import Leased, leased
from shared.services import access, outbox
from shared.services.events import hints, log, signing
from shared.services.events.sending import Round, Sending

LEASE = timedelta(seconds=120)
ROUND = timedelta(seconds=30)
"""After which a round sends nothing more; with what is under way then, well below LEASE."""
BUDGET = timedelta(seconds=90)
"""After which a run leaves the rest to the next one."""
SECOND = timedelta(seconds=1)
PAGE = 100
WAITING = 200
"""Letters that a lane holds at most: beyond that nothing more is read from the log."""
DUE = 200


class RelayTask(Struct):
    team_id: str
    destination_id: str
    lane: str = LIVE


def run(world: World, task: RelayTask) -> None:
    """Sends what is to be sent; nothing when somebody else is at it, or the destination is gone."""
    lanes = records.lanes(world.documents, task.team_id, task.destination_id)

    def begin(lane: Lane) -> records.Change[Lane]:
        now = world.clock.now()
        begun = structs.replace(lane, started_at=now, seen=lane.wanted, due_at=now + LEASE)
        return records.Change(begun)

    try:
        held = leased.take(lanes, task.lane, clock=world.clock, length=LEASE, decide=begin)
        if held:
            _Run(world, held).work()
    except Busy:
        _note(world, task)
    except NotFound:
        logs.info("relay found its destination gone")
    except LeaseLost:
        logs.warning("relay lost its lease", destination=task.destination_id)


def _note(world: World, task: RelayTask) -> None:
    """Somebody is at work, who may have read the log before this task was wanted: another run is to follow.
    Should they have died, the schedule looks when their lease ends."""

    def decide(lane: Lane) -> records.Change[Lane] | None:
        if lane.wanted > lane.seen and lane.queued_at is None:
            return None
        return records.Change(structs.replace(lane, wanted=lane.wanted + 1, queued_at=None))

    lanes = records.lanes(world.documents, task.team_id, task.destination_id)
    lanes.change(task.lane, decide)


def sweep(world: World) -> None:
    """Enqueues a task for every lane that is due: once a minute for each, and after a lost hint or worker."""
    while due := _due(world):
        again = world.clock.now() + LOOKED_AT
        world.tasks.enqueue(*(_named(lane) for lane in due))
        world.documents.write(
            *(
                records.lanes(world.documents, lane.team_id, lane.destination_id).updating(
                    lane.id, due_at=again
                )
                for lane in due
            )
        )


def _due(world: World) -> Sequence[Lane]:
    due = Where("due_at", "<=", world.clock.now())
    found, _ = records.all_lanes(world.documents).page(due, order_by=("due_at",), limit=DUE)
    return found


def _named(lane: Lane) -> Task:
    name = ids.derived("relay", lane.team_id, lane.destination_id, lane.id, str(lane.due_at))
    return hints.task(lane.team_id, lane.destination_id, lane.id, name=name)


class _Run:
    """One worker at one lane, as long as it holds the lease."""

    def __init__(self, world: World, held: Leased[Lane]) -> None:
        self._world = world
        self._held = held
        lane = held.record
        self._team_id, self._id = lane.team_id, lane.destination_id
        self._destinations = records.destinations(world.documents, lane.team_id)
        self._letters = records.letters(world.documents, lane.team_id, lane.destination_id)
        self._expired = 0
        """Letters that waited until the store deleted them."""

    def work(self) -> None:
        end = self._now() + BUDGET
        more = True
        while more and self._now() < end and (destination := self._on()):
            more = self._round(destination)
        self._release(more)

    def _now(self) -> datetime:
        return self._world.clock.now()

    def _on(self) -> Destination | None:
        """The destination as it is now, unless nothing is to be sent there."""
        found = self._destinations.find(self._id)
        return found.record if found and found.record.is_on(self._now()) else None

    # -- one round ------------------------------------------------------------------------------------

    def _round(self, destination: Destination) -> bool:
        """Whether there is more to do now."""
        lane = self._held.record
        waiting = self._waiting() if lane.waiting else []
        self._expired = max(0, lane.waiting - len(waiting))
        fresh, after, more = self._fresh(destination, len(waiting))
        if not fresh and not any(_is_due(one, self._now()) for one in waiting):
            if after != lane.position or self._expired:
                self._settle(destination, Round(), fresh, after)
            return more
        try:
            signing.seal_again_if_old(self._world, destination)
            target = signing.target(self._world, destination)
        except InvalidRequest:
            unreadable = Outcome(Verdict.DOWN, "Its secret cannot be read any more: rotate it.")
            self._settle(destination, Round(failure=unreadable, left=fresh), fresh, after)
            return False
        receiver = self._world.receivers.get(destination.kind)
        end = self._now() + ROUND
        work = Sending(receiver, target, [*waiting, *fresh], lane.gaps, now=self._now)
        done = work.until(end)
        self._settle(destination, done, fresh, after)
        return not done.failure and (more or bool(done.left))

    def _waiting(self) -> list[Letter]:
        box = Where("box", "==", self._held.record.id)
        found, _ = self._letters.page(box, order_by=("retry_at",), limit=2 * WAITING)
        return sorted(found, key=lambda one: one.order)

    def _fresh(self, destination: Destination, waiting: int) -> tuple[list[Letter], Position, bool]:
        """New events as letters, the place after them, and whether there are more."""
        lane = self._held.record
        if waiting >= WAITING:
            return [], lane.position, False

        def wants(event: Event) -> bool:
            within = lane.until is None or (event.at is not None and event.at <= lane.until)
            return within and destination.wants(event.type)

        viewer = access.nobody(self._world, self._team_id)
        events, after, more = log.after(
            self._world,
            self._team_id,
            lane.position,
            limit=PAGE,
            tells=viewer.published,
            wants=wants,
        )
        return [self._letter(event) for event in events], after, more and not self._is_over(after)

    def _letter(self, event: Event) -> Letter:
        lane = self._held.record.id
        return Letter(
            id=ids.derived("letter", lane, event.id),
            lane=lane,
            box=lane,
            event=event,
            retry_at=self._now(),
            expires_at=event.expires_at,
        )

    def _is_over(self, position: Position) -> bool:
        """Whether a replay has nothing more to read."""
        until = self._held.record.until
        return until is not None and position.at > until

    def _settle(
        self, destination: Destination, done: Round, fresh: list[Letter], after: Position
    ) -> None:
        """Stores what became of a round, in one write."""
        new = {one.id for one in fresh}
        left = {one.id for one in done.left}
        old = self._held.record.position
        position = _beside(old, fresh, left) if left & new else after
        delivered = [one for one in done.delivered if one.id not in new]
        writes = [self._letters.deleting(one.id) for one in delivered]
        writes += [self._letters.putting(one.id, one) for one in done.kept]
        waiting = [one for one in done.kept if not one.dead and one.id in new]
        ended = [one for one in done.kept if one.dead and one.id not in new]
        grown = len(waiting) - len(delivered) - len(ended) - self._expired
        dead = [one.event.subject for one in done.kept if one.dead]
        writes += self._health(destination, done)

        def decide(lane: Lane) -> records.Change[Lane]:
            gaps = lane.gaps
            for subject in dead:
                gaps = rules.with_gap(gaps, subject)
            changed = structs.replace(
                lane, position=position, gaps=gaps, waiting=max(0, lane.waiting + grown)
            )
            return records.Change(changed, writes)

        self._held.save(decide)

    def _health(self, before: Destination, done: Round) -> list[Write]:
        """What the round says of the destination itself."""
        now = self._now()
        if failure := done.failure:
            if failure.verdict is Verdict.GONE:
                answer = failure.answer[: rules.ANSWER]
                after = structs.replace(rules.disabled(before, "gone"), answer=answer)
            else:
                share = random.random()  # noqa: S311  # spreads load, keeps no secret
                after = rules.down(before, now, failure.answer, share, failure.retry_after)
        elif done.delivered or done.refusal:
            good_at = now if done.delivered else before.last_good_at
            after = rules.answered(before, good_at, done.refusal)
        else:
            return []
        also: Sequence[Write] = ()
        if after.state is DestinationState.DISABLED:
            change = outbox.destination(self._world, after, EventType.DESTINATION_DISABLED)
            after, also = change.record, change.also
            logs.error("destination disabled", destination=after.id, reason=after.reason)
        fields = {
            name: getattr(after, name)
            for name in after.__struct_fields__
            if getattr(after, name) != getattr(before, name)
        }
        return [self._destinations.updating(before.id, **fields), *also] if fields else []

    # -- the end --------------------------------------------------------------------------------------

    def _release(self, more: bool) -> None:
        """Gives the lease back, and says when somebody is to look again."""
        found = self._destinations.find(self._id)
        if found is None:
            return
        at = self._again(found.record, more)
        over = self._is_over(self._held.record.position) and not self._held.record.waiting
        call: datetime | None = None

        def decide(lane: Lane) -> records.Change[Lane]:
            nonlocal call
            now = self._now()
            asked = lane.wanted != lane.seen and found.record.is_on(now)
            call = None if lane.task_waits(now) else now if asked else at
            if found.record.state is not DestinationState.ENABLED or over:
                call, due = None, None
            else:
                due = max(call or now, now) + LOOKED_AT
            return records.Change(
                structs.replace(
                    lane,
                    due_at=due,
                    queued_at=call or lane.queued_at,
                    not_before=found.record.paused_until if found.record.rests(now) else None,
                )
            )

        self._held.release(decide)
        lane = self._held.record
        if over and lane.id == REPLAY:
            records.lanes(self._world.documents, self._team_id, self._id).delete(lane.id)
        elif call:
            self._world.tasks.enqueue(hints.task(self._team_id, self._id, lane.id, not_before=call))

    def _again(self, destination: Destination, more: bool) -> datetime | None:
        """When a task is to come, unless somebody asks for one earlier."""
        now, lane = self._now(), self._held.record
        if destination.rests(now):
            return destination.paused_until
        if more:
            return now
        times = [one.retry_at for one in self._waiting()] if lane.waiting else []
        if lane.until and not self._is_over(lane.position):
            times.append(lane.until + OVERLAP)
        return max(min(times), now) + SECOND if times else None


def _is_due(letter: Letter, now: datetime) -> bool:
    return not letter.tries or letter.retry_at <= now


def _beside(position: Position, fresh: list[Letter], left: set[str]) -> Position:
    """The same place again, without those events of the page that are done with."""
    done = {one.event.id[: log.ID] for one in fresh if one.id not in left}
    return structs.replace(position, had=tuple(sorted({*position.had, *done})))
