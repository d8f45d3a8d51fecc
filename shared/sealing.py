"""Sealing: authenticated encryption of small things that leave our hands, with keys that rotate.

Used for OAuth states, cached access tokens and the secrets of the one-machine backend.
"""

import base64
import hashlib
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.domain.errors import ConfigurationError, InvalidRequest

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_ID_BYTES = 4
_NONCE_BYTES = 12


def new_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


class Sealer:
    """AES-256-GCM. The first key seals, every key opens: put a new one in front to rotate.

    A sealed text is base64url, without padding, of: key id (4 bytes), nonce (12), ciphertext and
    tag. The nonce is random, so one key is good for 2**32 seals (NIST SP 800-38D, 8.3).
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Raises ConfigurationError unless there is a key and each has 32 bytes."""
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ConfigurationError(f"Sealing needs at least one key, each of {KEY_BYTES} bytes.")
        self._keys = {_key_id(key): key for key in keys}
        self._first = _key_id(keys[0])

    def seal(self, plain: bytes, *, context: str) -> str:
        """Text safe in URLs. It opens only with the same `context`, which is not part of it."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        cipher = _cipher(self._keys[self._first])
        return _text(self._first + nonce + cipher.encrypt(nonce, plain, _bound(context)))

    def open(self, sealed: str, *, context: str) -> bytes:
        """What was sealed. InvalidRequest (reason "unreadable_seal") on anything else: tampered with,
        cut, made with a key we do not have or for another context."""
        from cryptography.exceptions import InvalidTag

        try:
            data = _bytes(sealed)
            key = self._keys[data[:_ID_BYTES]]
            nonce, rest = data[_ID_BYTES:][:_NONCE_BYTES], data[_ID_BYTES + _NONCE_BYTES :]
            return _cipher(key).decrypt(nonce, rest, _bound(context))
        except (ValueError, KeyError, InvalidTag):
            raise InvalidRequest(
                "This sealed value cannot be read.", reason="unreadable_seal"
            ) from None


def _cipher(key: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"key id" + key).digest()[:_ID_BYTES]


def _bound(context: str) -> bytes:
    return context.encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """Strict, unlike the decoder itself, which skips foreign characters and spare bits: a sealed
    value has one spelling. Raises ValueError."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _text(data) != text:
        raise ValueError("not canonical base64url")
    return data
