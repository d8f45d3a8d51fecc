"""Destinations, as a team's admins see and change them."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from shared import records
from shared.domain import destinations as rules
from shared.domain import ids
from shared.domain.caller import Caller, Scope
from shared.domain.destinations import (
    DEAD,
    LIVE,
    REPLAY,
    Destination,
    DestinationState,
    Lane,
    Letter,
)
from shared.domain.errors import AlreadyExists, Conflict, FieldError, InvalidRequest
from shared.domain.events import KEPT, Event, EventType, Position
from shared.domain.versions import ANY, IfMatch, etag
from shared.domain.views import view
from shared.ports.destinations import Outgoing, Verdict
from shared.ports.documents import Query, Where
from shared.ports.world import World
from shared.services import access
from shared.services.events import hints, log, signing
from shared.services.paging import PageQuery, Pages

AT_MOST = 20
"""Destinations of a team."""
ROOM = 200
"""Letters deleted at once."""

Name = Annotated[str, Meta(max_length=200)]
Address = Annotated[str, Meta(min_length=1, max_length=2000)]
Types = Annotated[tuple[str, ...], Meta(max_length=50)]


class NewDestination(Struct, forbid_unknown_fields=True):
    kind: str
    address: Address
    """Of a webhook its https:// URL."""
    name: Name = ""
    types: Types = ()
    """Only these: email.sent, or email for all of a kind; all events without any."""


class DestinationChange(Struct, forbid_unknown_fields=True):
    name: Name | UnsetType = UNSET
    address: Address | UnsetType = UNSET
    types: Types | UnsetType = UNSET
    state: Literal["enabled", "paused"] | UnsetType = UNSET
    """enabled also tries again at once what is down or disabled."""


class ReplayRequest(Struct, forbid_unknown_fields=True):
    since: datetime
    """Events since then are sent once more, each marked `replayed`."""


class DestinationView(Struct):
    id: str
    etag: str
    kind: str
    name: str
    address: str
    types: tuple[str, ...]
    state: DestinationState
    reason: str
    """Why it is disabled: gone or down."""
    created_at: datetime
    last_good_at: datetime | None
    failing_since: datetime | None
    paused_until: datetime | None
    """While its endpoint is down: when it is tried next."""
    answer: str
    """The beginning of what it last refused or failed with."""
    backlog: int
    """Events it has not been told yet, of those it wants and of others."""
    loses_from: datetime | None
    """When the oldest of these is deleted, from five days before that on."""
    retrying: int
    """Events that wait because one of the same thing was refused."""
    replaying: bool


class DestinationWithSecret(DestinationView):
    secret: str
    """What its events are signed with, shown this once; "" where nothing is signed."""


class DestinationList(Struct):
    destinations: list[DestinationView]
    next_page_token: str


class TestResult(Struct):
    delivered: bool
    answer: str
    """The beginning of what it said, if it did not take it."""


class DeadLetter(Struct):
    """An event that the destination refused five times."""

    id: str
    event_id: str
    type: str
    subject: str
    at: datetime
    answer: str
    """The beginning of what it said last."""
    expires_at: datetime


class DeadLetterList(Struct):
    dead_letters: list[DeadLetter]
    next_page_token: str


# -- reading ------------------------------------------------------------------------------------------


def list_(world: World, caller: Caller, query: PageQuery) -> DestinationList:
    access.administer(caller, Scope.READ)
    destinations = records.destinations(world.documents, caller.team_id)
    found, token = Pages(world, caller, query, "destinations").plain(
        lambda limit, after: destinations.page(order_by=("created_at",), limit=limit, after=after)
    )
    return DestinationList([_view(world, one) for one in found], token)


def show(world: World, caller: Caller, destination_id: str) -> DestinationView:
    """Raises Forbidden, NotFound."""
    access.administer(caller, Scope.READ)
    return _view(world, _all(world, caller).get(destination_id))


def dead_letters(
    world: World, caller: Caller, destination_id: str, query: PageQuery
) -> DeadLetterList:
    access.administer(caller, Scope.READ)
    _all(world, caller).get(destination_id)
    letters = records.letters(world.documents, caller.team_id, destination_id)
    dead = Where("box", "==", DEAD)
    found, token = Pages(world, caller, query, f"dead letters {destination_id}").plain(
        lambda limit, after: letters.page(dead, order_by=("retry_at",), limit=limit, after=after)
    )
    return DeadLetterList([_dead_letter(one) for one in found], token)


def _dead_letter(letter: Letter) -> DeadLetter:
    event = letter.event
    facts = {"event_id": event.id, "type": event.type, "subject": event.subject, "at": event.at}
    return view(DeadLetter, letter, **facts)


def _all(world: World, caller: Caller) -> records.Collection[Destination]:
    return records.destinations(world.documents, caller.team_id)


def _view(world: World, destination: Destination) -> DestinationView:
    return DestinationView(**_shown(world, destination))


def _shown(world: World, one: Destination) -> dict[str, Any]:
    lanes = records.lanes(world.documents, one.team_id, one.id).many([LIVE, REPLAY])
    live, now = lanes[LIVE].record, world.clock.now()
    backlog, first = _backlog(world, live)
    loses = first + KEPT if first else None
    soon = loses is not None and loses - now < timedelta(days=5)
    facts = {
        name: getattr(one, name)
        for name in DestinationView.__struct_fields__
        if name in one.__struct_fields__
    }
    return facts | {
        "etag": etag(one.revision, shown=(one.failures, one.last_good_at, live.position)),
        "backlog": backlog,
        "loses_from": loses if soon else None,
        "retrying": sum(found.record.waiting for found in lanes.values()),
        "replaying": REPLAY in lanes and not _is_over(lanes[REPLAY].record),
    }


def _backlog(world: World, lane: Lane) -> tuple[int, datetime | None]:
    """How many events the lane has not read, and the time of the oldest."""
    events = records.events(world.documents, lane.team_id)
    path = events.path("").rstrip("/")
    later = Where("at", ">=", lane.position.at)
    done = len(lane.position.had) + bool(lane.position.id)
    backlog = world.documents.count(Query(path, (later,), ("at",))) - done
    if backlog <= 0:
        return 0, None
    first, _ = events.page(later, order_by=("at",), limit=1)
    return backlog, first[0].at if first else None


def _is_over(replay: Lane) -> bool:
    return not replay.waiting and replay.until is not None and replay.position.at > replay.until


# -- changing -----------------------------------------------------------------------------------------


def create(
    world: World, caller: Caller, new: NewDestination, key: str = ""
) -> DestinationWithSecret:
    """Raises Forbidden, InvalidRequest, Conflict when the team has as many as it may have."""
    access.administer(caller)
    receiver = world.receivers.get(new.kind)
    _check_types(new.types)
    receiver.check(new.address)
    destinations, now = _all(world, caller), world.clock.now()
    if len(destinations.ids(order_by=("created_at",), limit=AT_MOST)) >= AT_MOST:
        raise Conflict(f"A team has {AT_MOST} destinations at most.", reason="too_many")
    made = Destination(
        id=ids.made("destination", caller.team_id, caller.user_id, key=key),
        team_id=caller.team_id,
        kind=new.kind,
        address=new.address,
        name=new.name,
        types=new.types,
        created_by=caller.user_id,
        created_at=now,
    )
    secret = receiver.new_secret()
    if secret:
        made = structs.replace(made, secrets=(signing.sealed(world, made, secret),))
    lane = _lane(made, LIVE, now, now)
    world.documents.write(
        destinations.creating(made.id, made),
        records.lanes(world.documents, made.team_id, made.id).creating(LIVE, lane),
    )
    return DestinationWithSecret(**_shown(world, made), secret=secret)


def _lane(destination: Destination, name: str, since: datetime, now: datetime) -> Lane:
    return Lane(
        id=name,
        team_id=destination.team_id,
        destination_id=destination.id,
        position=Position(since),
        until=now if name == REPLAY else None,
        due_at=now,
    )


def change(
    world: World,
    caller: Caller,
    destination_id: str,
    wanted: DestinationChange,
    if_match: IfMatch = ANY,
) -> DestinationView:
    """Raises Forbidden, NotFound, InvalidRequest, PreconditionFailed."""
    access.administer(caller)
    given = {name: value for name, value in structs.asdict(wanted).items() if value is not UNSET}
    before = _all(world, caller).get(destination_id)
    if "types" in given:
        _check_types(given["types"])
    if "address" in given:
        world.receivers.get(before.kind).check(given["address"])
    state = given.pop("state", "")

    def decide(current: Destination) -> records.Change[Destination]:
        if_match.check(etag(current.revision))
        after = structs.replace(current, revision=current.revision + 1, **given)
        if state == "paused":
            after = structs.replace(after, state=DestinationState.PAUSED, paused_until=None)
        elif state or "address" in given:
            on = state or after.state is DestinationState.ENABLED
            after = rules.enabled(after) if on else after
        return records.Change(after)

    after = _all(world, caller).change(destination_id, decide)
    assert after is not None  # noqa: S101  # decide always changes something
    if after.state is DestinationState.ENABLED:
        _wake(world, after, LIVE, REPLAY)
    return _view(world, after)


def _wake(world: World, destination: Destination, *lanes: str) -> None:
    """Whatever they waited for, they are looked at now."""
    for name in lanes:
        kept = records.lanes(world.documents, destination.team_id, destination.id)
        if kept.find(name):
            kept.change(name, lambda lane: records.Change(_awake(lane, world.clock.now())))
            world.tasks.enqueue(hints.task(destination.team_id, destination.id, name))


def _awake(lane: Lane, now: datetime) -> Lane:
    return structs.replace(lane, wanted=lane.wanted + 1, queued_at=now, due_at=now, not_before=None)


def rotate(world: World, caller: Caller, destination_id: str) -> DestinationWithSecret:
    """A new secret; the one before signs for a day more. Raises Forbidden, NotFound, Conflict."""
    access.administer(caller)
    secret = world.receivers.get(_all(world, caller).get(destination_id).kind).new_secret()
    if not secret:
        raise Conflict("Nothing is signed by a secret here.", reason="no_secret")

    def decide(current: Destination) -> records.Change[Destination]:
        return records.Change(signing.rotated(world, current, secret))

    after = _all(world, caller).change(destination_id, decide)
    assert after is not None  # noqa: S101  # decide always changes something
    return DestinationWithSecret(**_shown(world, after), secret=secret)


def delete(world: World, caller: Caller, destination_id: str, if_match: IfMatch = ANY) -> None:
    """Its dead letters go with it. Raises Forbidden, NotFound, PreconditionFailed."""
    access.administer(caller)
    destinations = _all(world, caller)
    if_match.check(etag(destinations.get(destination_id).revision))
    lanes = records.lanes(world.documents, caller.team_id, destination_id)
    world.documents.write(
        destinations.deleting(destination_id), lanes.deleting(LIVE), lanes.deleting(REPLAY)
    )
    letters = records.letters(world.documents, caller.team_id, destination_id)
    while found := letters.ids(limit=ROOM):
        world.documents.write(*(letters.deleting(id) for id in found))


def test(world: World, caller: Caller, destination_id: str) -> TestResult:
    """Sends one event of the type destination.test and waits for the answer, whatever the destination's
    state. Raises Forbidden, NotFound."""
    access.administer(caller)
    destination = _all(world, caller).get(destination_id)
    now = world.clock.now()
    event = Event(
        id=ids.random(),
        team_id=caller.team_id,
        type=EventType.DESTINATION_TEST.value,
        subject=f"/destinations/{destination_id}",
        sequence=destination.revision,
        data={"destination_id": destination_id},
        at=now,
        expires_at=now,
    )
    outgoing = Outgoing(event.id, event.type, event.subject, msgspec.json.encode(log.view(event)))
    receiver = world.receivers.get(destination.kind)
    (outcome,) = receiver.send(signing.target(world, destination), [outgoing])
    return TestResult(outcome.verdict is Verdict.DELIVERED, outcome.answer)


def replay(
    world: World, caller: Caller, destination_id: str, asked: ReplayRequest
) -> DestinationView:
    """Sends once more what happened since a time, beside what happens now. Raises Forbidden, NotFound,
    InvalidRequest, Conflict while an earlier replay is under way."""
    access.administer(caller)
    destination, now = _all(world, caller).get(destination_id), world.clock.now()
    if not now - KEPT <= asked.since <= now:
        raise InvalidRequest.field("/since", "must lie in the last 30 days")
    lanes = records.lanes(world.documents, caller.team_id, destination_id)
    if (found := lanes.find(REPLAY)) and _is_over(found.record):
        lanes.delete(REPLAY)
    try:
        lanes.create(REPLAY, _lane(destination, REPLAY, asked.since, now))
    except AlreadyExists as error:
        raise Conflict("A replay is under way.", reason="replaying") from error
    if destination.state is DestinationState.ENABLED:
        _wake(world, destination, REPLAY)
    return _view(world, destination)


def send_again(
    world: World, caller: Caller, destination_id: str, letter_id: str
) -> DestinationView:
    """A dead letter gets five more tries; later events of its thing wait for them. Raises Forbidden,
    NotFound, Conflict for one whose replay is over."""
    access.administer(caller)
    destination = _all(world, caller).get(destination_id)
    letters = records.letters(world.documents, caller.team_id, destination_id)
    letter = letters.versioned(letter_id)
    now = world.clock.now()
    alive = structs.replace(letter.record, box=LIVE, lane=LIVE, tries=0, retry_at=now)

    def decide(lane: Lane) -> records.Change[Lane]:
        if not letter.record.dead:
            raise Conflict("This event is being tried again already.", reason="retrying")
        subject = letter.record.event.subject
        gaps = tuple(one for one in lane.gaps if one != subject)
        changed = structs.replace(_awake(lane, now), waiting=lane.waiting + 1, gaps=gaps)
        return records.Change(changed, [letters.replacing(letter_id, letter, alive)])

    records.lanes(world.documents, caller.team_id, destination_id).change(LIVE, decide)
    world.tasks.enqueue(hints.task(caller.team_id, destination_id))
    return _view(world, destination)


def _check_types(types: tuple[str, ...]) -> None:
    """Raises InvalidRequest naming each that is no type and no kind of types."""
    known = {one.value for one in EventType} | {one.value.partition(".")[0] for one in EventType}
    wrong = [
        FieldError(f"/types/{n}", "is no type of event")
        for n, one in enumerate(types)
        if one not in known
    ]
    if wrong:
        raise InvalidRequest("Not every type is one of ours.", errors=wrong)
