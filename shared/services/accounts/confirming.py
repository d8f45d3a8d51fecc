"""A connection becomes a mailbox once the user who asked for the consent confirms it."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec
from msgspec import UNSET, Struct, UnsetType

from shared import records
from shared.domain.access import Sight, Team, ThreadAccess, colleagues_see, narrower
from shared.domain.audit import AuditEvent
from shared.domain.caller import Caller, Scope
from shared.domain.errors import Conflict, Forbidden, InvalidRequest, NotFound
from shared.domain.events import EventType
from shared.domain.mailboxes import (
    Capability,
    Connection,
    GrantState,
    Mailbox,
    Visibility,
    mailbox_id,
)
from shared.domain.sync import SHARDS, SyncState
from shared.ports.documents import Transaction, Where, Write
from shared.ports.world import World
from shared.services import access, outbox, schedule
from shared.services.accounts import mailboxes, tokens

CONNECTION_LIFE = timedelta(minutes=30)


class ConfirmConnection(Struct, forbid_unknown_fields=True):
    connection: str
    """What the consent ended with."""
    visibility: Visibility | UnsetType = UNSET
    """What colleagues see of its mail. Where it is not said: what it was before, or the team's default;
    without one it must be said."""


def pending_secret(connection_id: str) -> str:
    return f"connection-{connection_id}"


def confirm(world: World, caller: Caller, request: ConfirmConnection) -> mailboxes.MailboxView:
    """Makes the mailbox, or finds it when this was confirmed before; its sync starts."""
    connection = _own_connection(world, caller, request.connection)
    if not connection.mailbox_id:
        try:
            _make_mailbox(world, caller, connection, request.visibility)
        except (Conflict, NotFound):  # unless a second, simultaneous call was faster
            if not _own_connection(world, caller, request.connection).mailbox_id:
                raise
    schedule.soon(world, mailbox_of(connection))
    made = records.mailboxes(world.documents, caller.team_id).versioned(mailbox_of(connection))
    return mailboxes.shown(world, caller, made)


def mailbox_of(connection: Connection) -> str:
    return mailbox_id(connection.team_id, connection.provider, connection.account.id)


def _own_connection(world: World, caller: Caller, id: str) -> Connection:
    access.require(caller, Scope.MANAGE)
    connection = records.connections(world.documents, caller.team_id).get(id)
    if connection.user_id != caller.user_id:
        raise Forbidden(
            "Only the user who asked for this consent can confirm it.", reason="not_yours"
        )
    if not connection.mailbox_id and world.clock.now() >= connection.expires_at:
        raise NotFound("This connection has expired: start again.", reason="connection_expired")
    return connection


def _make_mailbox(
    world: World, caller: Caller, connection: Connection, wished: Visibility | UnsetType
) -> None:
    """Token, then mailbox and sync together, then the pending secret goes: repeatable from any point."""
    pending = world.secrets.get(pending_secret(connection.id))
    if pending is None:
        raise NotFound("This connection has expired: start again.", reason="connection_expired")
    found = records.mailboxes(world.documents, connection.team_id).find(mailbox_of(connection))
    before = found.record if found else None
    team = access.team(world, connection.team_id)
    visibility = _visibility(team, before, wished)
    _check_history(world, caller, before, team)
    mailbox = _mailbox(caller, connection, before, visibility, world.clock.now())
    tokens.store(world, mailbox, msgspec.json.decode(pending, type=tokens.Kept).refresh_token)
    _write(world, caller, connection, visibility)
    world.secrets.delete(pending_secret(connection.id))


def _visibility(team: Team, before: Mailbox | None, wished: Visibility | UnsetType) -> Visibility:
    """Raises InvalidRequest where it must be said, and beyond what the team allows."""
    if wished is not UNSET:
        mailboxes.check_visibility(team, wished)
        return wished
    if known := before.visibility if before else team.default_visibility:
        return narrower(known, team.widest_visibility)
    raise InvalidRequest.field(
        "/visibility",
        "is missing: say what colleagues see of this mailbox's mail with contacts, for your team has "
        "no default_visibility: everything, subject, metadata or nothing",
    )


def _check_history(world: World, caller: Caller, before: Mailbox | None, team: Team) -> None:
    """Whoever gets hold of an account does not get the mail that somebody else's consent brought in, nor
    what was written from it, unless colleagues saw all of it anyway. Raises Conflict."""
    if before is None or before.user_id == caller.user_id:
        return
    open_to_all = before.shared and not before.marked_threads
    if open_to_all and colleagues_see(before, ThreadAccess.AS_MAILBOX, team) is Sight.EVERYTHING:
        return
    kept = Where("mailbox_id", "==", before.id)
    if records.messages(world.documents, before.team_id).ids(kept, limit=1) or records.emails(
        world.documents, before.team_id
    ).ids(kept, limit=1):
        raise Conflict(
            f"{before.address} was connected by another user, whose mail is kept here. They or an admin "
            "can erase it: DELETE /mailboxes/{mailbox_id}?history=erase.",
            reason="history_of_another_user",
        )


def _mailbox(
    caller: Caller,
    connection: Connection,
    held: Mailbox | None,
    visibility: Visibility,
    now: datetime,
) -> Mailbox:
    if held and held.user_id != caller.user_id and held.state is not GrantState.DISCONNECTED:
        raise Conflict(
            f"{connection.account.address} is connected to this team by another user already.",
            reason="connected_by_another_user",
        )
    if held and held.disconnection:
        raise Conflict(
            "This mailbox is still being disconnected; confirm once more in a minute.",
            reason="disconnecting",
        )
    return Mailbox(
        id=mailbox_of(connection),
        team_id=connection.team_id,
        user_id=caller.user_id,
        provider=connection.provider,
        account_id=connection.account.id,
        address=connection.account.address,
        name=held.name if held else connection.account.name,
        shared=held.shared if held else False,
        visibility=visibility,
        revision=held.revision if held else 0,
        marked_threads=held.marked_threads if held else 0,
        scopes=connection.scopes,
        missing_scopes=connection.missing_scopes,
        state_since=now,
        consented_at=now,
        owned_since=held.owned_since if held and held.user_id == caller.user_id else now,
        last_good_at=now,
        fence=held.fence if held else 0,
        created_at=held.created_at if held else now,
        updated_at=now,
    )


def _write(world: World, caller: Caller, connection: Connection, visibility: Visibility) -> None:
    """In a transaction: a refresh or a sync may change the mailbox while it is connected again."""
    kept = records.mailboxes(world.documents, connection.team_id)
    connections = records.connections(world.documents, connection.team_id)
    paths = kept.path(mailbox_of(connection)), connections.path(connection.id)

    def work(transaction: Transaction) -> None:
        found = transaction.get_many(paths)
        if paths[1] not in found or connections.read(found[paths[1]]).record.mailbox_id:
            return  # a second, simultaneous call was faster
        held = kept.read(found[paths[0]]) if paths[0] in found else None
        before = held.record if held else None
        made = _mailbox(caller, connection, before, visibility, world.clock.now())
        told = outbox.mailbox(world, made, EventType.MAILBOX_CONNECTED, provider=made.provider)
        mailbox = told.record
        transaction.write(
            kept.replacing(mailbox.id, held, mailbox)
            if held
            else kept.creating(mailbox.id, mailbox),
            *told.also,
            connections.updating(connection.id, mailbox_id=mailbox.id),
            *_beginning(world, caller, connection, mailbox, again=held is not None),
        )

    world.documents.transaction(work)


def _beginning(
    world: World, caller: Caller, connection: Connection, mailbox: Mailbox, *, again: bool
) -> Iterator[Write]:
    now = world.clock.now()
    syncs = records.syncs(world.documents)
    next_sync_at = None if tokens.lacks(world, mailbox, Capability.READ) else now
    if again:
        yield syncs.updating(
            mailbox.id,
            next_sync_at=next_sync_at,
            check_at=now,
            last_error="",
            queued_at=None,
            failures=0,
        )
    else:
        yield syncs.creating(mailbox.id, _fresh_sync(mailbox, next_sync_at, check_at=now))
    yield outbox.writing(
        world,
        mailbox.team_id,
        mailbox.id,
        AuditEvent.RECONNECTED if again else AuditEvent.CONNECTED,
        once=connection.id,
        caller=caller,
        detail=f"{mailbox.address} at {mailbox.provider}.",
    )


def _fresh_sync(
    mailbox: Mailbox, next_sync_at: datetime | None, *, check_at: datetime
) -> SyncState:
    return SyncState(
        mailbox_id=mailbox.id,
        team_id=mailbox.team_id,
        shard=int.from_bytes(mailbox.id.encode()[:4], "big") % SHARDS,
        next_sync_at=next_sync_at,
        check_at=check_at,
    )
