"""Microsoft's consent: whose account it is, what every refusal means, and what msal must not do."""

import hashlib
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import msgspec
import pytest

from shared.config import Settings
from shared.domain.errors import (
    AdminApprovalNeeded,
    ConfigurationError,
    Forbidden,
    GrantRevoked,
    InvalidRequest,
    MailbridgeError,
    ProviderUnavailable,
    RateLimited,
)
from shared.ports.providers import Consent
from shared.providers.microsoft.declaration import MicrosoftSettings
from shared.providers.microsoft.provider import Microsoft
from tests.providers.server import Asked, Reply, Running, json_reply, serving

CALLBACK = "http://127.0.0.1/cb"
KEPT = {"verifier": "v" * 43, "nonce": "n0nce"}
TID = "11111111-2222-3333-4444-555555555555"
OID = "AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee"
PERSONAL = "9188040d-6c67-4c5b-b112-36a304b66dad"
SECRETS = ("at-s3cret", "rt-s3cret", "cl1ent-s3cret", "c0de")


class Story:
    """A login and a Graph that answer what a test sets."""

    def __init__(self) -> None:
        self.me = json_reply(displayName="Ana Souza", mail="Ana@Example.com")
        self.token = json_reply()
        self.tenant = "common"
        self.server: Running
        self.tokens()

    @property
    def microsoft(self) -> Microsoft:
        own = MicrosoftSettings(
            microsoft_client_id="client",
            microsoft_client_secret="cl1ent-s3cret",
            microsoft_tenant=self.tenant,
            microsoft_login_url=self.server.url,
            graph_url=self.server.url,
        )
        made = Microsoft(Settings(vendors=(own,)))
        made.graph.sleep = made.login.sleep = lambda _: None
        return made

    def answer(self, asked: Asked) -> Reply:
        return self.me if asked.target.startswith("/v1.0/me") else self.token

    def tokens(self, *, scope: str = "Mail.Read", **claims: Any) -> None:
        """The token endpoint answers with an id token of these claims instead of good ones."""
        now = int(time.time())
        tid = claims.get("tid", TID)
        good = {
            "iss": f"https://login.microsoftonline.com/{tid}/v2.0",
            "aud": "client",
            "tid": TID,
            "oid": OID,
            "nonce": hashlib.sha256(b"n0nce").hexdigest(),
            "nbf": now,
            "exp": now + 3600,
        }
        kept = {name: value for name, value in (good | claims).items() if value is not None}
        # Whatever the key: the signature of a token straight from the endpoint is not looked at.
        self.answers(id_token=jwt.encode(kept, "k" * 32, algorithm="HS256"), scope=scope)

    def answers(self, **fields: Any) -> None:
        good: dict[str, Any] = {
            "access_token": "at-s3cret",
            "refresh_token": "rt-s3cret",
            "expires_in": 3599,
        }
        self.token = json_reply(**(good | fields))

    def refuses(self, error: str, code: int = 0, status: int = 400) -> None:
        fields: dict[str, Any] = {"error": error}
        if code:
            description = f"AADSTS{code}: No. Trace ID: 1"
            fields |= {"error_codes": [code], "error_description": description}
        self.token = json_reply(status, **fields)

    def finish(self, **answer: str) -> Consent:
        oauth = self.microsoft.oauth
        return oauth.finish(answer or {"code": "c0de"}, kept=KEPT, redirect_uri=CALLBACK)

    def forms(self) -> list[dict[str, list[str]]]:
        """What the token endpoint was asked."""
        return [parse_qs(a.body.decode()) for a in self.server.asked if a.method == "POST"]


@pytest.fixture
def story() -> Iterator[Story]:
    made = Story()
    with serving(made.answer) as server:
        made.server = server
        yield made


# -- asking ---------------------------------------------------------------------------------------


def test_the_consent_url_asks_for_a_lasting_consent_by_a_chosen_account(story: Story) -> None:
    started = story.microsoft.oauth.start(redirect_uri=CALLBACK, login_hint="ana@example.com")
    parts = urlsplit(started.url)
    query = parse_qs(parts.query)
    assert f"{parts.scheme}://{parts.netloc}" == story.server.url
    assert parts.path == "/common/oauth2/v2.0/authorize"
    assert set(query["scope"][0].split()) == {
        *("openid", "profile", "offline_access"),
        *("User.Read", "Mail.Read", "Mail.Send", "Calendars.ReadWrite"),
    }
    assert query["prompt"] == ["select_account"]
    assert query["login_hint"] == ["ana@example.com"]
    assert query["response_mode"] == ["query"]
    assert "state" not in query, "the caller appends its own"
    assert story.server.asked == [], "no discovery: the endpoints are known"


def test_a_tenant_by_setting_is_the_only_one_asked(story: Story) -> None:
    story.tenant = TID
    started = story.microsoft.oauth.start(redirect_uri=CALLBACK, login_hint="")
    assert urlsplit(started.url).path == f"/{TID}/oauth2/v2.0/authorize"
    assert "login_hint" not in started.url


# -- whose account --------------------------------------------------------------------------------


def test_an_account_is_its_tenant_and_object_id(story: Story) -> None:
    account = story.finish().account
    assert account.id == f"{TID}.{OID.lower()}"
    assert (account.address, account.name) == ("ana@example.com", "Ana Souza")


def test_the_issuer_may_be_the_configured_login(story: Story) -> None:
    story.tokens(iss=f"{story.server.url}/{TID}/v2.0")
    assert story.finish().account.id


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another client"},
        {"aud": ["client", "another"]},
        {"iss": "https://evil.example/v2.0"},
        {"iss": f"https://login.microsoftonline.com/{PERSONAL}/v2.0"},
        {"iss": None},
        {"tid": "../evil"},
        {"tid": None},
        {"oid": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": 32_503_680_000},
        {"nonce": "n0nce"},
        {"nonce": None},
    ],
    ids=str,
)
def test_a_wrong_proof_is_refused(story: Story, claims: dict[str, Any]) -> None:
    story.tokens(**claims)
    with pytest.raises(InvalidRequest) as caught:
        story.finish()
    assert caught.value.reason == "account_unverified"


@pytest.mark.parametrize(
    "id_token", [None, "", "no token", "a.b.c", "a.e30.c", 7, "e30", "a.W10.c"]
)
def test_without_a_proof_there_is_no_account(story: Story, id_token: object) -> None:
    story.answers(id_token=id_token)
    with pytest.raises(InvalidRequest) as caught:
        story.finish()
    assert caught.value.reason == "account_unverified"


@pytest.mark.parametrize(
    ("tenant", "tid", "fits"),
    [
        ("common", PERSONAL, True),
        ("organizations", TID, True),
        ("organizations", PERSONAL, False),
        ("consumers", PERSONAL, True),
        ("consumers", TID, False),
        (TID.upper(), TID, True),
        (TID, PERSONAL, False),
        ("contoso.example", TID, True),
    ],
)
def test_only_accounts_of_the_configured_tenant_are_let_in(
    story: Story, tenant: str, tid: str, fits: bool
) -> None:
    story.tenant = tenant
    story.tokens(tid=tid)
    if fits:
        assert story.finish().account.id.startswith(tid)
    else:
        with pytest.raises(Forbidden) as caught:
            story.finish()
        assert caught.value.reason == "wrong_tenant"


@pytest.mark.parametrize(
    ("me", "address"),
    [
        ({"mail": "Ana@Example.com", "userPrincipalName": "a1@corp.example"}, "ana@example.com"),
        ({"mail": None, "userPrincipalName": "Ana@Outlook.example"}, "ana@outlook.example"),
        ({"mail": "", "userPrincipalName": "ana@corp.example"}, "ana@corp.example"),
    ],
)
def test_the_address_is_mail_or_else_a_principal_name_that_is_one(
    story: Story, me: dict[str, Any], address: str
) -> None:
    story.me = json_reply(**me)
    assert story.finish().account.address == address


@pytest.mark.parametrize(
    "me",
    [
        {"mail": None, "userPrincipalName": "ana"},
        {"mail": None, "userPrincipalName": "ana_home.example#EXT#@corp.example"},
        {"mail": 7},
        {"displayName": "Ana"},
    ],
)
def test_an_account_without_an_address_has_no_mailbox(story: Story, me: dict[str, Any]) -> None:
    story.me = json_reply(**me)
    with pytest.raises(InvalidRequest) as caught:
        story.finish()
    assert caught.value.reason == "no_address"


def test_scopes_are_told_by_their_short_names(story: Story) -> None:
    scope = "openid https://graph.microsoft.com/Mail.Read mail.send User.Read"
    story.tokens(scope=scope)
    consent = story.finish()
    assert consent.credential.scopes == ("openid", "Mail.Read", "Mail.Send", "User.Read")
    missing = story.microsoft.missing_scopes(consent.credential.scopes)
    assert missing == ("Calendars.ReadWrite",)


# -- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code", "kind", "reason"),
    [
        ("access_denied", 65004, Forbidden, "access_denied"),
        ("access_denied", 0, Forbidden, "access_denied"),
        ("consent_required", 65001, Forbidden, "AADSTS65001"),
        ("consent_required", 90094, Forbidden, "AADSTS90094"),
        ("access_denied", 90094, Forbidden, "AADSTS90094"),
        ("invalid_grant", 53003, Forbidden, "AADSTS53003"),
        ("interaction_required", 50076, Forbidden, "AADSTS50076"),
        ("interaction_required", 50079, Forbidden, "AADSTS50079"),
        ("invalid_grant", 50020, Forbidden, "AADSTS50020"),
        ("invalid_grant", 50057, Forbidden, "AADSTS50057"),
        ("invalid_grant", 54005, InvalidRequest, "AADSTS54005"),
        ("invalid_grant", 70008, InvalidRequest, "AADSTS70008"),
        ("invalid_grant", 0, InvalidRequest, "code_refused"),
        ("invalid_client", 7000215, ConfigurationError, "AADSTS7000215"),
        ("unauthorized_client", 700016, Forbidden, "AADSTS700016"),
        ("unauthorized_client", 0, ConfigurationError, "unauthorized_client"),
        ("server_error", 0, ProviderUnavailable, "server_error"),
        ("<script>", 0, InvalidRequest, "refused"),
    ],
)
def test_each_way_a_consent_fails_is_told_with_its_code(
    story: Story, error: str, code: int, kind: type[MailbridgeError], reason: str
) -> None:
    story.refuses(error, code)
    description = f"AADSTS{code}: No." if code else ""
    for answer in ({"code": "c0de"}, {"error": error, "error_description": description}):
        with pytest.raises(kind) as caught:
            story.finish(**answer)
        assert caught.value.reason == reason
        assert "AADSTS" not in caught.value.detail or kind is ConfigurationError


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [
        ("invalid_grant", 50173, GrantRevoked),
        ("invalid_grant", 700082, GrantRevoked),
        ("invalid_grant", 70008, GrantRevoked),
        ("invalid_grant", 70043, GrantRevoked),
        ("invalid_grant", 50057, GrantRevoked),
        ("invalid_grant", 53003, GrantRevoked),
        ("invalid_grant", 65001, GrantRevoked),
        ("interaction_required", 50076, GrantRevoked),
        ("interaction_required", 50079, GrantRevoked),
        ("consent_required", 65001, GrantRevoked),
        ("consent_required", 90094, AdminApprovalNeeded),
        ("invalid_grant", 99999999, GrantRevoked),
        ("invalid_grant", 0, GrantRevoked),
        ("invalid_grant", 50196, RateLimited),
        ("invalid_grant", 90055, RateLimited),
        ("invalid_grant", 90033, ProviderUnavailable),
        ("temporarily_unavailable", 0, ProviderUnavailable),
        ("invalid_client", 7000215, ConfigurationError),
        ("invalid_client", 7000222, ConfigurationError),
        ("invalid_grant", 7000222, ConfigurationError),
        ("unauthorized_client", 700016, AdminApprovalNeeded),
        ("unauthorized_client", 0, ConfigurationError),
        ("invalid_scope", 70011, ConfigurationError),
        ("what_is_this", 0, ProviderUnavailable),
    ],
)
def test_only_the_final_word_ends_a_grant(
    story: Story, error: str, code: int, kind: type[MailbridgeError]
) -> None:
    story.refuses(error, code, status=401 if error == "invalid_client" else 400)
    with pytest.raises(kind) as caught:
        story.microsoft.oauth.refresh("rt-s3cret")
    assert type(caught.value) is kind
    assert caught.value.reason == (f"AADSTS{code}" if code else error)
    assert len(caught.value.detail.split()) >= 4, "a sentence"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500),
        Reply(503, b"<html>Down"),
        Reply(200, b"<html>A hotel's login page"),
        Reply(400, b"<html>Bad gateway, they say"),
        Reply(200, b""),
        Reply(200, b'{"access_token": "at-s3cret", "expi'),
        Reply(302, b"", {"Location": "http://127.0.0.1:9/"}),
        Reply(drop=True),
        json_reply(token_type="Bearer"),
    ],
)
def test_what_is_no_answer_ends_no_grant_and_is_not_logged(
    story: Story, reply: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    story.token = reply
    with pytest.raises(ProviderUnavailable):
        story.microsoft.oauth.refresh("rt-s3cret")
    assert not any(secret in caplog.text for secret in SECRETS)


# -- msal -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_a_grant_that_recovered_is_alive_at_once(story: Story, status: int) -> None:
    """msal would answer from its own cache: a 400 for a minute, others for Retry-After seconds."""
    oauth = story.microsoft.oauth
    body = msgspec.json.encode({"error": "invalid_grant"})
    story.token = Reply(status, body, {"Retry-After": "3000"} if status != 400 else {})
    with pytest.raises(MailbridgeError):
        oauth.refresh("rt-s3cret")
    story.answers()
    assert oauth.refresh("rt-s3cret").access_token == "at-s3cret"
    assert len(story.forms()) == 2


def test_no_account_sees_anothers_tokens(story: Story) -> None:
    """msal would find the first account's access token in a shared cache."""
    oauth = story.microsoft.oauth
    story.answers(access_token="at-first")
    oauth.refresh("rt-first")
    story.answers(access_token="at-second")
    assert oauth.refresh("rt-second").access_token == "at-second"


def test_a_refresh_asks_for_whatever_was_granted_and_says_what_we_can(story: Story) -> None:
    credential = story.microsoft.oauth.refresh("rt-s3cret")
    (form,) = story.forms()
    assert "https://graph.microsoft.com/.default" in form["scope"][0].split()
    assert msgspec.json.decode(form["claims"][0]) == {
        "access_token": {"xms_cc": {"values": ["CP1"]}}
    }
    assert credential.refresh_token == "rt-s3cret"
    assert credential.expires_in == 3599


def test_a_claims_challenge_is_passed_on(story: Story) -> None:
    claims = (
        '{"access_token":{"nbf":{"essential":true,"value":"1604106651"}},"id_token":{"a":null}}'
    )
    story.microsoft.oauth.refresh("rt-s3cret", claims=claims)
    (form,) = story.forms()
    assert msgspec.json.decode(form["claims"][0]) == {
        "access_token": {
            "nbf": {"essential": True, "value": "1604106651"},
            "xms_cc": {"values": ["CP1"]},
        },
        "id_token": {"a": None},
    }


@pytest.mark.parametrize("claims", ["no json", "[]", '{"access_token": 7}'])
def test_a_senseless_challenge_does_no_harm(story: Story, claims: str) -> None:
    assert story.microsoft.oauth.refresh("rt-s3cret", claims=claims).access_token


def test_codes_and_tokens_are_sent_once_and_only_to_the_configured_login(story: Story) -> None:
    story.token = Reply(drop=True)
    with pytest.raises(ProviderUnavailable):
        story.finish()
    assert [asked.target for asked in story.server.asked] == ["/common/oauth2/v2.0/token"]


def test_an_odd_proof_beside_fresh_tokens_ends_no_grant(story: Story) -> None:
    story.answers(id_token="no token")
    with pytest.raises(ProviderUnavailable):
        story.microsoft.oauth.refresh("rt-s3cret")


def test_throttling_says_how_long(story: Story) -> None:
    story.token = Reply(429, b"{}", {"Retry-After": "7"})
    with pytest.raises(RateLimited) as caught:
        story.microsoft.oauth.refresh("rt-s3cret")
    assert caught.value.retry_after == 7


def test_no_error_shows_a_secret(story: Story) -> None:
    story.tokens(nonce="another's")
    errors: list[BaseException | None] = []
    for error in ("invalid_grant", "invalid_client"):
        story.refuses(error, 50173 if error == "invalid_grant" else 7000215)
        with pytest.raises(MailbridgeError) as refused:
            story.microsoft.oauth.refresh("rt-s3cret")
        errors.append(refused.value)
    story.tokens(nonce="another's")
    with pytest.raises(MailbridgeError) as caught:
        story.finish()
    for first in (*errors, caught.value):
        error_: BaseException | None = first
        while error_:
            assert not any(secret in f"{error_!r} {vars(error_)}" for secret in SECRETS)
            error_ = error_.__cause__


def test_an_outage_of_graph_is_told_as_one(story: Story) -> None:
    story.me = Reply(503, b"<html>")
    with pytest.raises(ProviderUnavailable):
        story.finish()


def test_settings_that_are_missing_are_named() -> None:
    microsoft = Microsoft(Settings(vendors=(MicrosoftSettings(microsoft_client_id="client"),)))
    assert microsoft.oauth.start(redirect_uri=CALLBACK, login_hint="").url
    with pytest.raises(ConfigurationError) as caught:
        microsoft.oauth.refresh("rt")
    assert "MICROSOFT_CLIENT_SECRET" in caught.value.detail


def test_revoking_asks_nobody(story: Story) -> None:
    story.microsoft.oauth.revoke("rt-s3cret")
    assert story.server.asked == []
