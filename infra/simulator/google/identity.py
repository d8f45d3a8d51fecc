"""Who somebody is: ID tokens, the keys that prove them, and the userinfo answer."""

from datetime import timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from msgspec import Struct

from infra.simulator import oauth
from infra.simulator.google.tokens import Token
from infra.simulator.mail import Account
from infra.simulator.store import Store
from shared.ports.clock import Clock

ISSUER = "https://accounts.google.com"
_EMAIL = "https://www.googleapis.com/auth/userinfo.email"
_PROFILE = "https://www.googleapis.com/auth/userinfo.profile"


class _Key(Struct, frozen=True):
    pem: str


class Identity:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._keys = store.table("google keys", _Key)

    def claims(self, account: Account, scopes: tuple[str, ...]) -> dict[str, Any]:
        """What userinfo answers, as far as the scopes allow."""
        claims: dict[str, Any] = {"sub": account.id}
        if _EMAIL in scopes:
            claims |= {"email": account.address, "email_verified": True}
        if _PROFILE in scopes:
            claims |= {"name": account.name, "given_name": account.name.split()[0]}
        return claims

    def id_token(self, account: Account, token: Token, nonce: str) -> str:
        now = self._clock.now()
        claims = self.claims(account, token.scopes) | {
            "iss": ISSUER,
            "azp": token.client,
            "aud": token.client,
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(hours=1)).timestamp()),
        }
        if nonce:
            claims["nonce"] = nonce
        return jwt.encode(claims, self._key(), algorithm="RS256", headers={"kid": "simulator"})

    def jwks(self) -> dict[str, Any]:
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self._key().public_key(), as_dict=True)
        return {"keys": [public | {"kid": "simulator", "alg": "RS256", "use": "sig"}]}

    def _key(self) -> rsa.RSAPrivateKey:
        with self._store:
            if "id" not in self._keys:
                self._keys["id"] = _Key(oauth.new_key())
            return oauth.loaded_key(self._keys["id"].pem)
