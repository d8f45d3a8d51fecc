"""A team's mailboxes: their state and their settings."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import Enum
from typing import Literal

from msgspec import UNSET, Struct, UnsetType, structs

from shared import records
from shared.domain.access import Right, Team, may, narrower
from shared.domain.audit import AuditEvent
from shared.domain.caller import Caller
from shared.domain.errors import InvalidRequest, Party
from shared.domain.events import EventType
from shared.domain.mailboxes import (
    WHAT_COLLEAGUES_SEE,
    Capability,
    GrantState,
    Mailbox,
    ProviderName,
    Visibility,
)
from shared.domain.sync import PassedPart, Progress, SyncState
from shared.domain.versions import ANY, IfMatch, etag
from shared.domain.views import view
from shared.mime import names
from shared.ports.documents import Write
from shared.ports.world import World
from shared.records import Change, Versioned
from shared.services import access, outbox, schedule
from shared.services.accounts import tokens
from shared.services.paging import PageQuery, Pages

TROUBLES = 50
"""So many are shown."""


class TroubleView(Struct):
    """A message that could not be taken in; `retry_at` is null once nobody tries any more. Only to the
    mailbox's owner it is named."""

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
    IMPORTED = "imported"
    """All of it is in; what came meanwhile is next."""
    FOLLOWING_CHANGES = "following_changes"
    UP_TO_DATE = "up_to_date"
    FOLDERS_PASSED_BY = "folders_passed_by"
    """Up to date but for what the provider refuses to show."""
    WAITING_FOR_ITS_USER = "waiting_for_its_user"
    """Who has to connect it again."""

    @classmethod
    def _missing_(cls, value: object) -> "SyncPhase":
        """By its words in the record. What a newer release is at, this one calls following changes."""
        spelt = str(value).replace(" ", "_")
        return next((one for one in cls if one.value == spelt), cls.FOLLOWING_CHANGES)


class SyncView(Struct):
    """How far the sync is. Counts since the mailbox was connected; 0 to colleagues who see nothing of its
    mail."""

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
    incomplete: int
    """Searches for past mail that the provider never let end: some may be missing."""
    quota_units: int
    """What all of it cost, by the provider's own measure."""
    passed: tuple[PassedPart, ...]
    """Folders that the provider refuses to show: since when, and why. None of it is up to date then."""
    troubles: list[TroubleView] | None = None
    """The latest, where one mailbox is shown to its owner or an admin; null otherwise."""


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
    visibility: Visibility
    """What colleagues see of its mail, the team's `widest_visibility` considered."""
    visibility_detail: str
    """The same in a sentence for people."""
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
    """True lets colleagues send from it: for its owner to decide. Taking that back is an admin's too."""
    visibility: Visibility | UnsetType = UNSET
    """For its owner to decide; holds at once, for mail that is stored already too."""


# -- reading ----------------------------------------------------------------------------------------


def show(world: World, caller: Caller, mailbox_id: str) -> MailboxView:
    return shown(world, caller, access.mailbox(world, caller, mailbox_id, Right.SEE))


def shown(world: World, caller: Caller, held: Versioned[Mailbox]) -> MailboxView:
    """For whoever was let through to it, or just made or changed it."""
    synced = records.syncs(world.documents).versioned(held.record.id)
    made = _view(access.Viewer(world, caller), held, synced)
    if may(caller, Right.MANAGE, held.record):
        made.sync.troubles = _troubles(world, held.record, whose=caller)
    return made


def _troubles(world: World, mailbox: Mailbox, *, whose: Caller) -> list[TroubleView]:
    """What names a mail is its owner's to know."""
    latest, _ = records.troubles(world.documents, mailbox.id).page(
        order_by=("-first_at",), limit=TROUBLES
    )
    named = mailbox.user_id == whose.user_id
    return [
        TroubleView(
            one.provider_id if named else "", one.reason, one.attempts, one.first_at, one.retry_at
        )
        for one in latest
    ]


class MailboxQuery(PageQuery):
    needs: Literal["", "me"] = ""
    """me: only the caller's own that wait for their owner to act."""


def list_(world: World, caller: Caller, query: PageQuery) -> MailboxList:
    """Oldest first."""
    mailboxes = records.mailboxes(world.documents, caller.team_id)
    viewer = access.Viewer(world, caller)
    needs_me = isinstance(query, MailboxQuery) and query.needs == "me"

    def asked_for(found: Sequence[Versioned[Mailbox]]) -> list[Versioned[Mailbox]]:
        seen = viewer.mailboxes(found)
        return [one for one in seen if _needs(caller, one.record)] if needs_me else seen

    seen, token = Pages(world, caller, query, "mailboxes").visible(
        lambda limit, after: mailboxes.versions(order_by=("created_at",), limit=limit, after=after),
        asked_for,
    )
    syncs = records.syncs(world.documents).many(held.record.id for held in seen)
    views = [_view(viewer, held, syncs[held.record.id]) for held in seen if held.record.id in syncs]
    return MailboxList(views, token)


def _needs(caller: Caller, mailbox: Mailbox) -> bool:
    return mailbox.user_id == caller.user_id and mailbox.who_acts is Party.USER


def _view(
    viewer: access.Viewer, held: Versioned[Mailbox], synced: Versioned[SyncState]
) -> MailboxView:
    mailbox, sync = held.record, synced.record
    visible = narrower(mailbox.visibility, viewer.team.widest_visibility)
    counted = sync.progress if viewer.counts(mailbox) else Progress(phase=sync.progress.phase)
    return view(
        MailboxView,
        mailbox,
        etag=etag(held.version, shown=(synced.version, visible.value)),
        state_detail=mailbox.sentence,
        visibility=visible,
        visibility_detail=WHAT_COLLEAGUES_SEE[visible],
        last_good_at=max(filter(None, (mailbox.last_good_at, sync.last_good_at)), default=None),
        sync=view(
            SyncView,
            counted,
            phase=SyncPhase(sync.progress.phase),
            last_good_at=sync.last_good_at,
            next_sync_at=sync.next_sync_at,
            last_error=sync.last_error,
            quota_units=counted.units,
            passed=sync.passed,
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
    owners = wanted.shared is True or wanted.visibility is not UNSET
    right = Right.OWN if owners else Right.MANAGE
    held = access.mailbox(world, caller, mailbox_id, right)
    if_match.check(etag(held.version))
    fields = {k: v for k, v in structs.asdict(wanted).items() if v is not UNSET}
    if "name" in fields:
        try:
            fields["name"] = names.given(fields["name"])
        except ValueError as error:
            raise InvalidRequest.field("/name", str(error)) from error
    if wanted.visibility is not UNSET:
        check_visibility(access.team(world, caller.team_id), wanted.visibility)
    mailboxes = records.mailboxes(world.documents, caller.team_id)

    def decide(current: Mailbox) -> Change[Mailbox]:
        changed = structs.replace(current, **fields, updated_at=world.clock.now())
        entries = list(_audited(world, caller, current, changed))
        if changed.visibility is current.visibility:
            return Change(changed, entries)
        told = outbox.mailbox(
            world,
            changed,
            EventType.MAILBOX_VISIBILITY_CHANGED,
            everybody=True,
            visibility=changed.visibility.value,
        )
        return Change(told.record, [*told.also, *entries])

    if if_match.exact:
        change = decide(held.record)
        replacing = mailboxes.replacing(mailbox_id, held, change.record)
        world.documents.write(replacing, *change.also)
    else:
        mailboxes.change(mailbox_id, decide)
    return shown(world, caller, mailboxes.versioned(mailbox_id))


def check_visibility(team: Team, wanted: Visibility) -> None:
    """Raises InvalidRequest beyond what the team allows."""
    if narrower(wanted, team.widest_visibility) is not wanted:
        raise InvalidRequest.field(
            "/visibility",
            f"may be {team.widest_visibility.value} at most: your team's admins say so",
        )


def _audited(world: World, caller: Caller, before: Mailbox, after: Mailbox) -> Iterator[Write]:
    if before.shared != after.shared:
        detail = "Shared with the team." if after.shared else "Private from now on."
        event = AuditEvent.SHARING_CHANGED
        yield outbox.writing(world, after.team_id, after.id, event, caller=caller, detail=detail)
    if before.visibility is not after.visibility:
        detail = WHAT_COLLEAGUES_SEE[after.visibility]
        event = AuditEvent.VISIBILITY_CHANGED
        yield outbox.writing(world, after.team_id, after.id, event, caller=caller, detail=detail)


def sync_now(world: World, caller: Caller, mailbox_id: str) -> MailboxView:
    """Due at once: by a task of its own, and by the schedule should that get lost.

    Raises GrantRevoked, MissingScope."""
    mailbox = access.mailbox(world, caller, mailbox_id, Right.USE).record
    tokens.check(world, mailbox, Capability.READ)
    schedule.soon(world, mailbox_id, due=True)
    mailboxes = records.mailboxes(world.documents, caller.team_id)
    return shown(world, caller, mailboxes.versioned(mailbox_id))
