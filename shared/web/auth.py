"""Whom a bearer token speaks for: users (their own issuer) and the callers of private functions."""

import functools
import hashlib
import re
import threading
import time
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from shared import logs
from shared.config import Settings
from shared.domain.caller import ALL, Caller, Scope
from shared.domain.errors import NotAuthenticated, ProviderUnavailable

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
"""Public keys only: with HS* whoever can verify could sign, and "none" is no signature."""
LEEWAY = 30.0
"""Seconds that clocks may differ."""

_ID = re.compile(r"(?!\s)[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}(?<!\s)")
"""Claims are somebody else's text: "auth0|123", "org/7" and names are all in use."""


class KeySet:
    """An issuer's public keys, read from one URL and kept for an hour.

    An unknown key id makes us look again, at most every half minute: a stranger's made-up ids must
    not become requests of ours. While the issuer does not answer, known keys serve for a day.
    """

    LIFETIME, STALE, PAUSE, RETRY = 3600.0, 86_400.0, 30.0, 3.0
    TIMEOUT = 5.0
    MAX_BYTES = 512 * 1024

    def __init__(self, url: str) -> None:
        self.url = url
        self._keys: dict[str, dict[str, Any]] = {}
        self._read_at = self._next_read_at = -self.STALE
        self._lock = threading.Lock()

    def find(self, key_id: str) -> dict[str, Any] | None:
        """The JWK of that id. Raises ProviderUnavailable when there are no keys to look in."""
        with self._lock:
            age = time.monotonic() - self._read_at
            if age > self.LIFETIME or key_id not in self._keys:
                self._read_again()
            if time.monotonic() - self._read_at > self.STALE:
                raise ProviderUnavailable("The keys of the token's issuer cannot be read now.")
            if not key_id and len(self._keys) == 1:
                return next(iter(self._keys.values()))
            return self._keys.get(key_id)

    def _read_again(self) -> None:
        if time.monotonic() < self._next_read_at:
            return
        try:
            self._keys = _usable(_fetch(self.url, timeout=self.TIMEOUT, limit=self.MAX_BYTES))
        except (OSError, ValueError) as error:
            self._next_read_at = time.monotonic() + self.RETRY
            logs.warning("signing keys unreadable", url=self.url, error=str(error))
        else:
            self._read_at = time.monotonic()
            self._next_read_at = self._read_at + self.PAUSE


class Verifier:
    """Accepts the tokens that one issuer signed for one audience.

    A token is verified once an instance: what it claims is remembered by its digest while it is good,
    and as long as its key is believed at most.
    """

    REMEMBERED = 1_000

    def __init__(self, keys: KeySet, issuer: str, audience: str) -> None:
        self.keys = keys
        self.issuer = issuer
        self.audience = audience
        self._known: dict[bytes, tuple[float, Mapping[str, Any]]] = {}

    def claims(self, token: str) -> Mapping[str, Any]:
        """Raises NotAuthenticated saying why, ProviderUnavailable when the keys cannot be had."""
        import jwt

        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        until, claims = self._known.get(digest, (0.0, {}))
        if time.time() < until:
            return claims
        try:
            claims = self._verified(token, jwt.get_unverified_header(token))
        except jwt.PyJWTError as error:
            raise _refused(_why(error)) from error
        if len(self._known) >= self.REMEMBERED:
            self._known.clear()
        end = min(float(claims["exp"]), time.time() + KeySet.LIFETIME)
        self._known[digest] = (end, claims)
        return claims

    def _verified(self, token: str, header: Mapping[str, Any]) -> Mapping[str, Any]:
        import jwt

        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise _refused(f"The token's algorithm must be one of {', '.join(ALGORITHMS)}")
        if (key := self.keys.find(str(header.get("kid", "")))) is None:
            raise _refused("The token is signed with a key its issuer does not publish")
        if key.get("alg", algorithm) != algorithm:
            raise _refused("The token's algorithm is not its key's")
        return jwt.decode(
            token,
            jwt.PyJWK(key, algorithm),
            algorithms=[algorithm],
            audience=self.audience,
            issuer=self.issuer,
            leeway=LEEWAY,
            options={"require": ["exp", "iss", "aud"]},
        )


class Users:
    """Verifies users' tokens by the AUTH_* settings."""

    def __init__(self, settings: Settings) -> None:
        """Raises ConfigurationError naming every setting that is missing."""
        settings.require("AUTH_ISSUER", "AUTH_AUDIENCE", "AUTH_JWKS_URL")
        self._settings = settings
        self._verifier = Verifier(
            KeySet(settings.auth_jwks_url), settings.auth_issuer, settings.auth_audience
        )

    def caller(self, authorization: str) -> Caller:
        """Whom the Authorization header speaks for. Raises NotAuthenticated."""
        claims = self._verifier.claims(bearer(authorization))
        roles = claims.get(self._settings.auth_role_claim)
        return Caller(
            user_id=_id(claims, self._settings.auth_user_claim),
            team_id=_id(claims, self._settings.auth_team_claim),
            admin="admin" in roles if isinstance(roles, list) else roles == "admin",
            scopes=_scopes(claims),
            client_id=next((str(claims[name]) for name in _CLIENT if claims.get(name)), "")[:200],
        )


class Invokers:
    """Verifies the OIDC tokens of Cloud Tasks and Cloud Scheduler by the INVOKER_* settings.

    Their X-CloudTasks-* headers prove nothing: anyone can write a header.
    """

    def __init__(self, settings: Settings) -> None:
        settings.require("INVOKER_AUDIENCE", "INVOKER_EMAIL")
        self._email = settings.invoker_email
        self._verifier = Verifier(
            KeySet(settings.invoker_jwks_url), settings.invoker_issuer, settings.invoker_audience
        )

    def check(self, authorization: str) -> None:
        """Raises NotAuthenticated."""
        claims = self._verifier.claims(bearer(authorization))
        if claims.get("email") != self._email or claims.get("email_verified") is not True:
            raise _refused("This service account may not call private functions")


@functools.lru_cache(maxsize=4)
def users(settings: Settings) -> Users:
    """One for an instance, as it keeps the issuer's keys. Raises ConfigurationError."""
    return Users(settings)


@functools.lru_cache(maxsize=4)
def invokers(settings: Settings) -> Invokers:
    return Invokers(settings)


def bearer(authorization: str) -> str:
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticated("Send your token as `Authorization: Bearer <token>`.")
    return token.strip()


def _refused(why: str) -> NotAuthenticated:
    return NotAuthenticated(f"{why}.", reason="invalid_token")


def _why(error: Exception) -> str:
    import jwt

    sentences: dict[type[Exception], str] = {
        jwt.ExpiredSignatureError: "The token has expired; sign in again",
        jwt.InvalidAudienceError: "The token is meant for another audience",
        jwt.InvalidIssuerError: "The token comes from another issuer",
        jwt.ImmatureSignatureError: "The token is not valid yet; a clock is wrong",
        jwt.InvalidSignatureError: "The token's signature is not its issuer's",
    }
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"The token has no `{error.claim}` claim"
    return sentences.get(type(error), "The token is not a valid JWT")


_CLIENT = ("client_id", "azp")
"""Of RFC 9068 and OpenID Connect Core."""


def _scopes(claims: Mapping[str, Any]) -> frozenset[Scope]:
    """All without the claim; with it what it lists and no more, in RFC 8693's form or as a list."""
    if "scope" not in claims:
        return ALL
    listed = claims["scope"]
    words = listed.split() if isinstance(listed, str) else listed
    return frozenset(one for one in Scope if isinstance(words, list) and one.value in words)


def _id(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not _ID.fullmatch(text):
        raise _refused(f"The token's `{name}` claim is missing, or no usable id")
    return text


def _fetch(url: str, *, timeout: float, limit: int) -> bytes:
    """Raises OSError, which requests' errors are, or ValueError.

    Redirects are not followed: the setting names who is trusted.
    """
    import requests

    with requests.get(url, timeout=timeout, allow_redirects=False, stream=True) as answer:
        if answer.status_code != 200:
            raise ValueError(f"HTTP status {answer.status_code}")
        data = answer.raw.read(limit + 1, decode_content=True)
    if len(data) > limit:
        raise ValueError(f"more than {limit} bytes")
    return bytes(data)


class _KeysDocument(Struct):
    keys: list[dict[str, Any]]


def _usable(document: bytes) -> dict[str, dict[str, Any]]:
    """Signing keys by id. One without an id serves tokens that name none."""
    keys = msgspec.json.decode(document, type=_KeysDocument).keys
    return {
        str(key.get("kid", "")): key
        for key in keys
        if key.get("kty") in {"RSA", "EC", "OKP"} and key.get("use", "sig") == "sig"
    }
