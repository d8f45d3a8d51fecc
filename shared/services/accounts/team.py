"""The settings of a whole team."""

import re

from msgspec import UNSET, Struct, UnsetType, structs

from shared import records
from shared.domain.access import Team, narrower
from shared.domain.caller import Caller, Scope
from shared.domain.errors import AlreadyExists, FieldError, InvalidRequest
from shared.domain.mailboxes import Visibility
from shared.domain.versions import ANY, IfMatch, etag
from shared.domain.views import view
from shared.mime.addresses import normalise
from shared.ports.world import World
from shared.services import access, outbox

MAX_DOMAINS = 100


class TeamView(Struct):
    etag: str
    default_visibility: Visibility | None
    """What a newly connected mailbox shows colleagues; null asks whoever connects it."""
    widest_visibility: Visibility
    """No mailbox shows colleagues more than this."""
    own_domains: tuple[str, ...]
    """Whoever has an address there is a colleague: of a contact with one, nobody sees mail from other
    people's mailboxes."""


class TeamChange(Struct, forbid_unknown_fields=True):
    default_visibility: Visibility | UnsetType | None = UNSET
    widest_visibility: Visibility | UnsetType = UNSET
    own_domains: tuple[str, ...] | UnsetType = UNSET


def show(world: World, caller: Caller) -> TeamView:
    access.require(caller, Scope.READ)
    return _view(world, caller)


def _view(world: World, caller: Caller) -> TeamView:
    found = records.team(world.documents, caller.team_id).find(records.TEAM)
    settings = found.record if found else Team(id=caller.team_id)
    return view(TeamView, settings, etag=etag(found.version if found else ""))


def change(world: World, caller: Caller, wanted: TeamChange, if_match: IfMatch = ANY) -> TeamView:
    """For admins. A narrower `widest_visibility` holds at once, for every mailbox. Raises Forbidden,
    InvalidRequest, PreconditionFailed."""
    access.administer(caller)
    given = {name: value for name, value in structs.asdict(wanted).items() if value is not UNSET}
    if "own_domains" in given:
        given["own_domains"] = _domains(given["own_domains"])
    settings = records.team(world.documents, caller.team_id)
    held = settings.find(records.TEAM)
    if_match.check(etag(held.version if held else ""))
    changed = structs.replace(held.record if held else Team(id=caller.team_id), **given)
    if changed.default_visibility and (
        narrower(changed.default_visibility, changed.widest_visibility)
        is not changed.default_visibility
    ):
        detail = "must not show more than `widest_visibility`"
        raise InvalidRequest.field("/default_visibility", detail)
    before = held.record if held else Team(id=caller.team_id)
    shows_as_before = _shows(changed) == _shows(before)
    told = records.Change(changed) if shows_as_before else outbox.team(world, changed)
    try:
        world.documents.write(
            settings.replacing(records.TEAM, held, told.record)
            if held
            else settings.creating(records.TEAM, told.record),
            *told.also,
        )
    except AlreadyExists:  # another admin was faster: on top of theirs
        return change(world, caller, wanted, if_match)
    return _view(world, caller)


def _shows(team: Team) -> tuple[object, ...]:
    """What decides about mail that is stored already."""
    return team.widest_visibility, team.own_domains


def _domains(given: tuple[str, ...]) -> tuple[str, ...]:
    """As addresses spell them. Raises InvalidRequest naming each that is none."""
    if len(given) > MAX_DOMAINS:
        raise InvalidRequest.field("/own_domains", f"may hold {MAX_DOMAINS} at most")
    good: list[str] = []
    errors: list[FieldError] = []
    for place, text in enumerate(given):
        try:
            if not re.fullmatch(r"[^@\s]+\.[^@\s]+", text):
                raise ValueError("is not a domain")
            good.append(normalise(f"x@{text}").partition("@")[2])
        except ValueError as error:
            errors.append(FieldError(f"/own_domains/{place}", str(error)))
    if errors:
        raise InvalidRequest("Not every domain can be used.", errors=errors)
    return tuple(dict.fromkeys(good))
