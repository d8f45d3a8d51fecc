"""The state of a mailbox, as the provider's answers change it.

Only the provider's final word asks a user to act. Throttling and outages say so and pass, and success
clears whatever trouble there was.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from shared import logs, records
from shared.domain.audit import AuditEvent
from shared.domain.errors import (
    AdminApprovalNeeded,
    GrantRevoked,
    MailbridgeError,
    ProviderUnavailable,
    RateLimited,
)
from shared.domain.mailboxes import GrantState, Mailbox
from shared.ports.documents import Transaction, Write
from shared.ports.world import World
from shared.services import outbox


def refreshed(world: World, mailbox: Mailbox) -> None:
    """The provider accepted the grant: any trouble is over, also one that a user was asked to mend."""
    now = world.clock.now()

    def decide(current: Mailbox) -> Sequence[Write]:
        recovery = {} if current.state is GrantState.CONNECTED else _state(world)
        writes = [
            _updating(world, current, last_good_at=now, **recovery),
            outbox.writing(world, current.team_id, current.id, AuditEvent.REFRESHED),
        ]
        if not current.live:
            syncs = records.syncs(world.documents)
            writes.append(syncs.updating(current.id, next_sync_at=now, last_error=""))
        return writes

    _change(world, mailbox, decide)


def recovered(world: World, mailbox: Mailbox) -> None:
    """The provider did what it was asked for. That says nothing of a grant that has ended: an access
    token outlives it by up to an hour."""

    def decide(current: Mailbox) -> Sequence[Write]:
        passing = current.live and current.state is not GrantState.CONNECTED
        return [_updating(world, current, **_state(world))] if passing else []

    _change(world, mailbox, decide)


def troubled(
    world: World, mailbox: Mailbox, error: RateLimited | ProviderUnavailable, until: datetime
) -> None:
    """The provider cannot be worked with before `until`."""
    _change(world, mailbox, lambda current: _trouble(world, current, error, until))


def refresh_failed(
    world: World, mailbox: Mailbox, error: MailbridgeError, *, until: datetime, first: bool
) -> None:
    """Tells of `error`; the audit trail hears of the `first` of a row only."""

    def decide(current: Mailbox) -> Sequence[Write]:
        entry = [_failure(world, current, error)] if first else []
        return [*_trouble(world, current, error, until), *entry]

    _change(world, mailbox, decide)


def ended(world: World, mailbox: Mailbox, error: GrantRevoked) -> None:
    """The user, or an administrator, has to act; until then nothing is synced and nothing is sent."""
    approval = isinstance(error, AdminApprovalNeeded)
    state = GrantState.ADMIN_CONSENT_REQUIRED if approval else GrantState.NEEDS_RECONNECT
    now = world.clock.now()

    def decide(current: Mailbox) -> Sequence[Write]:
        if (current.state, current.state_reason) == (state, error.reason):
            return []
        syncs = records.syncs(world.documents)
        return [
            _updating(world, current, **_state(world, state, error)),
            syncs.updating(
                current.id, next_sync_at=None, last_error=error.detail, last_error_at=now
            ),
            outbox.writing(
                world,
                current.team_id,
                current.id,
                AuditEvent.REFRESH_FAILED,
                detail=error.detail,
                reason=error.reason,
            ),
        ]

    if _change(world, mailbox, decide):
        logs.warning(
            "mailbox needs its user",
            team=mailbox.team_id,
            mailbox=mailbox.id,
            state=state.value,
            reason=error.reason,
        )


def _trouble(
    world: World, current: Mailbox, error: MailbridgeError, until: datetime
) -> Sequence[Write]:
    if not current.live:
        return []
    match error:
        case RateLimited():
            known = current.state is GrantState.THROTTLED and current.state_until == until
            state = GrantState.THROTTLED
        case ProviderUnavailable():
            known = current.state is GrantState.PROVIDER_UNAVAILABLE
            state = GrantState.PROVIDER_UNAVAILABLE
        case _:
            return []
    if known:
        return []
    fields = _state(world, state, error) | {"state_until": until}
    if current.state is state:
        fields.pop("state_since")
    return [_updating(world, current, **fields)]


def _failure(world: World, mailbox: Mailbox, error: MailbridgeError) -> Write:
    return outbox.writing(
        world,
        mailbox.team_id,
        mailbox.id,
        AuditEvent.REFRESH_FAILED,
        detail=error.detail,
        reason=error.reason,
    )


def _state(
    world: World, state: GrantState = GrantState.CONNECTED, error: MailbridgeError | None = None
) -> dict[str, Any]:
    return {
        "state": state,
        "state_reason": error.reason if error else "",
        "state_detail": error.detail if error else "",
        "state_since": world.clock.now(),
        "state_until": None,
    }


def _updating(world: World, mailbox: Mailbox, **fields: Any) -> Write:
    mailboxes = records.mailboxes(world.documents, mailbox.team_id)
    return mailboxes.updating(mailbox.id, **fields, updated_at=world.clock.now())


def _change(world: World, mailbox: Mailbox, decide: Callable[[Mailbox], Sequence[Write]]) -> bool:
    """Writes what `decide` says of the mailbox as it is now; whether that was anything.

    Not when it was disconnected, or connected again, since `mailbox` was read: then the news is about
    a consent that no longer counts."""
    mailboxes = records.mailboxes(world.documents, mailbox.team_id)

    def work(transaction: Transaction) -> bool:
        document = transaction.get(mailboxes.path(mailbox.id))
        current = mailboxes.read(document).record if document else None
        if current is None or current.state is GrantState.DISCONNECTED:
            return False
        if current.consented_at != mailbox.consented_at:
            return False
        writes = decide(current)
        transaction.write(*writes)
        return bool(writes)

    return world.documents.transaction(work)
