"""Whose account it is, when Google's proof is missing, partial or wrong."""

import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from shared.config import Settings
from shared.domain.errors import (
    ConfigurationError,
    GrantRevoked,
    InvalidRequest,
    MailbridgeError,
    ProviderUnavailable,
    RateLimited,
)
from shared.ports.providers import Consent
from shared.providers.google.declaration import GoogleSettings
from shared.providers.google.provider import Google
from tests.providers.server import Asked, Reply, Running, json_reply, serving

KEPT = {"verifier": "v" * 43, "nonce": "n0nce"}


class Story:
    """A token endpoint and a Gmail that answer what a test sets."""

    def __init__(self) -> None:
        self.token = json_reply(access_token="at-s3cret", expires_in=3599)
        self.profile = json_reply(403, error={"errors": [{"reason": "insufficientPermissions"}]})
        self.revoke = json_reply()
        self.google: Google
        self.server: Running

    def answer(self, asked: Asked) -> Reply:
        return {"/token": self.token, "/revoke": self.revoke}.get(asked.target, self.profile)

    def tokens(self, **claims: Any) -> None:
        """The token endpoint answers with an id token of these claims instead of good ones."""
        good = {
            "iss": "https://accounts.google.com",
            "aud": "client",
            "sub": "108",
            "email": "Ana@Example.com",
            "email_verified": True,
            "nonce": "n0nce",
            "exp": int(time.time()) + 3600,
        }
        kept = {name: value for name, value in (good | claims).items() if value is not None}
        # Whatever the key: the signature of a token straight from the endpoint is not looked at.
        id_token = jwt.encode(kept, "k" * 32, algorithm="HS256")
        self.token = json_reply(access_token="at-s3cret", expires_in=3599, id_token=id_token)

    def finish(self) -> Consent:
        return self.google.oauth.finish(
            {"code": "c"}, kept=KEPT, redirect_uri="http://127.0.0.1/cb"
        )


@pytest.fixture
def story() -> Iterator[Story]:
    made = Story()
    with serving(made.answer) as server:
        own = GoogleSettings(
            google_client_id="client",
            google_client_secret="secret",
            google_accounts_url=server.url,
            google_oauth_url=server.url,
            gmail_url=server.url,
        )
        made.google, made.server = Google(Settings(vendors=(own,))), server
        made.google.gmail.sleep = made.google.accounts.sleep = lambda _: None
        yield made


def test_the_id_token_says_who_it_is(story: Story) -> None:
    story.tokens(name="Ana Souza")
    account = story.finish().account
    assert (account.id, account.address, account.name) == ("108", "ana@example.com", "Ana Souza")
    assert len(story.server.asked) == 1, "nobody else is asked"


@pytest.mark.parametrize("issuer", ["accounts.google.com", "https://accounts.google.com"])
def test_google_has_two_names(story: Story, issuer: str) -> None:
    story.tokens(iss=issuer)
    assert story.finish().account.id == "108"


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another client"},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
        {"nonce": "another consent's"},
    ],
)
def test_a_wrong_proof_is_refused(story: Story, claims: dict[str, Any]) -> None:
    story.tokens(**claims)
    story.profile = json_reply(emailAddress="ana@example.com")
    with pytest.raises(InvalidRequest) as caught:
        story.finish()
    assert caught.value.reason == "account_unverified"


def test_without_an_id_token_gmail_is_asked(story: Story) -> None:
    story.profile = json_reply(emailAddress="Ana@Example.com")
    account = story.finish().account
    assert (account.id, account.address) == ("ana@example.com", "ana@example.com")


def test_an_id_token_without_a_nonce_proves_nothing(story: Story) -> None:
    story.tokens(nonce=None)
    story.profile = json_reply(emailAddress="ana@example.com")
    assert story.finish().account.id == "ana@example.com"


@pytest.mark.parametrize("claims", [{"email_verified": False}, {"email": None}, {"email": "x"}])
def test_an_address_google_did_not_verify_is_gmails_to_tell(
    story: Story, claims: dict[str, Any]
) -> None:
    story.tokens(**claims)
    story.profile = json_reply(emailAddress="real@example.com")
    account = story.finish().account
    assert (account.id, account.address) == ("108", "real@example.com")


def test_when_nobody_says_who_it_is_the_consent_is_refused(story: Story) -> None:
    with pytest.raises(InvalidRequest, match="boxes") as caught:
        story.finish()
    assert caught.value.reason == "account_unverified"


def test_an_outage_of_gmail_is_no_bad_consent(story: Story) -> None:
    story.profile = Reply(503)
    with pytest.raises(ProviderUnavailable):
        story.finish()


def test_what_was_granted_is_what_the_answer_says(story: Story) -> None:
    story.profile = json_reply(emailAddress="ana@example.com")
    email = "https://www.googleapis.com/auth/userinfo.email"
    story.token = json_reply(access_token="a", expires_in=60, scope=f"openid {email}")
    credential = story.finish().credential
    assert credential.scopes == ("openid", email)
    assert credential.refresh_token is None
    assert "email" not in story.google.missing_scopes(credential.scopes)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (json_reply(400, error="invalid_grant"), GrantRevoked),
        (json_reply(401, error="invalid_client"), ConfigurationError),
        (json_reply(400, error="unauthorized_client"), ConfigurationError),
        (json_reply(429, error="rate_limit"), RateLimited),
        (json_reply(500, error="internal_failure"), ProviderUnavailable),
        (json_reply(503, error="invalid_grant"), ProviderUnavailable),
        (Reply(503, b"<html>"), ProviderUnavailable),
        (Reply(400, b""), ProviderUnavailable),
        (Reply(200, b"<html>"), ProviderUnavailable),
        (json_reply(200, access_token=5), ProviderUnavailable),
        (Reply(drop=True), ProviderUnavailable),
    ],
)
def test_only_googles_final_word_ends_a_grant(
    story: Story, reply: Reply, kind: type[MailbridgeError]
) -> None:
    story.token = reply
    with pytest.raises(MailbridgeError) as caught:
        story.google.oauth.refresh("rt-s3cret")
    assert type(caught.value) is kind
    assert "s3cret" not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_a_missing_client_is_our_own_fault(story: Story) -> None:
    oauth = Google(Settings(vendors=(GoogleSettings(google_oauth_url=story.server.url),))).oauth
    with pytest.raises(ConfigurationError, match="GOOGLE_CLIENT_ID"):
        oauth.refresh("rt")


def test_revoking_says_the_token_in_the_body_alone(story: Story) -> None:
    story.revoke = json_reply(400, error="invalid_token")
    story.google.oauth.revoke("rt-s3cret")
    (asked,) = story.server.asked
    assert asked.target == "/revoke"
    assert asked.body == b"token=rt-s3cret"


def test_a_revocation_that_did_not_happen_is_said(story: Story) -> None:
    story.revoke = Reply(503)
    with pytest.raises(ProviderUnavailable):
        story.google.oauth.revoke("rt-s3cret")
