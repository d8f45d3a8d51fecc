"""Live tokens of a mailbox: the one place that reads, refreshes, caches and destroys them.

The refresh token is a secret of its own. The access token is cached sealed in a document, so that
all instances share it, and that document's lease makes a refresh happen once.
"""

from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from shared import records
from shared.domain import ids
from shared.domain.errors import (
    AlreadyExists,
    GrantRevoked,
    InvalidRequest,
    MissingScope,
    PreconditionFailed,
    ProviderUnavailable,
)
from shared.domain.mailboxes import Capability, GrantState, Mailbox
from shared.domain.tokens import CachedToken
from shared.ports import Credential, MailProvider, Transaction, World
from shared.records import Versioned

MARGIN = timedelta(minutes=2)
"""A token this close to its end is not worth starting with; of a short-lived one, the last fifth."""
LEASE = timedelta(seconds=40)
"""Longer than the slowest refresh an adapter allows itself."""
PATIENCE = timedelta(seconds=45)
POLL_SECONDS = 0.1


class Kept(Struct):
    """What the SecretStore holds of a mailbox."""

    refresh_token: str


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
    value = world.secrets.get(secret_name(mailbox_id))
    return msgspec.json.decode(value, type=Kept).refresh_token if value else None


def destroy(world: World, mailbox_id: str) -> None:
    world.secrets.delete(secret_name(mailbox_id))
    forget_access(world, mailbox_id)


def check(world: World, mailbox: Mailbox, capability: Capability) -> None:
    """Raises GrantRevoked or MissingScope unless the mailbox may do `capability`."""
    if mailbox.state is not GrantState.CONNECTED:
        raise GrantRevoked(
            f"{mailbox.address} is {mailbox.state.value.replace('_', ' ')}: connect it again.",
            reason=mailbox.state_reason or mailbox.state.value,
        )
    needed = world.providers.get(mailbox.provider).scopes_for(capability)
    if lacking := [scope for scope in needed if scope in mailbox.missing_scopes]:
        raise MissingScope(
            f"{mailbox.address} was connected without the permission to {_VERBS[capability]}: "
            "connect it again and leave every box ticked.",
            scopes=lacking,
        )


_VERBS = {
    Capability.READ: "read mail",
    Capability.SEND: "send mail",
    Capability.CALENDAR: "use the calendar",
}


def mail(world: World, mailbox: Mailbox, capability: Capability) -> MailProvider:
    """The provider's mail of a mailbox that may do `capability`. Raises as `check` does."""
    check(world, mailbox, capability)
    return world.providers.get(mailbox.provider).mail(Tokens(world, mailbox))


class Tokens:
    """The TokenSource of one mailbox, for the length of one task or request."""

    def __init__(self, world: World, mailbox: Mailbox) -> None:
        self._world = world
        self._mailbox = mailbox
        self._cache = records.cached_tokens(world.documents)
        self._live: Access | None = None

    def token(self) -> str:
        if self._live is None or self._world.clock.now() >= self._live.good_until:
            self._live = self._obtain(rejected="")
        return self._live.token

    def replace(self, rejected: str) -> str:
        if self._live is None or self._live.token == rejected:
            self._live = self._obtain(rejected)
        return self._live.token

    def _obtain(self, rejected: str) -> Access:
        """From the cache, or by refreshing under the lease, or from whoever holds the lease."""
        clock = self._world.clock
        give_up = clock.now() + PATIENCE
        while clock.now() < give_up:
            cached = self._cache.find(self._mailbox.id)
            if (usable := self._usable(cached)) and usable.token != rejected:
                return usable
            if lease := self._take_lease(cached):
                return self._refresh(lease)
            clock.sleep(POLL_SECONDS)
        raise ProviderUnavailable(
            f"The token of {self._mailbox.address} is being refreshed elsewhere."
        )

    def _usable(self, cached: Versioned[CachedToken] | None) -> Access | None:
        if cached is None or not cached.record.sealed:
            return None
        try:
            plain = self._world.sealer.open(cached.record.sealed, context=self._context())
        except InvalidRequest:  # sealed under a key that is gone: as good as not cached
            return None
        access = msgspec.json.decode(plain, type=Access)
        return access if self._world.clock.now() < access.good_until else None

    def _context(self) -> str:
        return f"access-token/{self._mailbox.id}"

    def _take_lease(self, cached: Versioned[CachedToken] | None) -> CachedToken | None:
        """The lease as stored, or None when somebody else has it or was faster."""
        now = self._world.clock.now()
        if cached and cached.record.lease_until and cached.record.lease_until > now:
            return None
        lease = CachedToken(holder=ids.random(), lease_until=now + LEASE)
        try:
            if cached:
                self._cache.replace(self._mailbox.id, cached, lease)
            else:
                self._cache.create(self._mailbox.id, lease)
        except (PreconditionFailed, AlreadyExists):
            return None
        return lease

    def _refresh(self, lease: CachedToken) -> Access:
        try:
            fresh = self._ask_provider()
        except Exception:
            self._give_back(lease, CachedToken())
            raise
        life = timedelta(seconds=fresh.expires_in)
        good_until = self._world.clock.now() + max(life - MARGIN, life * 4 / 5)
        access = Access(fresh.access_token, good_until)
        sealed = self._world.sealer.seal(msgspec.json.encode(access), context=self._context())
        self._give_back(lease, CachedToken(sealed=sealed))
        return access

    def _ask_provider(self) -> Credential:
        """invalid_grant is believed only of the newest token: somebody may just have reconnected."""
        oauth = self._world.providers.get(self._mailbox.provider).oauth
        refresh_token = self._stored()
        while True:
            try:
                fresh = oauth.refresh(refresh_token)
            except GrantRevoked as error:
                newest = self._stored()
                if newest == refresh_token:
                    _mark_revoked(self._world, self._mailbox, error)
                    raise
                refresh_token = newest
            else:
                self._keep(fresh, refresh_token)
                return fresh

    def _stored(self) -> str:
        stored = read(self._world, self._mailbox.id)
        if stored is None:
            raise GrantRevoked(f"{self._mailbox.address} is disconnected.", reason="disconnected")
        return stored

    def _keep(self, fresh: Credential, used: str) -> None:
        """A rotated token replaces the stored one, unless a new consent did so first."""
        if fresh.refresh_token and fresh.refresh_token != used and self._stored() == used:
            _put(self._world, self._mailbox, fresh.refresh_token)

    def _give_back(self, lease: CachedToken, done: CachedToken) -> None:
        """Ends the lease, unless it ran out and is somebody else's, or the token was forgotten."""
        path = self._cache.path(self._mailbox.id)

        def work(transaction: Transaction) -> None:
            document = transaction.get(path)
            if document and self._cache.versioned(document).record.holder == lease.holder:
                transaction.write(self._cache.putting(self._mailbox.id, done))

        self._world.documents.transaction(work)


def _put(world: World, mailbox: Mailbox, refresh_token: str) -> None:
    labels = {"team": mailbox.team_id, "mailbox": mailbox.id, "provider": mailbox.provider}
    value = msgspec.json.encode(Kept(refresh_token))
    world.secrets.put(secret_name(mailbox.id), value, labels=labels)


def _mark_revoked(world: World, mailbox: Mailbox, error: GrantRevoked) -> None:
    """The user has to act; until then nothing is synced and nothing can be sent."""
    now = world.clock.now()
    mailboxes = records.mailboxes(world.documents, mailbox.team_id)
    syncs = records.syncs(world.documents)
    world.documents.write(
        mailboxes.updating(
            mailbox.id,
            state=GrantState.NEEDS_RECONNECT,
            state_reason=error.reason,
            state_since=now,
            updated_at=now,
        ),
        syncs.updating(mailbox.id, next_sync_at=None, last_error=error.detail, last_error_at=now),
    )
