"""The state of a mailbox, as the provider's answers change it.

Only the provider's final word asks a user to act. Throttling and outages say so and pass, and success
clears whatever trouble there was.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from msgspec import structs

from shared import logs, records
from shared.domain.audit import AuditEvent
from shared.domain.errors import (
    AdminApprovalNeeded,
    ConfigurationError,
    GrantRevoked,
    MailboxUnavailable,
    MailbridgeError,
    NotFound,
    ProviderRejected,
    ProviderUnavailable,
    RateLimited,
)
from shared.domain.events import EventType
from shared.domain.mailboxes import GrantState, Mailbox
from shared.ports.documents import Write
from shared.ports.world import World
from shared.records import Change
from shared.services import outbox


def refreshed(world: World, mailbox: Mailbox, *, after_failure: bool) -> None:
    """The provider accepted the grant: trouble with it is over, also one that a user was asked to mend.
    Trouble with the mailbox itself is not; unless refreshing had failed before, nobody knows of it."""
    now = world.clock.now()

    def decide(current: Mailbox) -> Change[Mailbox]:
        also = [outbox.writing(world, current.team_id, current.id, AuditEvent.REFRESHED)]
        if not current.live:
            syncs = records.syncs(world.documents)
            also.append(syncs.updating(current.id, next_sync_at=now, last_error=""))
        mended = not current.live or after_failure
        lasting = {GrantState.CONNECTED, GrantState.MAILBOX_UNAVAILABLE}
        well = _in_state(current, now) if mended and current.state not in lasting else current
        return Change(structs.replace(well, last_good_at=now, updated_at=now), also)

    _change(world, mailbox, decide)


def recovered(world: World, mailbox: Mailbox) -> None:
    """The provider did what it was asked for. That says nothing of a grant that has ended: an access
    token outlives it by up to an hour."""
    now = world.clock.now()

    def decide(current: Mailbox) -> Change[Mailbox] | None:
        passing = current.live and current.state is not GrantState.CONNECTED
        return Change(_in_state(current, now)) if passing else None

    _change(world, mailbox, decide)


def troubled(world: World, mailbox: Mailbox, error: MailbridgeError, until: datetime) -> None:
    """The provider cannot be worked with before `until`."""
    now = world.clock.now()

    def decide(current: Mailbox) -> Change[Mailbox] | None:
        return _in_trouble(current, error, now, until)

    _change(world, mailbox, decide)


def refresh_failed(
    world: World, mailbox: Mailbox, error: MailbridgeError, *, until: datetime, first: bool
) -> None:
    """Tells of `error`; the audit trail hears of the `first` of a row only."""
    now = world.clock.now()

    def decide(current: Mailbox) -> Change[Mailbox] | None:
        change = _in_trouble(current, error, now, until)
        if not first:
            return change
        return Change(change.record if change else current, [_failure(world, current, error)])

    _change(world, mailbox, decide)


def ended(world: World, mailbox: Mailbox, error: GrantRevoked) -> None:
    """The user, or an administrator, has to act; until then nothing is synced and nothing is sent."""
    approval = isinstance(error, AdminApprovalNeeded)
    state = GrantState.ADMIN_CONSENT_REQUIRED if approval else GrantState.NEEDS_RECONNECT
    now = world.clock.now()

    def decide(current: Mailbox) -> Change[Mailbox] | None:
        if (current.state, current.state_reason) == (state, error.reason):
            return None
        syncs = records.syncs(world.documents)
        stopped = syncs.updating(
            current.id, next_sync_at=None, last_error=error.detail, last_error_at=now
        )
        ending = _in_state(current, now, state, error)
        return Change(ending, [stopped, _failure(world, current, error)])

    if _change(world, mailbox, decide):
        logs.warning(
            "mailbox needs its user",
            team=mailbox.team_id,
            mailbox=mailbox.id,
            state=state.value,
            reason=error.reason,
            who_acts=error.who_acts.value,
        )


_TROUBLES: Mapping[type[MailbridgeError], GrantState] = {
    RateLimited: GrantState.THROTTLED,
    MailboxUnavailable: GrantState.MAILBOX_UNAVAILABLE,
    ProviderUnavailable: GrantState.PROVIDER_UNAVAILABLE,
    ProviderRejected: GrantState.PROVIDER_UNAVAILABLE,
    ConfigurationError: GrantState.PROVIDER_UNAVAILABLE,
}
"""States that pass by themselves or once their party acted; the first that fits."""


def _in_trouble(
    current: Mailbox, error: MailbridgeError, now: datetime, until: datetime
) -> Change[Mailbox] | None:
    if not current.live:
        return None
    state = next((state for kind, state in _TROUBLES.items() if isinstance(error, kind)), None)
    known = (current.state, current.state_reason) == (state, error.reason)
    if state is None or (
        known and (state is not GrantState.THROTTLED or current.state_until == until)
    ):
        return None
    since = current.state_since if current.state is state else now
    return Change(_in_state(current, now, state, error, state_since=since, state_until=until))


def _failure(world: World, mailbox: Mailbox, error: MailbridgeError) -> Write:
    return outbox.writing(
        world,
        mailbox.team_id,
        mailbox.id,
        AuditEvent.REFRESH_FAILED,
        detail=error.detail,
        reason=error.reason,
    )


def _in_state(
    mailbox: Mailbox,
    now: datetime,
    state: GrantState = GrantState.CONNECTED,
    error: MailbridgeError | None = None,
    **also: Any,
) -> Mailbox:
    facts: dict[str, Any] = {
        "state": state,
        "state_reason": error.reason if error else "",
        "state_detail": error.detail if error else "",
        "state_party": error.who_acts if error else None,
        "state_since": now,
        "state_until": None,
        "updated_at": now,
    }
    return structs.replace(mailbox, **facts | also)


def _change(
    world: World, mailbox: Mailbox, decide: Callable[[Mailbox], Change[Mailbox] | None]
) -> bool:
    """Whether anything was changed.

    Not when it was disconnected, or connected again, since `mailbox` was read: then the news is about
    a consent that no longer counts."""

    def same_consent(current: Mailbox) -> Change[Mailbox] | None:
        disconnected = current.state is GrantState.DISCONNECTED
        if disconnected or current.consented_at != mailbox.consented_at:
            return None
        change = decide(current)
        if change is None or change.record.state is current.state:
            return change
        told = outbox.mailbox(
            world, change.record, EventType.MAILBOX_STATE_CHANGED, previous=current.state.value
        )
        return Change(told.record, [*change.also, *told.also])

    mailboxes = records.mailboxes(world.documents, mailbox.team_id)
    try:
        return mailboxes.change(mailbox.id, same_consent) is not None
    except NotFound:
        return False
