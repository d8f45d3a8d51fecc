"""Clients, grants, codes and tokens: what was consented to, and for how long it lives."""

import secrets
from datetime import datetime, timedelta
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from infra.simulator.google.limits import Limits
from infra.simulator.oauth import redirects
from infra.simulator.store import Store, Table
from shared.ports.clock import Clock

CODE_LIFETIME = timedelta(minutes=10)
UNUSED_LIFETIME = timedelta(days=183)
"""A refresh token nobody uses for six months dies."""
TESTING_LIFETIME = timedelta(days=7)


class Client(Struct, frozen=True):
    """An OAuth client registered with the simulated Google."""

    id: str
    secret: str
    redirect_uris: tuple[str, ...] = ()
    """Exact ones; none at all means any URI on the loopback interface."""
    testing: bool = False
    """An External app in Testing: its refresh tokens live for a week."""

    def redirects_to(self, uri: str) -> bool:
        return redirects(uri, self.redirect_uris)


class Grant(Struct, frozen=True):
    """What an account allowed a client, all consents together."""

    account: str
    client: str
    scopes: tuple[str, ...]


class Code(Struct, frozen=True, kw_only=True):
    account: str
    client: str
    scopes: tuple[str, ...]
    redirect_uri: str
    challenge: str
    nonce: str
    refreshable: bool
    """Its exchange also gives a refresh token."""
    expires_at: datetime


class Token(Struct, frozen=True, kw_only=True):
    value: str
    account: str
    client: str
    scopes: tuple[str, ...]
    expires_at: datetime
    parent: str = ""
    """The refresh token an access token came with; "" for refresh tokens, and without one."""


H = TypeVar("H", Grant, Code, Token)


class Tokens:
    """Hold `with store:` around what must happen together."""

    def __init__(self, store: Store, clock: Clock, limits: Limits) -> None:
        self._clock = clock
        self._limits = limits
        self._clients = store.table("google clients", Client)
        self._grants = store.table("google grants", Grant)
        self._codes = store.table("google codes", Code)
        self._refresh = store.table("google refresh tokens", Token)
        self._access = store.table("google access tokens", Token)

    def register(self, client: Client) -> None:
        self._clients[client.id] = client

    def client(self, client_id: str) -> Client | None:
        return self._clients.get(client_id)

    def granted(self, account: str, client: str) -> tuple[str, ...]:
        grant = self._grants.get(f"{client} {account}")
        return grant.scopes if grant else ()

    # -- Consent ----------------------------------------------------------------------------------

    def consent(self, code: Code) -> str:
        """Records the grant; returns the value of the code."""
        scopes = (*self.granted(code.account, code.client), *code.scopes)
        grant = Grant(code.account, code.client, tuple(dict.fromkeys(scopes)))
        self._grants[f"{code.client} {code.account}"] = grant
        value = "4/0A" + secrets.token_urlsafe(54)
        self._codes[value] = code
        return value

    def code(self, value: str) -> Code | None:
        code = self._codes.get(value)
        return code if code and code.expires_at > self._clock.now() else None

    def use(self, value: str) -> None:
        """A code works once."""
        del self._codes[value]

    # -- Tokens -----------------------------------------------------------------------------------

    def new_refresh(self, code: Code, client: Client) -> Token:
        lifetime = TESTING_LIFETIME if client.testing else UNUSED_LIFETIME
        token = Token(
            value="1//0" + secrets.token_urlsafe(72),
            account=code.account,
            client=code.client,
            scopes=code.scopes,
            expires_at=self._clock.now() + lifetime,
        )
        self._refresh[token.value] = token
        live = _held(self._refresh, token.account, token.client)
        limit = self._limits.refresh_tokens_per_client
        if limit is not None:
            for value in live[: max(0, len(live) - limit)]:
                self._kill(value)
        return token

    def new_access(self, source: Code | Token) -> Token:
        token = Token(
            value="ya29." + secrets.token_urlsafe(96),
            account=source.account,
            client=source.client,
            scopes=source.scopes,
            expires_at=self._clock.now() + timedelta(seconds=self._limits.access_token_seconds),
            parent=source.value if isinstance(source, Token) else "",
        )
        self._access[token.value] = token
        self._bury()
        return token

    def refresh(self, value: str, client: Client) -> Token | None:
        """The live refresh token, whose six months begin anew."""
        token = self._live(self._refresh.get(value))
        if token is None or token.client != client.id:
            return None
        if not client.testing:
            token = replace(token, expires_at=self._clock.now() + UNUSED_LIFETIME)
            self._refresh[value] = token
        return token

    def access(self, value: str) -> Token | None:
        return self._live(self._access.get(value))

    def owner(self, value: str) -> str:
        """Whose code or token this is, or was until it expired; "" if nobody's."""
        found = self._access.get(value) or self._refresh.get(value) or self._codes.get(value)
        return found.account if found else ""

    # -- The end ----------------------------------------------------------------------------------

    def revoke(self, value: str) -> bool:
        """Takes back all that this token's account granted to its client. False if it was dead."""
        token = self._live(self._access.get(value) or self._refresh.get(value))
        if token is None:
            return False
        self.withdraw(token.account, token.client)
        return True

    def withdraw(self, account: str, client: str = "") -> None:
        """The user removes a client's access; without a client every client's."""
        for grant in _held(self._grants, account, client):
            del self._grants[grant]
        for code in _held(self._codes, account, client):
            del self._codes[code]
        for table in (self._refresh, self._access):
            for value in _held(table, account, client):
                del table[value]

    def expire_access(self, account: str = "") -> None:
        """The access tokens die before their time; without an account everybody's."""
        now = self._clock.now()
        for value, token in list(self._access.items()):
            if account in {"", token.account}:
                self._access[value] = replace(token, expires_at=now)

    def _live(self, token: Token | None) -> Token | None:
        return token if token and token.expires_at > self._clock.now() else None

    def _kill(self, refresh: str) -> None:
        del self._refresh[refresh]
        for value in [t.value for t in self._access.values() if t.parent == refresh]:
            del self._access[value]

    def _bury(self) -> None:
        """Access tokens that expired more than an hour ago are forgotten."""
        old = self._clock.now() - timedelta(hours=1)
        for token in [t for t in self._access.values() if t.expires_at < old]:
            del self._access[token.value]


def _held(table: Table[H], account: str, client: str) -> list[str]:
    """The keys of what an account gave a client ("" for every client), oldest first."""
    return [
        key
        for key, held in table.items()
        if held.account == account and client in {"", held.client}
    ]
