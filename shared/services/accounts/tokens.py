"""Live tokens of a mailbox: the one place that reads, refreshes, caches and destroys them.

The refresh token is a secret of its own. The access token is cached sealed in a document, so that
all instances share it, and that document's lease makes a refresh happen once.

Some providers send another refresh token with every access token. The newest is the one that
counts; but a secret version an hour would cost more than all the rest, so it waits in that document,
sealed too, and becomes the secret once a day.
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, structs

from shared import records
from shared.domain.errors import (
    AlreadyExists,
    Busy,
    GrantRevoked,
    InvalidRequest,
    LeaseLost,
    MailbridgeError,
    MissingScope,
    NotFound,
    PreconditionFailed,
    ProviderUnavailable,
)
from shared.domain.mailboxes import Capability, GrantState, Mailbox
from shared.domain.tokens import CachedToken, Failure, failure
from shared.ports.providers import Credential, MailProvider
from shared.ports.secrets import Ring
from shared.ports.world import World
from shared.records import Change, Leased, Versioned, leased
from shared.services.accounts import grant_states

S = TypeVar("S", bound=Struct)

MARGIN = timedelta(minutes=2)
"""A token this close to its end is not worth starting with; of a short-lived one, the last fifth."""
LEASE = timedelta(seconds=40)
"""Longer than the slowest refresh an adapter allows itself."""
PATIENCE = timedelta(seconds=45)
POLL_SECONDS = 0.1
SECRET_AGE = timedelta(days=1)
"""A secret older than this is replaced by a newer token as soon as there is one."""


class Kept(Struct):
    """What the SecretStore holds of a mailbox. `stored_at` is None while a consent is pending."""

    refresh_token: str
    stored_at: datetime | None = None


class Rotated(Struct):
    """A refresh token that came after the secret."""

    refresh_token: str
    follows: str
    """Digest of the secret's token. With another secret, from a new consent, this one is void."""


class Access(Struct):
    token: str
    good_until: datetime


def secret_name(mailbox_id: str) -> str:
    return f"mailbox-{mailbox_id}"


def store(world: World, mailbox: Mailbox, refresh_token: str) -> None:
    """Keeps the credential of a new consent; what was cached under the old one is forgotten."""
    _put(world, mailbox, refresh_token)
    forget_access(world, mailbox.id)


def forget_access(world: World, mailbox_id: str) -> None:
    records.cached_tokens(world.documents).delete(mailbox_id)


def read(world: World, mailbox_id: str) -> str | None:
    """The refresh token, None when there is none (any more)."""
    kept = _kept(world, mailbox_id)
    return kept.refresh_token if kept else None


def destroy(world: World, mailbox_id: str) -> None:
    world.secrets.delete(secret_name(mailbox_id))
    forget_access(world, mailbox_id)


def check(world: World, mailbox: Mailbox, capability: Capability) -> None:
    """Raises GrantRevoked or MissingScope unless the mailbox may do `capability`."""
    if not mailbox.live:
        reason = mailbox.state_reason or mailbox.state.value
        raise GrantRevoked(mailbox.sentence, reason=reason, who_acts=mailbox.who_acts)
    if lacking := lacks(world, mailbox, capability):
        provider = world.providers.get(mailbox.provider)
        boxes = " and ".join(f'"{provider.box(scope)}"' for scope in lacking)
        raise MissingScope(
            f"{mailbox.address} was connected without the permission to {_VERBS[capability]}: "
            f"connect it again and tick {boxes}.",
            scopes=lacking,
        )


def lacks(world: World, mailbox: Mailbox, capability: Capability) -> tuple[str, ...]:
    """The scopes of `capability` that the user did not grant; none when it can be done all the same."""
    provider = world.providers.get(mailbox.provider)
    return provider.lacking(capability, mailbox.scopes)


_VERBS = {
    Capability.READ: "read mail",
    Capability.SEND: "send mail",
    Capability.CALENDAR: "use the calendar",
}


def mail(world: World, mailbox: Mailbox, capability: Capability) -> MailProvider:
    """The provider's mail of a mailbox that may do `capability`. Raises as `check` does."""
    check(world, mailbox, capability)
    provider = world.providers.get(mailbox.provider)
    return provider.mail(mailbox.account, Tokens(world, mailbox))


class Tokens:
    """The TokenSource of one mailbox, for the length of one task or request."""

    def __init__(self, world: World, mailbox: Mailbox) -> None:
        self._world = world
        self._mailbox = mailbox
        self._cache = records.cached_tokens(world.documents)
        self._live: Access | None = None

    @property
    def granted(self) -> Sequence[str]:
        return self._mailbox.scopes

    def token(self) -> str:
        if self._live is None or self._world.clock.now() >= self._live.good_until:
            self._live = self._obtain()
        return self._live.token

    def replace(self, rejected: str, *, claims: str = "") -> str:
        if self._live is None or self._live.token == rejected:
            self._live = self._obtain(rejected, claims, refused=True)
        return self._live.token

    def renew(self) -> None:
        """Asks the provider whether the grant still holds, though the token may be good for a while."""
        usable = self._usable(self._cache.find(self._mailbox.id))
        self._live = self._obtain(usable.token if usable else "")

    def _obtain(self, rejected: str = "", claims: str = "", *, refused: bool = False) -> Access:
        """From the cache, or by refreshing under the lease, or from whoever holds the lease.

        A failure is everybody's for a while: a provider in trouble is not asked by each in turn."""
        clock = self._world.clock
        give_up = clock.now() + PATIENCE
        while clock.now() < give_up:
            cached = self._cache.find(self._mailbox.id)
            if (usable := self._usable(cached)) and usable.token != rejected:
                return usable
            if cached and (failed := cached.record.failure) and failed.until > clock.now():
                raise self._again(failed)
            if refused and cached and _rests(cached.record, clock.now()):
                detail = f"The provider refuses fresh tokens of {self._mailbox.address}."
                raise ProviderUnavailable(detail, reason="fresh_token_refused", reached=False)
            if lease := self._take_lease(cached.record if cached else None):
                return self._refresh(lease, claims, refused=refused)
            clock.sleep(POLL_SECONDS)
        raise ProviderUnavailable(
            f"The token of {self._mailbox.address} is being refreshed elsewhere.", reached=False
        )

    def _usable(self, cached: Versioned[CachedToken] | None) -> Access | None:
        access = self._open(cached.record.sealed, "access", Access) if cached else None
        return access if access and self._world.clock.now() < access.good_until else None

    def _open(self, sealed: str, ring: Ring, kind: type[S]) -> S | None:
        """None when there is nothing that we can read: a key that is gone, or a newer release's."""
        if not sealed:
            return None
        try:
            plain = self._world.sealer(ring).open(sealed, context=self._context(ring))
            return msgspec.json.decode(plain, type=kind)
        except (InvalidRequest, msgspec.ValidationError):
            return None

    def _seal(self, value: Struct, ring: Ring) -> str:
        plain = msgspec.json.encode(value)
        return self._world.sealer(ring).seal(plain, context=self._context(ring))

    def _context(self, ring: Ring) -> str:
        return f"{ring}-token/{self._mailbox.id}"

    def _take_lease(self, seen: CachedToken | None) -> Leased[CachedToken] | None:
        """None when somebody else has it, or was faster and refreshed what was `seen`."""
        if seen is None:
            seen = CachedToken()
            with suppress(AlreadyExists):
                self._cache.create(self._mailbox.id, seen)

        def taking(current: CachedToken) -> Change[CachedToken] | None:
            if (current.sealed, current.failure) != (seen.sealed, seen.failure):
                return None
            return Change(structs.replace(current, sealed=""))

        try:
            return leased.take(
                self._cache,
                self._mailbox.id,
                clock=self._world.clock,
                length=LEASE,
                decide=taking,
            )
        except (Busy, NotFound, PreconditionFailed):
            return None

    def _refresh(self, lease: Leased[CachedToken], claims: str, *, refused: bool) -> Access:
        try:
            fresh, rotated = self._ask_provider(lease.record, claims)
        except MailbridgeError as error:
            self._failed(lease, error)
            raise
        except Exception:
            self._give_back(lease)
            raise
        life = timedelta(seconds=fresh.expires_in)
        good_until = self._world.clock.now() + max(life - MARGIN, life * 4 / 5)
        access = Access(fresh.access_token, good_until)
        sealed = self._seal(access, "access")
        now, before = self._world.clock.now(), lease.record
        self._give_back(
            lease,
            sealed=sealed,
            rotated=rotated,
            failure=None,
            refreshed_at=now,
            refusals=before.refused_again(now) if refused else 0,
        )
        grant_states.refreshed(self._world, self._mailbox, after_failure=before.failure is not None)
        return access

    def _failed(self, lease: Leased[CachedToken], error: MailbridgeError) -> None:
        failed = failure(error, before=lease.record.failure, now=self._world.clock.now())
        self._give_back(lease, failure=failed)
        if isinstance(error, GrantRevoked):
            grant_states.ended(self._world, self._mailbox, error)
        else:
            grant_states.refresh_failed(
                self._world, self._mailbox, error, until=failed.until, first=failed.count == 1
            )

    def _give_back(self, lease: Leased[CachedToken], **learnt: Any) -> None:
        """Unless it ran out and is somebody else's, or the token was forgotten."""
        with suppress(LeaseLost):
            lease.release(lambda current: Change(structs.replace(current, **learnt)))

    def _again(self, failed: Failure) -> MailbridgeError:
        """Whoever hears of a grant's end makes sure that its user does: the first may have died."""
        error = failed.error(self._world.clock.now())
        if isinstance(error, GrantRevoked):
            grant_states.ended(self._world, self._mailbox, error)
        return error

    def _ask_provider(self, lease: CachedToken, claims: str) -> tuple[Credential, str]:
        """The answer, and the newest refresh token sealed unless it is the secret.

        invalid_grant is believed only when every token we hold is refused, a secret that somebody
        who reconnected stored just now included.
        """
        oauth = self._world.providers.get(self._mailbox.provider).oauth
        refused: dict[str, GrantRevoked] = {}
        while True:
            kept = self._stored()
            held = [self._newest(kept, lease), kept.refresh_token]
            used = next((token for token in held if token not in refused), None)
            if used is None:
                raise refused[held[0]]
            try:
                fresh = oauth.refresh(used, claims=claims)
            except GrantRevoked as error:
                refused[used] = error
            else:
                return fresh, self._keep(fresh.refresh_token or used, kept)

    def _stored(self) -> Kept:
        kept = _kept(self._world, self._mailbox.id)
        if kept is None:
            raise GrantRevoked(
                f"No token of {self._mailbox.address} is kept: connect it again.", reason="no_token"
            )
        return kept

    def _newest(self, kept: Kept, lease: CachedToken) -> str:
        rotated = self._open(lease.rotated, "refresh", Rotated)
        follows = rotated is not None and rotated.follows == _digest(kept)
        return rotated.refresh_token if rotated and follows else kept.refresh_token

    def _keep(self, newest: str, kept: Kept) -> str:
        """What `CachedToken.rotated` has to be from now on."""
        if newest == kept.refresh_token:
            return ""
        now = self._world.clock.now()
        if kept.stored_at is None or now - kept.stored_at >= SECRET_AGE:
            if self._stored() == kept:  # or a new consent was stored meanwhile
                self._make_secret(newest)
            return ""
        return self._seal(Rotated(newest, _digest(kept)), "refresh")

    def _make_secret(self, newest: str) -> None:
        """Looks afterwards: a disconnection at the same moment must not leave this one behind."""
        _put(self._world, self._mailbox, newest)
        mailboxes = records.mailboxes(self._world.documents, self._mailbox.team_id)
        if mailboxes.get(self._mailbox.id).state is GrantState.DISCONNECTED:
            destroy(self._world, self._mailbox.id)


def _rests(cached: CachedToken, now: datetime) -> bool:
    return cached.rests_until is not None and cached.rests_until > now


def _kept(world: World, mailbox_id: str) -> Kept | None:
    value = world.secrets.get(secret_name(mailbox_id))
    return msgspec.json.decode(value, type=Kept) if value else None


def _digest(kept: Kept) -> str:
    return hashlib.sha256(kept.refresh_token.encode()).hexdigest()


def _put(world: World, mailbox: Mailbox, refresh_token: str) -> None:
    labels = {"team": mailbox.team_id, "mailbox": mailbox.id, "provider": mailbox.provider}
    value = msgspec.json.encode(Kept(refresh_token, world.clock.now()))
    world.secrets.put(secret_name(mailbox.id), value, labels=labels)
