"""Disconnecting a mailbox: stopped at once, and then cleared away by tries that may each be cut off.

First the intent is stored: from then on nothing is synced or sent. What follows (revoking the consent,
destroying the tokens, erasing history if that is wished) is done by one worker at a time, by the
request itself as far as it gets, by a task otherwise, and by the daily check if that got lost.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta

from msgspec import Struct, structs

from shared import logs, records
from shared.domain import ids
from shared.domain.audit import AuditEvent
from shared.domain.caller import Caller
from shared.domain.errors import Busy, MailbridgeError
from shared.domain.mailboxes import LIVE, Connection, Disconnection, GrantState, History, Mailbox
from shared.domain.sync import Lease
from shared.ports.documents import Transaction, Where, Write
from shared.ports.tasks import Task
from shared.ports.world import World
from shared.services import outbox
from shared.services.accounts import confirming, mailboxes, tokens
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


def disconnect(world: World, caller: Caller, mailbox_id: str, query: DisconnectQuery) -> None:
    """Disconnected when it returns; calling again is fine. Raises NotFound, Forbidden."""
    mailbox = mailboxes.own(world, caller, mailbox_id).record
    _stop(world, caller, mailbox, query.history)
    later = world.clock.now() + TASK_DELAY
    world.tasks.enqueue(task(mailbox.team_id, mailbox.id, not_before=later))
    try:
        _clear(world, mailbox.team_id, mailbox.id, with_history=False)
    except MailbridgeError as error:
        logs.info("left to the task", mailbox=mailbox.id, team=mailbox.team_id, reason=error.detail)


def _stop(world: World, caller: Caller, mailbox: Mailbox, history: History) -> None:
    """Whoever syncs it just now loses the right to, and stops at the next step."""
    kept = records.mailboxes(world.documents, mailbox.team_id)
    syncs = records.syncs(world.documents)

    def work(transaction: Transaction) -> None:
        found = transaction.get_many([kept.path(mailbox.id), syncs.path(mailbox.id)])
        current = kept.read(found[kept.path(mailbox.id)]).record
        lease = syncs.read(found[syncs.path(mailbox.id)]).record.lease
        transaction.write(
            *_intending(world, caller, current, history),
            syncs.updating(
                mailbox.id,
                next_sync_at=None,
                check_at=world.clock.now(),
                lease=Lease(fence=lease.fence + 1, until=lease.until),
            ),
        )

    world.documents.transaction(work)


def _intending(world: World, caller: Caller, mailbox: Mailbox, history: History) -> Iterator[Write]:
    """A wish to erase is not taken back by asking again without it."""
    now = world.clock.now()
    before = mailbox.disconnection
    wish = History.ERASE if before and before.history is History.ERASE else history
    first = mailbox.state is not GrantState.DISCONNECTED
    yield records.mailboxes(world.documents, mailbox.team_id).updating(
        mailbox.id,
        state=GrantState.DISCONNECTED,
        state_reason="",
        state_detail="",
        state_until=None,
        state_since=now if first else mailbox.state_since,
        disconnection=Disconnection(history=wish, until=before.until if before else None),
        updated_at=now,
    )
    if first or (wish is History.ERASE and before is None):
        yield outbox.writing(
            world,
            mailbox.team_id,
            mailbox.id,
            AuditEvent.DISCONNECTED,
            user_id=caller.user_id,
            detail=f"Its history is to be {_KEPT[wish]}.",
        )


_KEPT = {History.KEEP: "kept", History.ERASE: "erased"}


# -- the task ---------------------------------------------------------------------------------------


def run(world: World, team_id: str, mailbox_id: str) -> None:
    """Raises ProviderUnavailable (the queue backs off) and whatever keeps it from being finished."""
    try:
        finished = _clear(world, team_id, mailbox_id, with_history=True)
    except Busy as busy:
        world.tasks.enqueue(task(team_id, mailbox_id, not_before=busy.until))
    else:
        if not finished:
            world.tasks.enqueue(task(team_id, mailbox_id))


def _clear(world: World, team_id: str, mailbox_id: str, *, with_history: bool) -> bool:
    """True when nothing is left to do. Without `with_history`, history is left to the task."""
    held = _take(world, team_id, mailbox_id)
    if held is None:
        return True
    try:
        _let_go(world, held.mailbox)
        done = held.history is History.KEEP or (
            with_history and erasing.erase(world, held.mailbox, held.renew)
        )
    except Exception:
        with suppress(Busy):
            held.release()
        raise
    if done:
        held.finish()
    else:
        held.release()
    return done


def _take(world: World, team_id: str, mailbox_id: str) -> "Held | None":
    """None when there is nothing to clear away. Raises Busy while somebody else does."""
    kept = records.mailboxes(world.documents, team_id)
    now = world.clock.now()
    holder = ids.random()

    def work(transaction: Transaction) -> Mailbox | None:
        document = transaction.get(kept.path(mailbox_id))
        if document is None or (mailbox := kept.read(document).record).disconnection is None:
            return None
        if mailbox.disconnection.until and mailbox.disconnection.until > now:
            raise Busy("This mailbox is being disconnected.", until=mailbox.disconnection.until)
        mailbox.disconnection.holder, mailbox.disconnection.until = holder, now + LEASE
        write = kept.updating(mailbox_id, kept.read(document), disconnection=mailbox.disconnection)
        transaction.write(write)
        return mailbox

    mailbox = world.documents.transaction(work)
    return (
        Held(world, mailbox, mailbox.disconnection) if mailbox and mailbox.disconnection else None
    )


class Held:
    """One worker's hold on a disconnection."""

    def __init__(self, world: World, mailbox: Mailbox, disconnection: Disconnection) -> None:
        self._world = world
        self._mailboxes = records.mailboxes(world.documents, mailbox.team_id)
        self._disconnection = disconnection
        self.mailbox = mailbox

    @property
    def history(self) -> History:
        return self._disconnection.history

    def renew(self) -> None:
        """Raises Busy when the hold is lost, or the caller changed their mind."""
        self._write(structs.replace(self._disconnection, until=self._world.clock.now() + LEASE))

    def release(self) -> None:
        self._write(structs.replace(self._disconnection, until=None))

    def finish(self) -> None:
        entry = outbox.writing(
            self._world,
            self.mailbox.team_id,
            self.mailbox.id,
            AuditEvent.HISTORY_ERASED,
            once=str(self.mailbox.consented_at),
        )
        self._write(None, *([entry] if self.history is History.ERASE else []))

    def _write(self, disconnection: Disconnection | None, *also: Write) -> None:
        def work(transaction: Transaction) -> None:
            document = transaction.get(self._mailboxes.path(self.mailbox.id))
            held = self._mailboxes.read(document) if document else None
            current = held.record.disconnection if held else None
            if current is None or current.holder != self._disconnection.holder:
                now = self._world.clock.now()
                raise Busy("Somebody else disconnects this mailbox now.", until=now + LEASE)
            write = self._mailboxes.updating(self.mailbox.id, held, disconnection=disconnection)
            transaction.write(write, *also)

        self._world.documents.transaction(work)


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
