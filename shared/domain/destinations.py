"""Where a team wants its events sent, how far that is, and the pure decisions of what to do next."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Self

from msgspec import Struct, field, structs

from shared.domain.events import KEPT, Event, Position
from shared.domain.leases import Leasable, Lease

BELIEVED = timedelta(minutes=10)
"""How long a task that was said to be enqueued is believed in after it was due; see `Lane.queued_at`."""
LOOKED_AT = timedelta(minutes=1)
"""How often an enabled destination is looked at without anybody's hint."""
LONGEST_PAUSE = timedelta(hours=6)
GIVEN_UP = timedelta(days=3)
"""How long an endpoint may be down before its destination is disabled."""
RETRIES = tuple(timedelta(seconds=seconds) for seconds in (15, 45, 120, 420))
"""Pauses between the tries of an event that is refused: five in ten minutes."""
GAPS = 500
"""Subjects of dead letters that a lane remembers at most; the oldest are forgotten first."""
ANSWER = 500
"""Characters of an endpoint's answer that are kept."""
OVERLAPPING = timedelta(days=1)
"""How long the secret before still signs after a rotation."""


class DestinationState(Enum):
    ENABLED = "enabled"
    PAUSED = "paused"
    """By an admin; events wait."""
    DISABLED = "disabled"
    """By us: its endpoint is gone, or was down for three days. Events wait until they are too old."""


class Secret(Struct, frozen=True, kw_only=True):
    sealed: str
    sealed_at: datetime
    until: datetime | None = None
    """None for the newest one."""


class Destination(Struct, kw_only=True):
    id: str
    team_id: str
    kind: str
    """A name in `shared.destinations.registry`."""
    address: str
    """What the kind says: a URL for webhooks."""
    name: str = ""
    types: tuple[str, ...] = ()
    """Only events of these types, or kinds of types; all without any."""
    state: DestinationState = DestinationState.ENABLED
    reason: str = ""
    """Why it is disabled: gone or down."""
    secrets: tuple[Secret, ...] = ()
    """What its events are signed with, newest first."""
    created_by: str = ""
    created_at: datetime
    revision: int = 0
    last_good_at: datetime | None = None
    failing_since: datetime | None = None
    failures: int = 0
    """In a row."""
    paused_until: datetime | None = None
    """While its endpoint is down: when it is tried next."""
    answer: str = ""
    """The beginning of what it last refused or failed with, for admins."""

    def wants(self, type: str) -> bool:
        return not self.types or any(
            type == one or type.startswith(f"{one}.") for one in self.types
        )

    def is_on(self, now: datetime) -> bool:
        return self.state is DestinationState.ENABLED and not self.rests(now)

    def rests(self, now: datetime) -> bool:
        return self.paused_until is not None and self.paused_until > now


class Lane(Leasable, kw_only=True):
    """How far a destination is: `live`, and while one runs, `replay`."""

    id: str
    team_id: str
    destination_id: str
    position: Position
    until: datetime | None = None
    """Where a replay ends; None for live."""
    waiting: int = 0
    """Letters that are to be tried again, or wait behind such a one."""
    gaps: tuple[str, ...] = ()
    """Subjects that have a dead letter."""
    held: Lease = field(default_factory=Lease)
    wanted: int = 0
    """How many hints there were; a run that finds more than it knew of is followed by another."""
    seen: int = 0
    """What `wanted` was when the last run looked."""
    queued_at: datetime | None = None
    """When the last task that was enqueued is due."""
    not_before: datetime | None = None
    """While its endpoint is down: no hint is of any use until then."""
    started_at: datetime | None = None
    due_at: datetime | None = None
    """When the schedule looks at it; None while its destination is not to be told anything."""

    @property
    def lease(self) -> Lease:
        return self.held

    def with_lease(self, lease: Lease) -> Self:
        return structs.replace(self, held=lease)

    def task_waits(self, now: datetime) -> bool:
        """Whether a task is due that no run has begun to answer. It is believed in for a while only:
        whoever said so may have died before enqueuing it."""
        if self.queued_at is None or (self.started_at and self.queued_at <= self.started_at):
            return False
        return self.queued_at <= now < self.queued_at + BELIEVED


LIVE, REPLAY, DEAD = "live", "replay", "dead"


class Letter(Struct, kw_only=True):
    """An event that a destination refused, or that waits behind one of its subject."""

    id: str
    lane: str
    box: str
    """The lane again while it is to be tried, DEAD when it is not."""
    event: Event
    tries: int = 0
    retry_at: datetime
    answer: str = ""
    expires_at: datetime

    @property
    def dead(self) -> bool:
        return self.box == DEAD

    @property
    def order(self) -> tuple[datetime, str]:
        assert self.event.at is not None  # noqa: S101  # stored events are stamped
        return self.event.at, self.event.id


# -- decisions --------------------------------------------------------------------------------------


def hinted(lane: Lane, now: datetime) -> tuple[Lane, bool] | None:
    """The lane after a hint, and whether a task is to be enqueued; None when somebody is going to look
    anyway: then nothing is written, however many events there are."""
    resting = lane.not_before is not None and lane.not_before > now
    if lane.due_at is None or resting or lane.task_waits(now):
        return None
    if lane.held.runs(now):
        at_work = structs.replace(lane, wanted=lane.wanted + 1)
        return None if lane.wanted > lane.seen else (at_work, False)
    return structs.replace(lane, wanted=lane.wanted + 1, queued_at=now), True


def refused(letter: Letter, now: datetime, answer: str) -> Letter:
    """After one more try."""
    tries = letter.tries + 1
    dead = tries > len(RETRIES)
    retry_at = now if dead else now + RETRIES[tries - 1]
    return structs.replace(
        letter,
        tries=tries,
        box=DEAD if dead else letter.lane,
        retry_at=retry_at,
        answer=answer[:ANSWER],
        expires_at=now + KEPT if dead else letter.expires_at,
    )


def pause(failures: int, share: float, asked: float | None) -> timedelta:
    """How long an endpoint that is down is left alone: 10 s, 20 s … 6 h, each up to a fifth longer by
    `share` (0 to 1, at random), and at least the seconds that it asked for."""
    longest = LONGEST_PAUSE.total_seconds()
    seconds = min(10 * 2 ** min(failures - 1, 20), longest / 1.2) * (1 + share / 5)
    return timedelta(seconds=min(max(seconds, asked or 0), longest))


def down(
    destination: Destination, now: datetime, answer: str, share: float, asked: float | None
) -> Destination:
    """Its endpoint did not take what it was sent, whatever that was."""
    since = destination.failing_since or now
    failures = destination.failures + 1
    after = structs.replace(
        destination,
        failing_since=since,
        failures=failures,
        paused_until=now + pause(failures, share, asked),
        answer=answer[:ANSWER],
    )
    return disabled(after, "down") if now - since >= GIVEN_UP else after


def disabled(destination: Destination, reason: str) -> Destination:
    return structs.replace(
        destination, state=DestinationState.DISABLED, reason=reason, paused_until=None
    )


def enabled(destination: Destination) -> Destination:
    """As if nothing had been wrong."""
    return structs.replace(
        destination,
        state=DestinationState.ENABLED,
        reason="",
        failing_since=None,
        failures=0,
        paused_until=None,
    )


def answered(destination: Destination, good_at: datetime | None, refusal: str) -> Destination:
    """It took what it was sent, last at `good_at`, or at least looked at it and said no."""
    return structs.replace(
        destination,
        last_good_at=good_at,
        failing_since=None,
        failures=0,
        paused_until=None,
        answer=refusal[:ANSWER],
    )


def with_gap(gaps: Sequence[str], subject: str) -> tuple[str, ...]:
    return (*(one for one in gaps if one != subject), subject)[-GAPS:]
