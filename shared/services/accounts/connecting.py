"""Connecting an account: consent asked for, answered, and confirmed by the user who asked.

The state that travels through the browser is sealed: team, user, PKCE verifier and nonce are in it,
it lasts ten minutes and works once. The callback knows no user, so it only makes a connection; the
signed-in user turns that into a mailbox.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import quote

import msgspec
from msgspec import Meta, Struct

from shared import logs, records
from shared.config import function_url
from shared.domain import ids, urls
from shared.domain.access import Right
from shared.domain.caller import Caller, Scope
from shared.domain.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    InvalidRequest,
    MailboxUnavailable,
    MailbridgeError,
    Party,
    ProviderUnavailable,
)
from shared.domain.mailboxes import Capability, Connection, ProviderName, mailbox_id
from shared.domain.tokens import UsedState
from shared.ports.declarations import SignIn
from shared.ports.providers import Consent, Credential, Provider
from shared.ports.world import World
from shared.services import access
from shared.services.accounts import approving, confirming, tokens

STATE_LIFE = timedelta(minutes=10)
_STATE = "oauth-state"


class StartConsent(Struct, forbid_unknown_fields=True):
    provider: ProviderName
    return_to: Annotated[str, Meta(max_length=1_000)] = ""
    """Where the browser goes when the consent ends, a URL of an allowed origin. Without one it stays on
    a page that shows the connection."""
    login_hint: Annotated[str, Meta(max_length=320, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    """The address of the account to choose, where the user is signed in with several."""
    mailbox_id: str = ""
    """Reconnects this mailbox: only its own account is accepted."""
    approval: bool = False
    """Asks for no consent, but for a link by which an administrator of the users' own organisation approves
    this app for all of them; for a team's admins. It is good for 14 days, and connects nothing."""


class ConsentUrl(Struct):
    authorization_url: str
    """To be opened in the user's browser."""
    expires_at: datetime
    """Until then the consent has to be finished."""


class ProvidersAnswer(Struct):
    """What the provider sends along; each sends more besides."""

    state: str
    """What POST /oauth_start put into the URL of the consent."""
    code: str = ""
    """What the provider gives tokens for."""
    error: str = ""
    """Why there is no code."""
    error_description: str = ""
    admin_consent: str = ""
    """True when an administrator approved the app; then there is no code."""


class Ended(Struct, omit_defaults=True):
    """How a consent ended; sent back to `return_to` as its query where there is one."""

    return_to: str = ""
    connection: str = ""
    """What POST /mailboxes confirms, by the user who asked for it."""
    expires_at: datetime | None = None
    """Until then the connection has to be confirmed."""
    error: str = ""
    """Why there is no connection, in a word that stays the same."""
    error_description: str = ""
    """The error in a sentence for people."""
    approved: bool = False
    """An administrator approved the app; users who waited for that can connect now."""

    def url(self) -> str:
        answer = {"error": self.error, "error_description": self.error_description}
        if self.connection:
            answer = {"connection": self.connection}
        if self.approved:
            answer = {"approved": "true"}
        return urls.parse(self.return_to).with_query(answer)


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
    access.require(caller, Scope.MANAGE)
    _check_return_to(world, request.return_to)
    if request.mailbox_id:
        known = access.mailbox(world, caller, request.mailbox_id, Right.MANAGE).record
        if known.provider != request.provider:
            raise InvalidRequest.field(
                "/provider", f"This mailbox is connected at {known.provider}."
            )
        request.login_hint = request.login_hint or known.address
    provider = world.providers.get(request.provider)
    if provider.declaration.sign_in is not SignIn.OAUTH:
        detail = f"{provider.declaration.title} takes a password, and asks for no consent."
        raise InvalidRequest.field("/provider", detail)
    if request.approval:
        url, until = approving.start(
            world,
            caller,
            provider,
            redirect_uri=_redirect_uri(world),
            return_to=request.return_to,
        )
        return ConsentUrl(url, until)
    started = provider.oauth.start(redirect_uri=_redirect_uri(world), login_hint=request.login_hint)
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
    sealed = world.sealer("state").seal(msgspec.json.encode(state), context=_STATE)
    return ConsentUrl(f"{started.url}&state={quote(sealed)}", expires_at)


def _redirect_uri(world: World) -> str:
    world.settings.require("PUBLIC_URL")
    return function_url(world.settings.public_url, "oauth_callback")


def _check_return_to(world: World, return_to: str) -> None:
    """Only to origins that ops allowed: anything else would be an open redirect."""
    if not return_to:
        return
    try:
        origin = urls.parse(return_to).origin
    except ValueError as error:
        raise InvalidRequest.field("/return_to", str(error)) from error
    if origin not in world.settings.allowed_origins:
        raise InvalidRequest.field("/return_to", "must lead to an allowed origin (ALLOWED_ORIGINS)")


# -- the browser comes back -----------------------------------------------------------------------


def finish(world: World, answer: Mapping[str, str]) -> Ended:
    """Raises InvalidRequest for a state that is not ours, and whatever went wrong where there is no
    `return_to` to say it at."""
    if approval := approving.opened(world, answer.get("state", "")):
        return _ended(approval.return_to, lambda: _approved(world, approval, answer))
    state = _open_state(world, answer.get("state", ""))
    return _ended(state.return_to, lambda: _connected(world, state, answer))


def _ended(return_to: str, end: Callable[[], Ended]) -> Ended:
    try:
        return end()
    except MailbridgeError as error:
        if not return_to:
            raise
        reason = error.reason or "failed"
        return Ended(return_to, error=reason, error_description=error.detail)


def _approved(world: World, approval: approving.Approval, answer: Mapping[str, str]) -> Ended:
    approving.finish(world, approval, answer)
    return Ended(approval.return_to, approved=True)


def _connected(world: World, state: State, answer: Mapping[str, str]) -> Ended:
    connection = _connect(world, state, answer)
    return Ended(state.return_to, connection=connection.id, expires_at=connection.expires_at)


def _open_state(world: World, sealed: str) -> State:
    if not sealed:
        raise InvalidRequest.field("/state", "is missing: start again with POST /oauth_start")
    try:
        return msgspec.json.decode(world.sealer("state").open(sealed, context=_STATE), type=State)
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
    _check_usable(provider, consent)
    return _keep(world, state, consent)


def _check_usable(provider: Provider, consent: Consent) -> None:
    """Raises Forbidden for an account that may neither read nor send, MailboxUnavailable for one behind
    which there is no mailbox."""
    granted = consent.credential.scopes or ()
    wanted = [provider.lacking(one, granted) for one in (Capability.READ, Capability.SEND)]
    if all(wanted):
        boxes = " and ".join(f'"{provider.box(scope)}"' for lacking in wanted for scope in lacking)
        raise Forbidden(
            f"{consent.account.address} was connected without the permission to read or to send mail: "
            f"start again and tick {boxes}.",
            reason="nothing_granted",
            who_acts=Party.USER,
        )
    try:
        provider.mail(consent.account, _Consented(consent.credential)).probe()
    except MailboxUnavailable:
        raise
    except MailbridgeError as error:  # says nothing of the account; the first sync will tell
        logs.info("mailbox not probed", reason=error.reason)


class _Consented:
    """The TokenSource of a consent that nobody has confirmed yet."""

    def __init__(self, credential: Credential) -> None:
        self.granted = credential.scopes or ()
        self._token = credential.access_token

    def token(self) -> str:
        return self._token

    def replace(self, rejected: str, *, claims: str = "") -> str:  # noqa: ARG002 - there is no other
        raise ProviderUnavailable("The provider refuses a fresh token.", reached=False)


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
        expires_at=world.clock.now() + confirming.CONNECTION_LIFE,
    )
    records.connections(world.documents, state.team_id).create(connection.id, connection)
    kept = tokens.Kept(consent.credential.refresh_token)
    world.secrets.put(confirming.pending_secret(connection.id), msgspec.json.encode(kept))
    return connection
