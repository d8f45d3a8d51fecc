"""Whose token is believed, and what is said about those that are not."""

import base64
import hmac
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

from infra.issuer import Issuer
from shared.config import Settings
from shared.domain.caller import Caller
from shared.domain.errors import ConfigurationError, NotAuthenticated, ProviderUnavailable
from shared.web.auth import Invokers, KeySet, Users, Verifier, bearer
from tests.issuers import AUDIENCE, HOUR, KeyServer, auth_settings, new_issuer, published

ADA = {"sub": "ada", "team": "acme"}


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return new_issuer(tmp_path)


@pytest.fixture
def keys(issuer: Issuer) -> Iterator[KeyServer]:
    with published(issuer) as server:
        yield server


@pytest.fixture
def users(issuer: Issuer, keys: KeyServer) -> Users:
    return Users(auth_settings(issuer, keys))


def caller(users: Users, token: str) -> Caller:
    return users.caller(f"Bearer {token}")


def refusal(users: Users, token: str) -> str:
    with pytest.raises(NotAuthenticated) as refused:
        caller(users, token)
    return refused.value.detail


def signed(
    issuer: Issuer, *, audience: str = AUDIENCE, lifetime: timedelta = HOUR, **claims: Any
) -> str:
    return issuer.token(audience, lifetime, {**ADA, **claims})


class TestUsers:
    def test_a_signed_token_says_who_is_calling(self, users: Users, issuer: Issuer) -> None:
        assert caller(users, signed(issuer)) == Caller("ada", "acme", admin=False)

    @pytest.mark.parametrize("role", ["admin", ["member", "admin"]])
    def test_an_admin_is_known_by_one_role_or_by_one_of_several(
        self, users: Users, issuer: Issuer, role: object
    ) -> None:
        assert caller(users, signed(issuer, role=role)).admin

    @pytest.mark.parametrize("role", ["administrator", ["x"], {"admin": True}, True, None, "Admin"])
    def test_nothing_else_makes_an_admin(self, users: Users, issuer: Issuer, role: object) -> None:
        assert not caller(users, signed(issuer, role=role)).admin

    def test_claims_have_the_names_that_the_settings_give(
        self, issuer: Issuer, keys: KeyServer
    ) -> None:
        users = Users(
            auth_settings(issuer, keys, auth_team_claim="https://crm/org", auth_user_claim="uid")
        )
        token = issuer.token(AUDIENCE, HOUR, {**ADA, "https://crm/org": "globex", "uid": 7})
        assert caller(users, token) == Caller("7", "globex")

    @pytest.mark.parametrize(
        "team",
        ["", None, " ", " a", "a\x00b", "a\nb", ["acme"], True, "x" * 201],
    )
    def test_a_team_that_is_no_usable_id_is_refused(
        self, users: Users, issuer: Issuer, team: object
    ) -> None:
        assert "`team` claim" in refusal(users, signed(issuer, team=team))

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"audience": "another"}, "another audience"),
            ({"lifetime": timedelta(seconds=-31)}, "expired"),
            ({"iss": "https://evil.example.com"}, "another issuer"),
            ({"nbf": 9_999_999_999}, "not valid yet"),
        ],
    )
    def test_a_wrong_claim_is_named(
        self, users: Users, issuer: Issuer, wrong: dict[str, Any], said: str
    ) -> None:
        assert said in refusal(users, signed(issuer, **wrong))

    def test_clocks_may_differ_by_half_a_minute(self, users: Users, issuer: Issuer) -> None:
        assert caller(users, signed(issuer, lifetime=timedelta(seconds=-20)))

    @pytest.mark.parametrize("absent", ["exp", "iss", "aud"])
    def test_a_token_without_end_issuer_or_audience_is_refused(
        self, users: Users, issuer: Issuer, absent: str
    ) -> None:
        payload = jwt.decode(signed(issuer), options={"verify_signature": False})
        del payload[absent]
        token = _sign_again(issuer, payload)
        assert f"`{absent}`" in refusal(users, token)

    def test_another_key_of_the_same_id_is_refused(
        self, users: Users, issuer: Issuer, tmp_path: Path
    ) -> None:
        stranger = new_issuer(tmp_path, "stranger")
        stranger._id = issuer._id
        assert "signature" in refusal(users, signed(stranger))

    def test_a_public_key_is_no_shared_secret(self, users: Users, issuer: Issuer) -> None:
        public = issuer._key.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )
        head = {"alg": "HS256", "kid": issuer.keys()[0]["kid"]}
        assert "algorithm" in refusal(users, _forged(head, public))

    @pytest.mark.parametrize("none", ["none", "None", "NONE", "", None, ["ES256"]])
    def test_no_signature_is_no_signature(self, users: Users, none: object) -> None:
        assert refusal(users, _forged({"alg": none}, b""))

    @given(st.text(max_size=200) | st.from_regex(r"[\w-]+\.[\w-]+\.[\w-]+", fullmatch=True))
    def test_whatever_else_is_sent_is_refused_in_words(self, token: str) -> None:
        settings = Settings(
            auth_issuer="https://a.example", auth_audience="a", auth_jwks_url="http://127.0.0.1:9"
        )
        with pytest.raises((NotAuthenticated, ProviderUnavailable)):
            Users(settings).caller(f"Bearer {token}")

    @pytest.mark.parametrize("header", ["", "Basic YWRhOmFkYQ==", "Bearer", "Bearer  ", "ey.ey.ey"])
    def test_without_a_bearer_token_the_way_to_send_one_is_shown(self, header: str) -> None:
        with pytest.raises(NotAuthenticated, match="Authorization: Bearer"):
            bearer(header)

    def test_missing_settings_are_all_named(self) -> None:
        with pytest.raises(
            ConfigurationError, match="AUTH_ISSUER, AUTH_AUDIENCE, AUTH_JWKS_URL must be set"
        ):
            Users(Settings())


class TestAlgorithms:
    def test_rsa_keys_sign_with_both_paddings_unless_they_name_one(
        self, users: Users, keys: KeyServer, issuer: Issuer
    ) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        jwk = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": "rsa"}
        keys.document = msgspec.json.encode({"keys": [jwk]})
        for algorithm in ("RS256", "PS256"):
            token = _encode(issuer, key, algorithm, "rsa")
            assert caller(users, token).user_id == "ada"

    def test_a_key_that_names_its_algorithm_does_no_other(
        self, users: Users, keys: KeyServer, issuer: Issuer
    ) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        jwk = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": "rsa", "alg": "RS256"}
        keys.document = msgspec.json.encode({"keys": [jwk]})
        assert "algorithm" in refusal(users, _encode(issuer, key, "PS256", "rsa"))

    def test_ed25519_keys_sign(self, users: Users, keys: KeyServer, issuer: Issuer) -> None:
        key = Ed25519PrivateKey.generate()
        jwk = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": "ed"}
        keys.document = msgspec.json.encode({"keys": [jwk]})
        assert caller(users, _encode(issuer, key, "EdDSA", "ed")).team_id == "acme"

    def test_a_symmetric_key_in_the_set_is_no_key(
        self, users: Users, keys: KeyServer, issuer: Issuer
    ) -> None:
        secret = b"s" * 32
        value = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
        keys.document = msgspec.json.encode({"keys": [{"kty": "oct", "k": value, "kid": "oct"}]})
        assert "algorithm" in refusal(users, _encode(issuer, secret, "HS256", "oct"))


class TestKeySet:
    def test_keys_are_read_once(self, users: Users, issuer: Issuer, keys: KeyServer) -> None:
        for _ in range(3):
            caller(users, signed(issuer))
        assert keys.asked == 1

    def test_made_up_key_ids_do_not_become_requests(self, users: Users, keys: KeyServer) -> None:
        for number in range(5):
            token = _forged({"alg": "ES256", "kid": str(number)}, b"")
            assert "does not publish" in refusal(users, token)
        assert keys.asked == 1

    def test_a_new_key_is_found_once_the_pause_is_over(
        self, keys: KeyServer, tmp_path: Path
    ) -> None:
        key_set = KeySet(keys.url)
        key_set.PAUSE = 0.0
        assert key_set.find("new") is None
        rotated = new_issuer(tmp_path, "rotated")
        keys.document = msgspec.json.encode({"keys": rotated.keys()})
        assert key_set.find(rotated.keys()[0]["kid"]) == rotated.keys()[0]

    def test_known_keys_serve_while_the_issuer_is_down(
        self, issuer: Issuer, keys: KeyServer
    ) -> None:
        key_set = KeySet(keys.url)
        key_set.LIFETIME = key_set.PAUSE = 0.0
        known = issuer.keys()[0]["kid"]
        assert key_set.find(known)
        keys.status = 503
        assert key_set.find(known)
        assert keys.asked == 2

    @pytest.mark.parametrize(
        ("status", "document"),
        [
            (500, b"{}"),
            (302, b'{"keys": []}'),
            (200, b"<html>"),
            (200, b'{"keys": 1}'),
            (200, b'{"keys": [' + b" " * KeySet.MAX_BYTES + b"]}"),
        ],
    )
    def test_unreadable_keys_are_the_issuers_trouble_and_not_the_users(
        self, users: Users, issuer: Issuer, keys: KeyServer, status: int, document: bytes
    ) -> None:
        keys.status, keys.document = status, document
        keys.headers = {"Location": keys.url}
        with pytest.raises(ProviderUnavailable):
            caller(users, signed(issuer))
        assert keys.asked == 1

    def test_a_token_without_key_id_is_checked_with_the_only_key(
        self, users: Users, issuer: Issuer
    ) -> None:
        payload = jwt.decode(signed(issuer), options={"verify_signature": False})
        assert caller(users, jwt.encode(payload, issuer._key, "ES256")).user_id == "ada"


class TestInvokers:
    @pytest.fixture
    def invokers(self, issuer: Issuer, keys: KeyServer) -> Invokers:
        return Invokers(
            Settings(
                invoker_issuer=issuer.url,
                invoker_jwks_url=keys.url,
                invoker_audience=AUDIENCE,
                invoker_email="tasks@project.example.com",
            )
        )

    def test_the_right_service_account_may_call(self, invokers: Invokers, issuer: Issuer) -> None:
        claims = {"email": "tasks@project.example.com", "email_verified": True}
        invokers.check(f"Bearer {issuer.token(AUDIENCE, HOUR, claims)}")

    @pytest.mark.parametrize(
        "claims",
        [
            {},
            {"email": "eve@project.example.com", "email_verified": True},
            {"email": "tasks@project.example.com"},
            {"email": "tasks@project.example.com", "email_verified": False},
            {"email": "tasks@project.example.com", "email_verified": "true"},
        ],
    )
    def test_nobody_else_may(
        self, invokers: Invokers, issuer: Issuer, claims: dict[str, object]
    ) -> None:
        with pytest.raises(NotAuthenticated, match="service account"):
            invokers.check(f"Bearer {issuer.token(AUDIENCE, HOUR, claims)}")

    def test_a_token_for_another_function_is_refused(
        self, invokers: Invokers, issuer: Issuer
    ) -> None:
        claims = {"email": "tasks@project.example.com", "email_verified": True}
        with pytest.raises(NotAuthenticated, match="audience"):
            invokers.check(f"Bearer {issuer.token('https://other', HOUR, claims)}")


def _encode(issuer: Issuer, key: Any, algorithm: str, kid: str) -> str:
    payload = jwt.decode(signed(issuer), options={"verify_signature": False})
    return jwt.encode(payload, key, algorithm, headers={"kid": kid})


def _forged(head: dict[str, object], secret: bytes) -> str:
    """Signed with `secret` by HMAC, whatever the head says."""
    payload = {**ADA, "aud": AUDIENCE, "iss": "https://login.example.com", "exp": 9_999_999_999}
    parts = [base64.urlsafe_b64encode(msgspec.json.encode(part)) for part in (head, payload)]
    text = b".".join(part.rstrip(b"=") for part in parts)
    signature = base64.urlsafe_b64encode(hmac.digest(secret, text, "sha256")).rstrip(b"=")
    return f"{text.decode()}.{signature.decode()}"


def _sign_again(issuer: Issuer, payload: dict[str, Any]) -> str:
    return jwt.encode(payload, issuer._key, "ES256", headers={"kid": issuer.keys()[0]["kid"]})


def test_a_token_is_verified_once_and_never_beyond_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verified: list[str] = []
    now = time.time()

    def verify(_self: Verifier, token: str, _header: object) -> dict[str, float]:
        verified.append(token)
        return {"exp": now + 60}

    monkeypatch.setattr(Verifier, "_verified", verify)
    monkeypatch.setattr("jwt.get_unverified_header", lambda _token: {})
    verifier = Verifier(KeySet("http://127.0.0.1:9/keys"), "issuer", "audience")
    for _ in range(3):
        assert verifier.claims("one")["exp"] == now + 60
    verifier.claims("other")
    assert verified == ["one", "other"]
    monkeypatch.setattr(time, "time", lambda: now + 61)
    verifier.claims("one")
    assert verified == ["one", "other", "one"]
    for number in range(2 * Verifier.REMEMBERED):
        verifier.claims(str(number))
    assert len(verifier._known) <= Verifier.REMEMBERED
