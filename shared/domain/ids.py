"""Opaque ids: derived ones, so that doing a thing twice finds the first, and random ones."""

import base64
import hashlib
import secrets


def derived(*parts: str) -> str:
    """The same parts give the same id, on every machine; other parts give another (130 bits).

    Each part is hashed with its length, so that ("ab", "c") and ("a", "bc") differ.
    """
    digest = hashlib.blake2b(digest_size=17)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return _text(digest.digest())


def made(*parts: str, key: str) -> str:
    """Of a new thing: derived when it has a key under which it is made once, otherwise random."""
    return derived(*parts, key) if key else random()


def random() -> str:
    """An id nobody can guess (130 bits)."""
    return _text(secrets.token_bytes(17))


def _text(data: bytes) -> str:
    return base64.b32encode(data).decode().lower()[:26]
