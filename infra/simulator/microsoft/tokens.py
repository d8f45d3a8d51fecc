"""Clients, grants, codes and tokens: what was consented to, and for how long it lives."""

import secrets
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from infra.simulator import oauth
from infra.simulator.microsoft.limits import Limits
from infra.simulator.store import Store
from shared.ports.clock import Clock

CODE_LIFETIME = timedelta(minutes=10)


class App(Struct, frozen=True):
    """An application registered with the simulated Entra."""

    id: str
    secret: str
    redirect_uris: tuple[str, ...] = ()
    """Exact ones; none at all means any URI on the loopback interface."""

    def redirects_to(self, uri: str) -> bool:
        return oauth.redirects(uri, self.redirect_uris)


class Grant(Struct, frozen=True):
    """What an account allowed an app, all consents together."""

    account: str
    app: str
    scopes: tuple[str, ...]


class Code(Struct, frozen=True, kw_only=True):
    account: str
    app: str
    scopes: tuple[str, ...]
    redirect_uri: str
    challenge: str
    nonce: str
    expires_at: datetime
    used: bool = False


class Token(Struct, frozen=True, kw_only=True):
    value: str
    account: str
    app: str
    scopes: tuple[str, ...]
    expires_at: datetime
    revoked: bool = False
    claims: str = ""
    """The `claims` an access token was asked for with."""

    @property
    def watched(self) -> bool:
        """Whether its app said CP1: that it understands claims challenges."""
        return "CP1" in self.claims.upper()


class Tokens:
    """Hold `with store:` around what must happen together."""

    def __init__(self, store: Store, clock: Clock, limits: Limits) -> None:
        self._clock = clock
        self._limits = limits
        self._apps = store.table("microsoft apps", App)
        self._grants = store.table("microsoft grants", Grant)
        self._codes = store.table("microsoft codes", Code)
        self._refresh = store.table("microsoft refresh tokens", Token)
        self._access = store.table("microsoft access tokens", Token)

    def register(self, app: App) -> None:
        self._apps[app.id] = app

    def app(self, app_id: str) -> App | None:
        return self._apps.get(app_id)

    def granted(self, account: str, app: str) -> tuple[str, ...]:
        grant = self._grants.get(f"{app} {account}")
        return grant.scopes if grant else ()

    def owner(self, value: str) -> Token | Code | None:
        """The code or token of this value, also when it is dead."""
        return self._access.get(value) or self._refresh.get(value) or self._codes.get(value)

    # -- Consent ----------------------------------------------------------------------------------

    def consent(self, code: Code) -> str:
        """Records the grant; returns the value of the code."""
        scopes = (*self.granted(code.account, code.app), *code.scopes)
        grant = Grant(code.account, code.app, tuple(dict.fromkeys(scopes)))
        self._grants[f"{code.app} {code.account}"] = grant
        value = "1.AXoA" + secrets.token_urlsafe(400)
        self._codes[value] = code
        return value

    def code(self, value: str) -> Code | None:
        return self._codes.get(value)

    def use(self, value: str) -> None:
        """A code works once; that it was used is remembered."""
        self._codes[value] = replace(self._codes[value], used=True)

    # -- Tokens -----------------------------------------------------------------------------------

    def new_refresh(self, source: Code | Token) -> Token:
        """The one it was got with goes on living."""
        token = Token(
            value="1.AXoA" + secrets.token_urlsafe(800),
            account=source.account,
            app=source.app,
            scopes=source.scopes,
            expires_at=self._after(self._limits.refresh_token_seconds),
        )
        self._refresh[token.value] = token
        return token

    def new_access(self, source: Code | Token, claims: str) -> Token:
        token = Token(
            value="EwB" + secrets.token_urlsafe(900),
            account=source.account,
            app=source.app,
            scopes=source.scopes,
            expires_at=self._after(self._limits.access_token_seconds),
            claims=claims,
        )
        self._access[token.value] = token
        self._bury()
        return token

    def refresh(self, value: str) -> Token | None:
        """Also one that is dead."""
        return self._refresh.get(value)

    def access(self, value: str) -> Token | None:
        """Also one that is dead."""
        return self._access.get(value)

    def expired(self, held: Code | Token) -> bool:
        return held.expires_at <= self._clock.now()

    # -- The end ----------------------------------------------------------------------------------

    def withdraw(self, account: str) -> None:
        """Nothing can be refreshed any more, for any app, and consent must be asked for again.

        Access tokens live on until they expire, but for those of apps that understand challenges.
        """
        for key in [key for key, grant in self._grants.items() if grant.account == account]:
            del self._grants[key]
        for table in (self._refresh, self._access):
            for value, token in list(table.items()):
                if token.account == account:
                    table[value] = replace(token, revoked=True)
        for value, code in list(self._codes.items()):
            if code.account == account:
                self._codes[value] = replace(code, expires_at=self._clock.now())

    def expire_access(self, account: str = "") -> None:
        """The access tokens die before their time; without an account everybody's."""
        now = self._clock.now()
        for value, token in list(self._access.items()):
            if account in {"", token.account}:
                self._access[value] = replace(token, expires_at=min(now, token.expires_at))

    def _after(self, seconds: int) -> datetime:
        return self._clock.now() + timedelta(seconds=seconds)

    def _bury(self) -> None:
        """Access tokens that expired more than an hour ago are forgotten."""
        old = self._clock.now() - timedelta(hours=1)
        for token in [t for t in self._access.values() if t.expires_at < old]:
            del self._access[token.value]


def meets(token: Token, challenge: str) -> bool:
    """Whether an access token was made with every claim that a challenge asks for."""
    return not challenge or _contains(_decoded(token.claims), _decoded(challenge))


def _contains(given: object, wanted: object) -> bool:
    if isinstance(given, dict) and isinstance(wanted, dict):
        return all(name in given and _contains(given[name], wanted[name]) for name in wanted)
    return given == wanted


def _decoded(claims: str) -> object:
    return msgspec.json.decode(claims) if claims else {}
