"""What a sync does next, decided without doing it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum

from shared.domain.mail import Envelope
from shared.domain.sync import Import, Stage, SyncState, Why

SCAN_LIMIT = {Why.FIRST: 150, Why.EXPIRED: 150, Why.CONTACTS: 50}
"""Up to so many messages every header is looked at, which finds what a provider's search cannot
(Reply-To, broken headers). At Gmail's 20 units each, 150 are half a minute of a mailbox's quota;
contacts are added often, one by one, so each may cost less."""
OVERLAP = timedelta(minutes=1)
"""Other machines' clocks and slow commits: what is this close to a mark is looked at again."""


class Step(Enum):
    """What the state asks for."""

    BEGIN = "begin"
    IMPORT = "import"
    FOLLOW = "follow"


def next_step(state: SyncState, *, new_addresses: bool) -> Step:
    """An import under way ends first; a mailbox without a cursor, or with contacts whose past mail was
    never looked for, begins one; otherwise changes are followed."""
    if state.importing is not None:
        return Step.IMPORT
    if state.cursor is None or new_addresses:
        return Step.BEGIN
    return Step.FOLLOW


def begin_import(
    state: SyncState,
    *,
    now: datetime,
    cursor: str | None,
    expired: bool = False,
    recent: Sequence[str] = (),
) -> Import:
    """`cursor` must have been taken before anything is listed, so that what arrives meanwhile shows
    later; None for an import for new contacts, which skips no change. `recent` are the addresses
    added within OVERLAP before now."""
    why = Why.CONTACTS if cursor is None else Why.EXPIRED if expired else Why.FIRST
    since = state.last_good_at - OVERLAP if expired and state.last_good_at else None
    return Import(why=why, cursor=cursor, since=since, through=now, recent=tuple(recent))


def next_stage(importing: Import, *, listed_all: bool) -> Stage | None:
    """After a stage: None ends the import. `listed_all` says that the stage saw all there was.

    A window that was seen whole does not spare the search: mail moved into the mailbox from
    elsewhere keeps its old date and lies outside of every window.
    """
    if importing.stage is Stage.SEARCH or (importing.stage is Stage.ALL and listed_all):
        return None
    if importing.stage is Stage.ALL and importing.since is not None:
        return Stage.WINDOW
    return Stage.SEARCH


def addresses_floor(state: SyncState) -> datetime | None:
    """The import at hand is about the addresses added after this; None means all of them."""
    importing = state.importing
    if importing is not None and importing.why is not Why.CONTACTS:
        return None
    return state.covered_through - OVERLAP if state.covered_through else None


def uncovered(state: SyncState, address_ids: Iterable[str]) -> list[str]:
    """Of the addresses above the floor, those whose past mail was not imported yet."""
    importing = state.importing
    if importing is not None and importing.why is not Why.CONTACTS:
        return list(address_ids)
    return [id for id in address_ids if id not in state.covered_recent]


def finish_import(state: SyncState) -> None:
    importing = state.importing
    assert importing is not None  # noqa: S101  # only an import under way can be finished
    state.cursor = importing.cursor or state.cursor
    state.covered_through = importing.through
    state.covered_recent = importing.recent
    state.importing = None


def plan_page(
    envelopes: Iterable[Envelope], known: Mapping[str, Sequence[str]], own_address: str
) -> dict[str, tuple[str, ...]]:
    """What to take of a page: provider id → the contacts that take part.

    Ordinary mail with a known address in any place is taken, the rest is passed by. The mailbox's own
    address stands in all of its mail and so tells nothing.
    """
    ordinary = (envelope for envelope in envelopes if not envelope.ignored)
    found = ((one.provider_id, contacts_of(one, known, own_address)) for one in ordinary)
    return {provider_id: contacts for provider_id, contacts in found if contacts}


def contacts_of(
    envelope: Envelope, known: Mapping[str, Sequence[str]], own_address: str
) -> tuple[str, ...]:
    addresses = (party.address for party in envelope.participants())
    found = (known.get(address, ()) for address in addresses if address != own_address)
    return tuple(dict.fromkeys(contact for contacts in found for contact in contacts))
