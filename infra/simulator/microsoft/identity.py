"""Who somebody is: ID tokens, client_info, and the keys that prove them."""

import base64
import hashlib
from datetime import timedelta
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from msgspec import Struct

from infra.simulator import oauth
from infra.simulator.mail import Account
from infra.simulator.microsoft.directory import Directory
from infra.simulator.store import Store
from shared.ports.clock import Clock

HOST = "https://login.microsoftonline.com"
"""What every document and claim names, wherever this simulator is reached."""
_KID = "simulator"


class _Key(Struct, frozen=True):
    pem: str


class Identity:
    def __init__(self, store: Store, clock: Clock, directory: Directory) -> None:
        self._store = store
        self._clock = clock
        self._directory = directory
        self._keys = store.table("microsoft keys", _Key)

    def id_token(self, account: Account, app: str, scopes: tuple[str, ...], nonce: str = "") -> str:
        now = self._clock.now()
        tid, oid = self._directory.tid(account), self._directory.oid(account)
        claims: dict[str, Any] = {
            "aud": app,
            "iss": f"{HOST}/{tid}/v2.0",
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int((now + timedelta(hours=1)).timestamp()),
            "oid": oid,
            "sub": _digest(f"{app} {oid}"),
            "tid": tid,
            "ver": "2.0",
        }
        if "profile" in scopes:
            claims["name"] = account.name
            claims["preferred_username"] = self._directory.user_principal_name(account)
        if "email" in scopes and self._directory.person(account.address).has_mail:
            claims["email"] = account.address
        claims |= {"nonce": nonce} if nonce else {}
        return jwt.encode(claims, self._key(), algorithm="RS256", headers={"kid": _KID})

    def client_info(self, account: Account) -> str:
        """What msal keys its cache on."""
        info = {"uid": self._directory.oid(account), "utid": self._directory.tid(account)}
        return _base64url(msgspec.json.encode(info))

    def jwks(self) -> dict[str, Any]:
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self._key().public_key(), as_dict=True)
        issuer = f"{HOST}/{{tenantid}}/v2.0"
        return {"keys": [public | {"kid": _KID, "x5t": _KID, "use": "sig", "issuer": issuer}]}

    def _key(self) -> rsa.RSAPrivateKey:
        with self._store:
            if "id" not in self._keys:
                self._keys["id"] = _Key(oauth.new_key())
            return oauth.loaded_key(self._keys["id"].pem)


def _digest(text: str) -> str:
    return _base64url(hashlib.sha256(text.encode()).digest())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
