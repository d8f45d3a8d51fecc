"""Connecting an account: consent asked for, answered, and confirmed by the user who asked.

The state that travels through the browser is sealed: team, user, PKCE verifier and nonce are in it,
it lasts ten minutes and works once. The callback knows no user, so it only makes a connection; the
signed-in user turns that into a mailbox.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode, urlsplit

import msgspec
from msgspec import Struct

from shared import records
from shared.config import function_url
from shared.domain import ids
from shared.domain.audit import AuditEvent
from shared.domain.caller import Caller
from shared.domain.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    InvalidRequest,
    MailbridgeError,
    NotFound,
)
from shared.domain.mailboxes import Capability, Connection, GrantState, Mailbox, mailbox_id
from shared.domain.sync import SHARDS, SyncState
from shared.domain.tokens import UsedState
from shared.ports import Consent, Transaction, World, Write
from shared.services import auditing, mailboxes, syncing, vault

STATE_LIFE = timedelta(minutes=10)
CONNECTION_LIFE = timedelta(minutes=30)
_STATE = "oauth-state"


class StartConsent(Struct, forbid_unknown_fields=True):
    provider: str
    return_to: str = ""
    login_hint: str = ""
    mailbox_id: str = ""
    """Reconnects this mailbox: only its own account is accepted."""


class ConsentUrl(Struct):
    authorization_url: str
    expires_at: datetime


class ConfirmConnection(Struct, forbid_unknown_fields=True):
    connection: str


class Ended(Struct, omit_defaults=True):
    """How a consent ended; sent back to `return_to` as its query where there is one."""

    return_to: str = ""
    connection: str = ""
    expires_at: datetime | None = None
    error: str = ""
    error_description: str = ""
    """The error in a sentence for people."""

    def url(self) -> str:
        answer = {"error": self.error, "error_description": self.error_description}
        if self.connection:
            answer = {"connection": self.connection}
        joiner = "&" if urlsplit(self.return_to).query else "?"
        return self.return_to + joiner + urlencode(answer)


class State(Struct):
    """What the sealed state carries."""

    id: str
    team_id: str
    user_id: str
    provider: str
    mailbox_id: str
    return_to: str
    expires_at: datetime
    kept: dict[str, str]


# -- asking ---------------------------------------------------------------------------------------


def start(world: World, caller: Caller, request: StartConsent) -> ConsentUrl:
    _check_return_to(world, request.return_to)
    if request.mailbox_id:
        known = mailboxes.own(world, caller, request.mailbox_id).record
        if known.provider != request.provider:
            raise InvalidRequest.field(
                "/provider", f"This mailbox is connected at {known.provider}."
            )
        request.login_hint = request.login_hint or known.address
    oauth = world.providers.get(request.provider).oauth
    started = oauth.start(redirect_uri=_redirect_uri(world), login_hint=request.login_hint)
    expires_at = world.clock.now() + STATE_LIFE
    state = State(
        id=ids.random(),
        team_id=caller.team_id,
        user_id=caller.user_id,
        provider=request.provider,
        mailbox_id=request.mailbox_id,
        return_to=request.return_to,
        expires_at=expires_at,
        kept=started.kept,
    )
    sealed = world.sealer.seal(msgspec.json.encode(state), context=_STATE)
    return ConsentUrl(f"{started.url}&state={quote(sealed)}", expires_at)


def _redirect_uri(world: World) -> str:
    world.settings.require("PUBLIC_URL")
    return function_url(world.settings.public_url, "oauth_callback")


def _check_return_to(world: World, return_to: str) -> None:
    """Only to origins that ops allowed: anything else would be an open redirect."""
    if not return_to:
        return
    parts = urlsplit(return_to)
    origin = f"{parts.scheme}://{parts.netloc}"
    clean = return_to.isascii() and return_to.isprintable() and "\\" not in return_to
    if not clean or parts.fragment or origin not in world.settings.allowed_origins:
        raise InvalidRequest.field(
            "/return_to", "must be a URL of an allowed origin (ALLOWED_ORIGINS), without a fragment"
        )


# -- the browser comes back -----------------------------------------------------------------------


def finish(world: World, answer: Mapping[str, str]) -> Ended:
    """Raises InvalidRequest for a state that is not ours, and whatever went wrong where there is no
    `return_to` to say it at."""
    state = _open_state(world, answer.get("state", ""))
    try:
        connection = _connect(world, state, answer)
    except MailbridgeError as error:
        if not state.return_to:
            raise
        reason = error.reason or "failed"
        return Ended(state.return_to, error=reason, error_description=error.detail)
    return Ended(state.return_to, connection=connection.id, expires_at=connection.expires_at)


def _open_state(world: World, sealed: str) -> State:
    if not sealed:
        raise InvalidRequest.field("/state", "is missing: start again with POST /oauth_start")
    try:
        return msgspec.json.decode(world.sealer.open(sealed, context=_STATE), type=State)
    except (InvalidRequest, msgspec.ValidationError) as error:
        raise InvalidRequest(
            "This state was not made here or was changed: start again with POST /oauth_start.",
            reason="state_invalid",
        ) from error


def _connect(world: World, state: State, answer: Mapping[str, str]) -> Connection:
    _use_once(world, state)
    provider = world.providers.get(state.provider)
    consent = provider.oauth.finish(answer, kept=state.kept, redirect_uri=_redirect_uri(world))
    if state.mailbox_id and state.mailbox_id != _mailbox_id(state, consent):
        raise Conflict(
            f"You signed in as {consent.account.address}, which is another account than the one to "
            "reconnect. Start again and choose that one.",
            reason="account_mismatch",
        )
    return _keep(world, state, consent)


def _mailbox_id(state: State, consent: Consent) -> str:
    return mailbox_id(state.team_id, state.provider, consent.account.id)


def _use_once(world: World, state: State) -> None:
    now = world.clock.now()
    if now >= state.expires_at:
        raise InvalidRequest(
            "This consent took longer than ten minutes: start again.", reason="state_expired"
        )
    try:
        used = UsedState(expires_at=state.expires_at)
        records.used_states(world.documents).create(state.id, used)
    except AlreadyExists as error:
        raise InvalidRequest(
            "This answer was used already: start again.", reason="state_used"
        ) from error


def _keep(world: World, state: State, consent: Consent) -> Connection:
    """The record first: whatever secret follows can then be found and destroyed when it expires."""
    provider = world.providers.get(state.provider)
    if consent.credential.refresh_token is None:
        raise InvalidRequest(
            "The provider sent no lasting permission. Remove this app from the account's connected "
            "apps, then start again.",
            reason="no_refresh_token",
        )
    scopes = consent.credential.scopes or ()
    connection = Connection(
        id=ids.random(),
        team_id=state.team_id,
        user_id=state.user_id,
        provider=state.provider,
        account=consent.account,
        scopes=scopes,
        missing_scopes=provider.missing_scopes(scopes),
        expires_at=world.clock.now() + CONNECTION_LIFE,
    )
    records.connections(world.documents, state.team_id).create(connection.id, connection)
    kept = vault.Kept(consent.credential.refresh_token)
    world.secrets.put(pending_secret(connection.id), msgspec.json.encode(kept))
    return connection


def pending_secret(connection_id: str) -> str:
    return f"connection-{connection_id}"


# -- the user confirms ----------------------------------------------------------------------------


def confirm(world: World, caller: Caller, request: ConfirmConnection) -> mailboxes.MailboxView:
    """Makes the mailbox, or finds it when this was confirmed before; its sync starts."""
    connection = _own_connection(world, caller, request.connection)
    if not connection.mailbox_id:
        try:
            _make_mailbox(world, caller, connection)
        except (Conflict, NotFound):  # unless a second, simultaneous call was faster
            if not _own_connection(world, caller, request.connection).mailbox_id:
                raise
    world.tasks.enqueue(syncing.task(mailbox_of(connection)))
    return mailboxes.show(world, caller, mailbox_of(connection))


def mailbox_of(connection: Connection) -> str:
    return mailbox_id(connection.team_id, connection.provider, connection.account.id)


def _own_connection(world: World, caller: Caller, id: str) -> Connection:
    connection = records.connections(world.documents, caller.team_id).get(id)
    if connection.user_id != caller.user_id:
        raise Forbidden(
            "Only the user who asked for this consent can confirm it.", reason="not_yours"
        )
    if not connection.mailbox_id and world.clock.now() >= connection.expires_at:
        raise NotFound("This connection has expired: start again.", reason="connection_expired")
    return connection


def _make_mailbox(world: World, caller: Caller, connection: Connection) -> None:
    """Token, then mailbox and sync together, then the pending secret goes: repeatable from any point."""
    pending = world.secrets.get(pending_secret(connection.id))
    if pending is None:
        raise NotFound("This connection has expired: start again.", reason="connection_expired")
    held = records.mailboxes(world.documents, connection.team_id).find(mailbox_of(connection))
    mailbox = _mailbox(world, caller, connection, held.record if held else None)
    vault.store(world, mailbox, msgspec.json.decode(pending, type=vault.Kept).refresh_token)
    _write(world, caller, connection)
    world.secrets.delete(pending_secret(connection.id))


def _mailbox(world: World, caller: Caller, connection: Connection, held: Mailbox | None) -> Mailbox:
    now = world.clock.now()
    if held and held.user_id != caller.user_id and held.state is not GrantState.DISCONNECTED:
        raise Conflict(
            f"{connection.account.address} is connected to this team by another user already.",
            reason="connected_by_another_user",
        )
    if held and held.leaving:
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
        scopes=connection.scopes,
        missing_scopes=connection.missing_scopes,
        state_since=now,
        consented_at=now,
        last_good_at=now,
        created_at=held.created_at if held else now,
        updated_at=now,
    )


def _write(world: World, caller: Caller, connection: Connection) -> None:
    """In a transaction: a refresh or a sync may change the mailbox while it is connected again."""
    kept = records.mailboxes(world.documents, connection.team_id)
    connections = records.connections(world.documents, connection.team_id)
    paths = kept.path(mailbox_of(connection)), connections.path(connection.id)

    def work(transaction: Transaction) -> None:
        found = transaction.get_many(paths)
        if paths[1] not in found or connections.versioned(found[paths[1]]).record.mailbox_id:
            return  # a second, simultaneous call was faster
        held = kept.versioned(found[paths[0]]) if paths[0] in found else None
        mailbox = _mailbox(world, caller, connection, held.record if held else None)
        transaction.write(
            kept.replacing(mailbox.id, held, mailbox)
            if held
            else kept.creating(mailbox.id, mailbox),
            connections.updating(connection.id, mailbox_id=mailbox.id),
            *_beginning(world, connection, mailbox, again=held is not None),
        )

    world.documents.transaction(work)


def _beginning(
    world: World, connection: Connection, mailbox: Mailbox, *, again: bool
) -> Iterator[Write]:
    now = world.clock.now()
    syncs = records.syncs(world.documents)
    next_sync_at = None if vault.lacks(world, mailbox, Capability.READ) else now
    if again:
        yield syncs.updating(mailbox.id, next_sync_at=next_sync_at, check_at=now, last_error="")
    else:
        yield syncs.creating(mailbox.id, _fresh_sync(mailbox, next_sync_at, check_at=now))
    yield auditing.writing(
        world,
        mailbox,
        AuditEvent.RECONNECTED if again else AuditEvent.CONNECTED,
        once=connection.id,
        user_id=mailbox.user_id,
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
