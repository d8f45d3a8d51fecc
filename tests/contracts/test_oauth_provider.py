"""What every provider's consent and token endpoints must do."""

from urllib.parse import parse_qs, urlsplit

import pytest

from infra.simulator import Simulator
from shared.domain.errors import (
    Forbidden,
    GrantRevoked,
    InvalidRequest,
    MailbridgeError,
    ProviderUnavailable,
    RateLimited,
)
from shared.domain.mailboxes import Capability
from shared.ports.providers import Consent, Started
from shared.providers.registry import PROVIDERS
from tests.contracts.providers import ANA, CALLBACK, HARNESSES, Harness


@pytest.fixture(params=PROVIDERS)
def harness(request: pytest.FixtureRequest, simulator: Simulator) -> Harness:
    made = HARNESSES[request.param](simulator)
    made.add_account(ANA)
    return made


def start(harness: Harness) -> Started:
    return harness.provider.oauth.start(redirect_uri=CALLBACK, login_hint=ANA)


def connect(harness: Harness, without: Capability | None = None) -> Consent:
    started = start(harness)
    answer = harness.consent(started.url, ANA, without=without)
    return harness.provider.oauth.finish(answer, kept=started.kept, redirect_uri=CALLBACK)


def test_a_consent_says_whose_account_it_is_and_what_it_allows(harness: Harness) -> None:
    consent = connect(harness)
    assert consent.account.address == ANA
    assert consent.account.id
    assert consent.credential.refresh_token
    assert harness.provider.missing_scopes(consent.credential.scopes or ()) == ()


def test_the_same_account_has_the_same_id_again(harness: Harness) -> None:
    assert connect(harness).account == connect(harness).account


def test_the_consent_url_keeps_verifier_and_nonce_to_itself(harness: Harness) -> None:
    started = start(harness)
    query = parse_qs(urlsplit(started.url).query)
    assert query["code_challenge_method"] == ["S256"]
    assert started.kept["verifier"] not in started.url
    assert start(harness).kept != started.kept


@pytest.mark.parametrize("capability", Capability)
def test_an_unticked_capability_is_named_by_its_scopes(
    harness: Harness, capability: Capability
) -> None:
    consent = connect(harness, without=capability)
    missing = harness.provider.missing_scopes(consent.credential.scopes or ())
    assert set(harness.provider.scopes_for(capability)) <= set(missing)
    for other in set(Capability) - {capability}:
        assert not set(harness.provider.scopes_for(other)) & set(missing)


def test_a_no_is_a_no(harness: Harness) -> None:
    started = start(harness)
    answer = harness.consent(started.url, ANA, deny=True)
    with pytest.raises(Forbidden) as caught:
        harness.provider.oauth.finish(answer, kept=started.kept, redirect_uri=CALLBACK)
    assert caught.value.reason == "access_denied"


def test_an_answer_without_a_code_is_refused(harness: Harness) -> None:
    with pytest.raises(InvalidRequest) as caught:
        harness.provider.oauth.finish({}, kept=start(harness).kept, redirect_uri=CALLBACK)
    assert caught.value.reason


def test_a_code_works_once_and_only_with_the_verifier_it_was_asked_with(harness: Harness) -> None:
    started, other = start(harness), start(harness)
    answer = harness.consent(started.url, ANA)
    finish = harness.provider.oauth.finish
    with pytest.raises(InvalidRequest):
        finish(answer, kept=other.kept, redirect_uri=CALLBACK)
    answer = harness.consent(started.url, ANA)
    finish(answer, kept=started.kept, redirect_uri=CALLBACK)
    with pytest.raises(InvalidRequest) as caught:
        finish(answer, kept=started.kept, redirect_uri=CALLBACK)
    assert answer["code"] not in str(caught.value)


def test_proof_made_for_another_consent_is_refused(harness: Harness) -> None:
    started = start(harness)
    answer = harness.consent(started.url, ANA)
    kept = started.kept | {"nonce": "of-somebody-else"}
    with pytest.raises(InvalidRequest) as caught:
        harness.provider.oauth.finish(answer, kept=kept, redirect_uri=CALLBACK)
    assert caught.value.reason == "account_unverified"


def test_a_refresh_gives_a_token_that_works(harness: Harness) -> None:
    first = connect(harness).credential
    assert first.refresh_token
    second = harness.provider.oauth.refresh(first.refresh_token)
    assert second.access_token != first.access_token
    assert second.expires_in > 0


def test_a_revoked_grant_is_told_apart_from_every_other_trouble(harness: Harness) -> None:
    refresh_token = connect(harness).credential.refresh_token or ""
    harness.revoke_grant(ANA)
    with pytest.raises(GrantRevoked) as caught:
        harness.provider.oauth.refresh(refresh_token)
    assert caught.value.reason == harness.revoked
    assert refresh_token not in str(caught.value)


@pytest.mark.parametrize("answer", ["html", "empty", "malformed"])
def test_what_is_no_answer_ends_no_grant(harness: Harness, answer: str) -> None:
    refresh_token = connect(harness).credential.refresh_token or ""
    harness.garble("token", answer)  # type: ignore[arg-type]
    with pytest.raises(ProviderUnavailable):
        harness.provider.oauth.refresh(refresh_token)


def test_throttling_says_how_long(harness: Harness) -> None:
    refresh_token = connect(harness).credential.refresh_token or ""
    harness.refuse("token", 429, retry_after=7)
    with pytest.raises(RateLimited) as caught:
        harness.provider.oauth.refresh(refresh_token)
    assert caught.value.retry_after == 7


@pytest.mark.parametrize("status", [429, 500, 503])
def test_no_error_shows_a_token(harness: Harness, status: int) -> None:
    refresh_token = connect(harness).credential.refresh_token or ""
    harness.refuse("token", status)
    with pytest.raises(MailbridgeError) as caught:
        harness.provider.oauth.refresh(refresh_token)
    error: BaseException | None = caught.value
    while error:
        assert refresh_token not in f"{error!r} {vars(error)}"
        error = error.__cause__


def test_revoking_ends_the_grant_and_may_be_done_twice(harness: Harness) -> None:
    refresh_token = connect(harness).credential.refresh_token or ""
    harness.provider.oauth.revoke(refresh_token)
    harness.provider.oauth.revoke(refresh_token)
    if not harness.revokes:
        assert harness.provider.oauth.refresh(refresh_token), "nothing else pretends to be revoked"
        return
    with pytest.raises(GrantRevoked):
        harness.provider.oauth.refresh(refresh_token)
