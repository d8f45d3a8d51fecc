"""A team's mailboxes: who may see and use them, and their settings."""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum

import msgspec
from msgspec import UNSET, Struct, UnsetType, structs

from shared import records
from shared.domain.audit import AuditEvent
from shared.domain.caller import Caller
from shared.domain.errors import Forbidden, InvalidRequest, NotFound, Party
from shared.domain.mailboxes import Capability, GrantState, Mailbox, ProviderName
from shared.domain.sync import SyncState
from shared.domain.versions import ANY, IfMatch, etag
from shared.domain.views import view
from shared.ports.documents import Write
from shared.ports.world import World
from shared.records import Versioned
from shared.services import outbox, schedule
from shared.services.accounts import tokens
from shared.services.paging import PageQuery

TROUBLES = 50
"""So many are shown."""


class TroubleView(Struct):
    """A message that could not be taken in; `retry_at` is null once nobody tries any more."""

    provider_message_id: str
    reason: str
    attempts: int
    first_at: datetime
    retry_at: datetime | None


class SyncPhase(Enum):
    """What the sync of a mailbox is at."""

    WAITING = "waiting"
    IMPORTING = "importing"
    """Past mail is brought in."""
    FOLLOWING_CHANGES = "following_changes"
    UP_TO_DATE = "up_to_date"
    WAITING_FOR_ITS_USER = "waiting_for_its_user"
    """Who has to connect it again."""

    @classmethod
    def _missing_(cls, value: object) -> "SyncPhase | None":
        """By its words in the record."""
        spelt = str(value).replace(" ", "_")
        return next((one for one in cls if one.value == spelt), None)


class SyncView(Struct):
    """How far the sync is. Counts since the mailbox was connected."""

    phase: SyncPhase
    last_good_at: datetime | None
    """When it was last up to date."""
    next_sync_at: datetime | None
    """Null while there is nothing to sync."""
    last_error: str
    """"" after a success."""
    examined: int
    """Mails looked at."""
    stored: int
    """Mails of contacts taken in."""
    troubled: int
    """Mails that could not be taken in, or not yet."""
    vanished: int
    """Mails that were gone before they could be fetched."""
    quota_units: int
    """What all of it cost, by the provider's own measure."""
    troubles: list[TroubleView] | None = None
    """The latest, where one mailbox is shown; null in lists."""


class MailboxView(Struct):
    """One connected account of a user."""

    id: str
    etag: str
    provider: ProviderName
    address: str
    name: str
    """As its mail is signed; at first what the provider says."""
    user_id: str
    """Whose it is."""
    shared: bool
    """Whether colleagues see it, and send from it."""
    state: GrantState
    state_reason: str
    """The provider's own code, for support."""
    state_detail: str
    """The state in a sentence for people."""
    who_acts: Party
    """Who has to do something before it goes on."""
    state_since: datetime
    state_until: datetime | None
    """When a throttled mailbox goes on; null otherwise."""
    last_good_at: datetime | None
    """When the provider last did what it was asked for."""
    scopes: tuple[str, ...]
    """What its user allowed, in the provider's words."""
    missing_scopes: tuple[str, ...]
    """What its user left out."""
    created_at: datetime
    sync: SyncView


class MailboxList(Struct):
    mailboxes: list[MailboxView]
    next_page_token: str


class MailboxChange(Struct, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    name: str | UnsetType = UNSET
    shared: bool | UnsetType = UNSET


# -- who may ----------------------------------------------------------------------------------------


def usable(world: World, caller: Caller, mailbox_id: str) -> Versioned[Mailbox]:
    """A mailbox the caller may see, sync and send from: own, shared with the team, or any to an admin.

    Raises NotFound, also for a colleague's private one: its existence is nobody's business."""
    found = records.mailboxes(world.documents, caller.team_id).versioned(mailbox_id)
    if _may_use(caller, found.record):
        return found
    raise NotFound(f"There is no mailbox {mailbox_id!r} here.", reason="mailbox_not_found")


def sendable(world: World, caller: Caller, mailbox_id: str) -> Mailbox:
    """A mailbox the caller may write from: being an admin is no right to speak as somebody else.

    Raises NotFound, Forbidden, GrantRevoked, MissingScope."""
    mailbox = usable(world, caller, mailbox_id).record
    if not mailbox.shared and mailbox.user_id != caller.user_id:
        raise Forbidden("Only its owner can send from a private mailbox.", reason="not_yours")
    tokens.check(world, mailbox, Capability.SEND)
    return mailbox


def own(world: World, caller: Caller, mailbox_id: str) -> Versioned[Mailbox]:
    """A mailbox whose settings and consent the caller may change. Raises NotFound, Forbidden."""
    found = usable(world, caller, mailbox_id)
    if found.record.user_id != caller.user_id and not caller.admin:
        raise Forbidden(
            "Only its owner or an admin may do this to a shared mailbox.", reason="not_yours"
        )
    return found


def _may_use(caller: Caller, mailbox: Mailbox) -> bool:
    return mailbox.shared or mailbox.user_id == caller.user_id or caller.admin


# -- reading ----------------------------------------------------------------------------------------


def show(world: World, caller: Caller, mailbox_id: str) -> MailboxView:
    held = usable(world, caller, mailbox_id)
    shown = _view(held, records.syncs(world.documents).versioned(mailbox_id))
    shown.sync.troubles = _troubles(world, mailbox_id)
    return shown


def _troubles(world: World, mailbox_id: str) -> list[TroubleView]:
    latest, _ = records.troubles(world.documents, mailbox_id).page(
        order_by=("-first_at",), limit=TROUBLES
    )
    return [
        TroubleView(one.provider_id, one.reason, one.attempts, one.first_at, one.retry_at)
        for one in latest
    ]


def list_(world: World, caller: Caller, query: PageQuery) -> MailboxList:
    """Oldest first."""
    mailboxes, token = records.mailboxes(world.documents, caller.team_id).versions(
        order_by=("created_at",), limit=query.page_size, after=query.page_token
    )
    mine = [held for held in mailboxes if _may_use(caller, held.record)]
    syncs = records.syncs(world.documents).many(held.record.id for held in mine)
    views = [_view(held, syncs[held.record.id]) for held in mine if held.record.id in syncs]
    return MailboxList(views, token)


def _view(held: Versioned[Mailbox], synced: Versioned[SyncState]) -> MailboxView:
    mailbox, sync = held.record, synced.record
    return view(
        MailboxView,
        mailbox,
        etag=etag(held.version, shown=(synced.version,)),
        state_detail=mailbox.sentence,
        last_good_at=max(filter(None, (mailbox.last_good_at, sync.last_good_at)), default=None),
        sync=view(
            SyncView,
            sync.progress,
            phase=SyncPhase(sync.progress.phase),
            last_good_at=sync.last_good_at,
            next_sync_at=sync.next_sync_at,
            last_error=sync.last_error,
            quota_units=sync.progress.units,
            troubles=None,
        ),
    )


# -- changing ---------------------------------------------------------------------------------------


def change(
    world: World,
    caller: Caller,
    mailbox_id: str,
    wanted: MailboxChange,
    if_match: IfMatch = ANY,
) -> MailboxView:
    """Raises PreconditionFailed when `if_match` names another version than there is."""
    held = own(world, caller, mailbox_id)
    if_match.check(etag(held.version))
    fields = {k: v for k, v in msgspec.structs.asdict(wanted).items() if v is not UNSET}
    if len(fields.get("name", "")) > 200:
        raise InvalidRequest.field("/name", "must have at most 200 characters")
    mailboxes = records.mailboxes(world.documents, caller.team_id)
    updating = mailboxes.updating(mailbox_id, **fields, updated_at=world.clock.now())
    if if_match.exact:
        updating = structs.replace(updating, if_version=held.version)
    world.documents.write(updating, *_audited(world, caller, held.record, wanted.shared))
    return show(world, caller, mailbox_id)


def _audited(
    world: World, caller: Caller, mailbox: Mailbox, shared: bool | UnsetType
) -> Sequence[Write]:
    if shared is UNSET or shared == mailbox.shared:
        return []
    detail = "Shared with the team." if shared else "Private from now on."
    event = AuditEvent.SHARING_CHANGED
    return [
        outbox.writing(
            world, mailbox.team_id, mailbox.id, event, user_id=caller.user_id, detail=detail
        )
    ]


def sync_now(world: World, caller: Caller, mailbox_id: str) -> MailboxView:
    """Due at once: by a task of its own, and by the schedule should that get lost.

    Raises GrantRevoked, MissingScope."""
    mailbox = usable(world, caller, mailbox_id).record
    tokens.check(world, mailbox, Capability.READ)
    schedule.soon(world, mailbox_id, due=True)
    return show(world, caller, mailbox_id)
