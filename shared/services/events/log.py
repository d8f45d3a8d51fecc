"""The team's events in the order they happened, as far as the caller may see what they are about.

A reader misses none and gets none twice. Events are read by the time the store gave them, and one with an
earlier time may appear up to OVERLAP later: so a reader's token says up to where all is settled, and which
of the younger ones it has had; the next page begins there again and leaves those out. Where that list is
full, the younger ones wait until they are settled.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from threading import BoundedSemaphore
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from shared import records
from shared.domain import ids
from shared.domain.caller import Caller, Scope
from shared.domain.errors import Gone, InvalidRequest
from shared.domain.events import KEPT, OVERLAP, Event, Position
from shared.ports.documents import Where
from shared.ports.world import World
from shared.services import access
from shared.services.paging import BLOCK

EXAMINED = 5
"""Pages of events not had before that are looked through for one."""
LEAST_EXAMINED = 500
"""So many, however short the page."""
YOUNGER = 400
"""Ids that a token lists at most."""
ID = 10
"""Characters of an id that tell it from the others of half a minute (50 bits)."""
GRACE = timedelta(hours=1)
"""Clocks differ; events are kept a day longer than they are promised."""
POLL_SECONDS = 0.5
MOST_WAITING = 12
"""Of an instance, which has 16 threads: somebody has to answer those who do not wait."""
_waiting = BoundedSemaphore(MOST_WAITING)
LATEST = "latest"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class EventQuery(Struct, forbid_unknown_fields=True):
    after: str = ""
    """The `after` of an earlier answer; "" begins with the oldest event kept, "latest" with the next."""
    types: str = ""
    """Only these, comma separated: email.sent, or email for all of a kind."""
    subject: str = ""
    """Only of this thing: /emails/{id}."""
    limit: Annotated[int, Meta(ge=1, le=500)] = 100
    wait: Annotated[int, Meta(ge=0, le=25)] = 0
    """Seconds to wait for an event when there is none."""

    def wants(self, event: Event) -> bool:
        kinds = [kind.strip() for kind in self.types.split(",") if kind.strip()]
        of_kind = not kinds or any(
            event.type == kind or event.type.startswith(f"{kind}.") for kind in kinds
        )
        return of_kind and self.subject in {"", event.subject}


class EventView(Struct):
    """A CloudEvent."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    sequence: str
    """Grows with each change of the subject."""
    datacontenttype: str
    data: dict[str, str]


class EventPage(Struct):
    events: list[EventView]
    after: str
    """Where the next page begins. Good for 30 days."""
    more: bool
    """Whether there is one already. A page may be empty and have a next one."""


def read(world: World, caller: Caller, query: EventQuery) -> EventPage:
    """Raises InvalidRequest, Forbidden, and Gone for a token older than events are kept."""
    access.require(caller, Scope.READ)
    viewer = access.Viewer(world, caller)
    position = _opened(world, caller, viewer, query.after)
    give_up = world.clock.now() + timedelta(seconds=query.wait)
    while True:
        page, position, more = after(
            world,
            caller.team_id,
            position,
            limit=query.limit,
            tells=viewer.events,
            wants=query.wants,
        )
        if page or more or not _comes(world, caller.team_id, give_up):
            return EventPage(
                [view(event) for event in page], _sealed(world, caller, position), more
            )
        viewer = access.Viewer(world, caller)  # what holds by now


def _comes(world: World, team_id: str, give_up: datetime) -> bool:
    """Waits until anything happens in the team, or the time is over: then a last look is due, for what
    was late. False when it was over before. A poll costs one read; when too many wait, nobody else does.
    """
    if world.clock.now() >= give_up or not _waiting.acquire(blocking=False):
        return False
    try:
        before = _newest(world, team_id)
        while (left := (give_up - world.clock.now()).total_seconds()) > 0:
            world.clock.sleep(min(POLL_SECONDS, left))
            if _newest(world, team_id) != before:
                break
        return True
    finally:
        _waiting.release()


def _newest(world: World, team_id: str) -> list[str]:
    return records.events(world.documents, team_id).ids(order_by=("-at",), limit=1)


def after(
    world: World,
    team_id: str,
    position: Position,
    *,
    limit: int,
    tells: Callable[[Sequence[Event]], Sequence[Event | None]],
    wants: Callable[[Event], bool],
) -> tuple[list[Event], Position, bool]:
    """What a reader is told and wants, where to go on, and whether there is more for now. `limit` is the
    length of a page."""
    settled = world.clock.now() - OVERLAP
    log = records.events(world.documents, team_id)
    start, done, had = position.at, (position.at, position.id), set(position.had)
    shown: list[Event] = []
    token, examined = "", 0
    while examined < max(EXAMINED * limit, LEAST_EXAMINED):
        found, token = log.page(
            Where("at", ">=", start), order_by=("at",), limit=limit, after=token
        )
        fresh = [event for event in found if event.id[:ID] not in had]
        told = dict(zip((event.id for event in fresh), tells(fresh), strict=True))
        for event in found:
            assert event.at is not None  # noqa: S101  # stored events are stamped
            key, old, seen = event.id[:ID], event.at <= settled, told.get(event.id)
            if (event.at, event.id) <= done or (key in had and not old):
                continue
            wanted = seen if seen and wants(seen) else None
            if wanted and len(shown) == limit:
                return shown, _position(done, had), True
            if seen and not old and len(had) >= YOUNGER:
                return shown, _position(done, had), False
            examined += 1
            if wanted:
                shown.append(wanted)
            if old:
                done = event.at, event.id
                had.discard(key)
            elif seen:  # what is hidden leaves no trace, not even in a token's length
                had.add(key)
        if not token:  # all there is was looked at, and nothing settled can come any more
            return shown, _position(max(done, (settled, "")), had), False
    reached = _position(done, had)
    return shown, reached, reached != position  # else what is hidden has to settle first


def _position(done: tuple[datetime, str], had: set[str]) -> Position:
    return Position(*done, tuple(sorted(had)))


def view(event: Event) -> EventView:
    assert event.at is not None  # noqa: S101  # stored events are stamped
    return EventView(
        specversion="1.0",
        id=event.id,
        source="urn:mailbridge",
        type=event.type,
        subject=event.subject,
        time=event.at,
        sequence=_sequence(event),
        datacontenttype="application/json",
        data=event.data,
    )


def _sequence(event: Event) -> str:
    """Of a line of a timeline the time in microseconds: its revision would count hidden copies."""
    if event.at is None or not event.type.startswith("activity."):
        return str(event.sequence)
    return str((event.at - EPOCH) // timedelta(microseconds=1))


# -- tokens -----------------------------------------------------------------------------------------


def _context(caller: Caller) -> str:
    return ids.derived("events", caller.team_id, caller.user_id)


def _sealed(world: World, caller: Caller, position: Position) -> str:
    plain = msgspec.json.encode(position)
    plain += b" " * (-len(plain) % BLOCK)
    return world.sealer("page").seal(plain, context=_context(caller))


def _latest(world: World, viewer: access.Viewer) -> Position:
    """Past all that can be seen now, and not past what is late."""
    position, more = Position(world.clock.now() - OVERLAP), True
    while more:
        _, position, more = after(
            world,
            viewer.team_id,
            position,
            limit=YOUNGER,
            tells=viewer.events,
            wants=lambda _event: False,
        )
    return position


def _opened(world: World, caller: Caller, viewer: access.Viewer, token: str) -> Position:
    now = world.clock.now()
    if not token:
        return Position(now - KEPT)
    if token == LATEST:
        return _latest(world, viewer)
    try:
        plain = world.sealer("page").open(token, context=_context(caller))
        position = msgspec.json.decode(plain, type=Position)
    except (InvalidRequest, msgspec.ValidationError) as error:
        raise InvalidRequest.field("/after", "is not the `after` of an answer of yours") from error
    if position.at < now - KEPT - GRACE:
        raise Gone(
            "Events since then are not kept any more: take a new `after` with after=latest, then read "
            "anew what you mirror, and go on from there.",
            reason="events_expired",
        )
    return position
