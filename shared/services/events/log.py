"""The team's events in the order they happened, as far as the caller may see what they are about.

A reader misses none and gets none twice. Events are read by the time the store gave them, and one with an
earlier time may appear up to OVERLAP later: so a reader's token says up to where all is settled, and which
of the younger ones it has had; the next page begins there again and leaves those out. Where that list is
full, the younger ones wait until they are settled.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
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
GRACE = timedelta(days=1)
"""Within which a store deletes what has expired."""
POLL_SECONDS = 0.5
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
    position = _opened(world, caller, query.after)
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
        left = (give_up - world.clock.now()).total_seconds()
        if page or more or left <= 0:
            return EventPage(
                [view(event) for event in page], _sealed(world, caller, position), more
            )
        world.clock.sleep(min(POLL_SECONDS, left))
        viewer = access.Viewer(world, caller)  # what holds by now


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
        for event, seen in zip(found, tells(found), strict=True):
            assert event.at is not None  # noqa: S101  # stored events are stamped
            key, old = event.id[:ID], event.at <= settled
            if (event.at, event.id) <= done or (key in had and not old):
                continue
            wanted = seen if seen and key not in had and wants(seen) else None
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


def _opened(world: World, caller: Caller, token: str) -> Position:
    now = world.clock.now()
    if not token:
        return Position(now - KEPT)
    if token == LATEST:
        return Position(now)
    try:
        plain = world.sealer("page").open(token, context=_context(caller))
        position = msgspec.json.decode(plain, type=Position)
    except (InvalidRequest, msgspec.ValidationError) as error:
        raise InvalidRequest.field("/after", "is not the `after` of an answer of yours") from error
    if position.at < now - KEPT - GRACE:
        raise Gone(
            "Events since then are not kept any more: read what you mirror anew, then begin with "
            "after=latest.",
            reason="events_expired",
        )
    return position
