"""Disconnecting a mailbox: stopped at once, and then cleared away by tries that may each be cut off.

First the intent is stored: from then on nothing is synced or sent. What follows (revoking the consent,
destroying the tokens, erasing history if that is wished) is done by one worker at a time, by the
request itself as far as it gets, by a task otherwise, and by the daily check if that got lost.
"""

import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta

from msgspec import Struct, structs

from shared import logs, records
from shared.domain.access import Right
from shared.domain.audit import AuditEvent
from shared.domain.caller import Caller
from shared.domain.errors import (
    Busy,
    LeaseLost,
    MailbridgeError,
    ProviderUnavailable,
    RateLimited,
)
from shared.domain.events import EventType
from shared.domain.mailboxes import (
    LIVE,
    Connection,
    Disconnection,
    GrantState,
    History,
    Mailbox,
    Visibility,
)
from shared.domain.sync import LONGEST_PAUSE
from shared.domain.versions import ANY, IfMatch, etag
from shared.ports.documents import Transaction, Where
from shared.ports.tasks import Task
from shared.ports.world import World
from shared.records import Change, leased
from shared.services import access, outbox
from shared.services.accounts import confirming, tokens
from shared.services.timelines import erasing

LEASE = timedelta(seconds=45)
"""Longer than a revocation may take, and renewed between pages of history."""
TASK_DELAY = timedelta(seconds=3)
"""By then the request itself has done it, as a rule."""
REVOKE_PATIENCE = timedelta(days=1)
"""After this the tokens are destroyed though the provider could not be told."""


class DisconnectQuery(Struct, forbid_unknown_fields=True):
    history: History = History.KEEP
    """keep leaves mail and timelines as they are; erase deletes what came through this mailbox."""


class DisconnectTask(Struct):
    team_id: str
    mailbox_id: str


def task(team_id: str, mailbox_id: str, *, not_before: datetime | None = None) -> Task:
    body = {"team_id": team_id, "mailbox_id": mailbox_id}
    return Task("disconnect_mailbox", body, not_before)


# -- the request ------------------------------------------------------------------------------------


def disconnect(
    world: World,
    caller: Caller,
    mailbox_id: str,
    query: DisconnectQuery,
    if_match: IfMatch = ANY,
) -> None:
    """Disconnected when it returns; calling again is fine. Raises NotFound, Forbidden, and
    PreconditionFailed when `if_match` names another version than there is."""
    held = access.mailbox(world, caller, mailbox_id, Right.MANAGE)
    if_match.check(etag(held.version))
    mailbox = held.record
    _stop(world, caller, mailbox, query.history)
    later = world.clock.now() + TASK_DELAY
    world.tasks.enqueue(task(mailbox.team_id, mailbox.id, not_before=later))
    try:
        _clear(world, mailbox.team_id, mailbox.id, with_history=False)
    except MailbridgeError as error:
        logs.info("left to the task", mailbox=mailbox.id, team=mailbox.team_id, reason=error.detail)


def _stop(world: World, caller: Caller, mailbox: Mailbox, history: History) -> None:
    """Whoever syncs it just now loses the right to, and stops at the next step."""
    mailboxes = records.mailboxes(world.documents, mailbox.team_id)
    syncs = records.syncs(world.documents)
    paths = [mailboxes.path(mailbox.id), syncs.path(mailbox.id)]

    def work(transaction: Transaction) -> None:
        found = transaction.get_many(paths)
        current, sync = mailboxes.read(found[paths[0]]), syncs.read(found[paths[1]])
        intent = _intent(world, caller, current.record, history)
        stopped = structs.replace(
            sync.record.with_lease(sync.record.lease.broken()),
            next_sync_at=None,
            queued_at=None,
            failures=0,
            check_at=world.clock.now(),
        )
        transaction.write(
            mailboxes.replacing(mailbox.id, current, intent.record),
            syncs.replacing(mailbox.id, sync, stopped),
            *intent.also,
        )

    world.documents.transaction(work)


def _intent(world: World, caller: Caller, mailbox: Mailbox, history: History) -> Change[Mailbox]:
    """A wish to erase is not taken back by asking again without it."""
    now, before = world.clock.now(), mailbox.disconnection
    wish = History.ERASE if before and before.history is History.ERASE else history
    first = mailbox.state is not GrantState.DISCONNECTED
    changed = before is None or before.history is not wish
    wished = Disconnection(history=wish, until=before.until if before else None)
    intended = structs.replace(
        mailbox,
        state=GrantState.DISCONNECTED,
        state_reason="",
        state_detail="",
        state_until=None,
        state_since=now if first else mailbox.state_since,
        disconnection=wished if changed else before,
        fence=mailbox.fence + changed,  # whoever clears away under another wish loses the right to
        updated_at=now,
    )
    anew = changed and (before is not None or wish is History.ERASE)
    if not first and not anew:
        return Change(intended)
    told = outbox.mailbox(world, intended, EventType.MAILBOX_DISCONNECTED, history=wish.value)
    entry = outbox.writing(
        world,
        mailbox.team_id,
        mailbox.id,
        AuditEvent.DISCONNECTED,
        caller=caller,
        detail=f"Its history is to be {_KEPT[wish]}.",
    )
    return Change(told.record, [*told.also, entry])


_KEPT = {History.KEEP: "kept", History.ERASE: "erased"}


# -- the task ---------------------------------------------------------------------------------------


def run(world: World, team_id: str, mailbox_id: str) -> None:
    """Raises what nobody expected. A provider in trouble is waited for by this mailbox alone."""
    try:
        finished = _clear(world, team_id, mailbox_id, with_history=True)
    except Busy as busy:
        world.tasks.enqueue(task(team_id, mailbox_id, not_before=busy.until))
    except LeaseLost:
        logs.info("left to whoever took it over", mailbox=mailbox_id)
    except (ProviderUnavailable, RateLimited) as error:
        logs.warning("disconnecting goes on later", mailbox=mailbox_id, reason=error.reason)
        again = _again_at(world, team_id, mailbox_id)
        world.tasks.enqueue(task(team_id, mailbox_id, not_before=again))
    else:
        if not finished:
            world.tasks.enqueue(task(team_id, mailbox_id))


def _again_at(world: World, team_id: str, mailbox_id: str) -> datetime:
    """Half as long again as it has taken so far, ten minutes at most: so pauses grow, and no count of
    them is kept."""
    now = world.clock.now()
    mailbox = records.mailboxes(world.documents, team_id).get(mailbox_id)
    waited = min(max((now - mailbox.state_since) / 2, TASK_DELAY), LONGEST_PAUSE)
    return now + waited * (1 + random.random() / 5)  # noqa: S311  # no secret


def _clear(world: World, team_id: str, mailbox_id: str, *, with_history: bool) -> bool:
    """True when nothing is left to do. Without `with_history`, history is left to the task. Raises Busy
    while somebody else does it, LeaseLost when somebody else took it over."""
    lease = leased.take(
        records.mailboxes(world.documents, team_id),
        mailbox_id,
        clock=world.clock,
        length=LEASE,
        decide=lambda mailbox: Change(mailbox) if mailbox.disconnection else None,
    )
    if lease is None or (wished := lease.record.disconnection) is None:
        return True
    try:
        _let_go(world, lease.record)
        keep = wished.history is History.KEEP
        done = keep or (with_history and erasing.erase(world, lease.record, lease.save))
    except Exception:
        with suppress(LeaseLost):
            lease.release()
        raise
    lease.release(lambda current: _cleared(world, current) if done else Change(current))
    return done


def _cleared(world: World, mailbox: Mailbox) -> Change[Mailbox]:
    """Nothing is left to clear away. Whoever wished for more meanwhile holds a lease that says so."""
    wished = mailbox.disconnection
    erased = wished is not None and wished.history is History.ERASE
    entry = outbox.writing(
        world,
        mailbox.team_id,
        mailbox.id,
        AuditEvent.HISTORY_ERASED,
        once=str(mailbox.consented_at),
    )
    cleared = structs.replace(mailbox, disconnection=None)
    if not erased:
        return Change(cleared)
    shown = mailbox.visibility is not Visibility.NOTHING or mailbox.marked_threads > 0
    told = outbox.mailbox(world, cleared, EventType.MAILBOX_ERASED, everybody=shown)
    return Change(told.record, [*told.also, entry])


# -- the grant --------------------------------------------------------------------------------------


def _let_go(world: World, mailbox: Mailbox) -> None:
    """The consent is revoked only when no other mailbox lives by it: Google's revocation takes
    everything that the account granted to the app, in every team."""
    refresh_token = tokens.read(world, mailbox.id)
    if refresh_token and not _used_elsewhere(world, mailbox):
        try:
            world.providers.get(mailbox.provider).oauth.revoke(refresh_token)
        except MailbridgeError as error:
            if world.clock.now() < mailbox.state_since + REVOKE_PATIENCE:
                raise
            logs.warning("consent not revoked", mailbox=mailbox.id, reason=error.detail)
    tokens.destroy(world, mailbox.id)


def _used_elsewhere(world: World, mailbox: Mailbox) -> bool:
    users, _ = records.all_mailboxes(world.documents).page(
        Where("provider", "==", mailbox.provider),
        Where("account_id", "==", mailbox.account_id),
        Where("state", "in", sorted(state.value for state in LIVE)),
        limit=1,
    )
    return bool(users) or any(
        _lives_by_the_same_consent(mailbox, connection) for connection in _unconfirmed(world)
    )


def _lives_by_the_same_consent(mailbox: Mailbox, connection: Connection) -> bool:
    """Another mailbox about to be, or this one once more, consented to after it was disconnected."""
    same = (connection.provider, connection.account.id) == (mailbox.provider, mailbox.account_id)
    elsewhere = confirming.mailbox_of(connection) != mailbox.id
    return same and (
        elsewhere or connection.expires_at - confirming.CONNECTION_LIFE > mailbox.state_since
    )


def _unconfirmed(world: World) -> Iterator[Connection]:
    after = ""
    while True:
        page, after = records.all_connections(world.documents).page(
            Where("expires_at", ">", world.clock.now()), order_by=("expires_at",), after=after
        )
        yield from (connection for connection in page if not connection.mailbox_id)
        if not after:
            return
