"""Whose account it is: the claims of an id token, checked by ourselves, for msal checks the nonce alone."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from msgspec import Struct

from shared.domain.errors import Forbidden, InvalidRequest
from shared.mime import addresses

_LEEWAY_SECONDS = 300
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_PERSONAL = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of all personal Microsoft accounts."""


class Person(Struct, frozen=True):
    """tid and oid together name an account for ever; neither its address nor `sub` does."""

    id: str
    name: str


class Verifier(Struct, frozen=True):
    """What an id token must say to be one for us.

    The signature is not checked: the token came from the token endpoint over TLS, which OpenID
    Connect Core 3.1.3.7 takes in its place. The nonce was compared by msal.
    """

    client_id: str
    tenant: str
    """"common", "organizations", "consumers", or one tenant's GUID or domain. A domain is held by
    the token endpoint alone, for no token names it."""
    authorities: Collection[str]
    """Base URLs that may be the issuer's."""

    def person(self, claims: Any, *, now: float) -> Person:
        """Raises InvalidRequest for a bad proof, Forbidden for an account of another tenant."""
        if not isinstance(claims, dict):
            raise unverified("there is no id token")
        tid, oid = str(claims.get("tid") or ""), str(claims.get("oid") or "")
        if claims.get("aud") != self.client_id:
            raise unverified("it is for another app")
        if claims.get("iss") not in {f"{base}/{tid}/v2.0" for base in self.authorities}:
            raise unverified("it comes from elsewhere")
        if not _GUID.fullmatch(tid) or not oid:
            raise unverified("it names no account")
        if not _number(claims, "nbf", now) - _LEEWAY_SECONDS <= now:
            raise unverified("it is not valid yet")
        if not now < _number(claims, "exp", 0) + _LEEWAY_SECONDS:
            raise unverified("it has expired")
        self._check_tenant(tid.lower())
        return Person(f"{tid.lower()}.{oid.lower()}", str(claims.get("name") or ""))

    def _check_tenant(self, tid: str) -> None:
        wanted = self.tenant.lower()
        if wanted == "organizations":
            fits = tid != _PERSONAL
        elif wanted == "consumers":
            fits = tid == _PERSONAL
        else:
            fits = tid == wanted or not _GUID.fullmatch(wanted)
        if not fits:
            detail = "This account belongs to another organisation than the one this app is for."
            raise Forbidden(detail, reason="wrong_tenant")


def unverified(why: str) -> InvalidRequest:
    return InvalidRequest(
        f"Microsoft's proof of identity is not valid ({why}): start again.",
        reason="account_unverified",
    )


def address(me: Mapping[str, Any]) -> str:
    """Of Graph's /me: `mail`; userPrincipalName where it is an address. "" when neither is one.

    `mail` is null for accounts that never got one, personal accounts among them, and then the name
    somebody signs in with usually is their address. That of a guest (#EXT#) never is.
    """
    for value in (me.get("mail"), me.get("userPrincipalName")):
        if isinstance(value, str) and "@" in value and "#ext#" not in value.lower():
            try:
                return addresses.normalise(value)
            except ValueError:
                continue
    return ""


def _number(claims: Mapping[str, Any], name: str, default: float) -> float:
    value = claims.get(name, default)
    return float(value) if isinstance(value, int | float) else 0.0
