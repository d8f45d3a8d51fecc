"""What every vendor's OAuth has in common: redirects, PKCE, how clients and callers show themselves, keys."""

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Sequence
from functools import cache
from urllib.parse import unquote, urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from infra.simulator.http import Request

CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def redirects(uri: str, registered: Sequence[str]) -> bool:
    """Only to what was registered; where nothing was, anywhere on the loopback interface."""
    if registered:
        return uri in registered
    parts = urlsplit(uri)
    loopback = parts.hostname in _LOOPBACK and not (parts.username or parts.fragment)
    return parts.scheme in {"http", "https"} and loopback


def verifier_matches(verifier: str, challenge: str) -> bool:
    """PKCE S256 (RFC 7636 4.6)."""
    digest = hashlib.sha256(verifier.encode("ascii", "replace")).digest()
    computed = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return secrets.compare_digest(computed, challenge)


def bearer(request: Request) -> str:
    """The token a request carries, "" if none."""
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    return value.strip() if kind.lower() == "bearer" else ""


def basic(request: Request) -> tuple[str, str] | None:
    """Client id and secret by HTTP Basic (RFC 6749 2.3.1)."""
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(value).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return unquote(name), unquote(secret)


@cache
def new_key() -> str:
    """PEM of one RSA key for all of a process: making it takes tenths of a second."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@cache
def loaded_key(pem: str) -> rsa.RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the stored key is no RSA key")
    return key
