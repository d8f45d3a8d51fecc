"""A token issuer on this machine: one key, its JWKS, and the tokens it signs."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import ECAlgorithm

from infra.private import private
from shared.domain import ids


class Issuer:
    """Signs with an ES256 key kept in `key_file`, so that tokens outlive a restart."""

    def __init__(self, url: str, key_file: Path) -> None:
        self.url = url
        self._key = _stored_key(key_file)
        public = ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        self._id = ids.derived("key", public["x"], public["y"])
        self._jwk = public | {"kid": self._id, "use": "sig", "alg": "ES256"}

    def keys(self) -> list[dict[str, Any]]:
        """The `keys` of its JWKS document."""
        return [self._jwk]

    def token(self, audience: str, lifetime: timedelta, claims: Mapping[str, object]) -> str:
        now = datetime.now(UTC)
        standard = {"iss": self.url, "aud": audience, "iat": now, "exp": now + lifetime}
        return jwt.encode(standard | dict(claims), self._key, "ES256", headers={"kid": self._id})


def _stored_key(path: Path) -> ec.EllipticCurvePrivateKey:
    if not path.exists():
        _write(path, ec.generate_private_key(ec.SECP256R1()))
    key = load_pem_private_key(private(path).read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path} holds no elliptic-curve key; delete it to have a new one made")
    return key


def _write(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Whole or not at all, and for our eyes only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    fresh.replace(path)
