"""Every code that a login refuses with: who has to act, and what becomes of a grant and of a consent."""

from collections.abc import Mapping

import msgspec
import pytest

from shared.domain.errors import (
    AdminApprovalNeeded,
    ConfigurationError,
    Forbidden,
    GrantRevoked,
    InvalidRequest,
    MailbridgeError,
    Party,
    ProviderUnavailable,
    RateLimited,
)
from shared.providers.google import refusals as google
from shared.providers.http import Answer
from shared.providers.microsoft import refusals as microsoft

Kind = type[MailbridgeError]
USER, ADMINISTRATOR, OPERATOR, NOBODY = Party

SIGN_IN = (USER, GrantRevoked, Forbidden)
STALE = (USER, GrantRevoked, InvalidRequest)
BLOCKED = (ADMINISTRATOR, GrantRevoked, Forbidden)
APPROVAL = (ADMINISTRATOR, AdminApprovalNeeded, Forbidden)
OURS = (OPERATOR, ConfigurationError, ConfigurationError)
WAIT = (NOBODY, RateLimited, RateLimited)
PASSING = (NOBODY, ProviderUnavailable, ProviderUnavailable)

MICROSOFT: Mapping[str, tuple[Party, Kind, Kind]] = {
    "AADSTS50011": OURS,
    "AADSTS50020": SIGN_IN,
    "AADSTS50034": SIGN_IN,
    "AADSTS50053": SIGN_IN,
    "AADSTS50055": SIGN_IN,
    "AADSTS50057": BLOCKED,
    "AADSTS50072": SIGN_IN,
    "AADSTS50074": SIGN_IN,
    "AADSTS50076": SIGN_IN,
    "AADSTS50078": SIGN_IN,
    "AADSTS50079": SIGN_IN,
    "AADSTS50097": PASSING,
    "AADSTS50105": APPROVAL,
    "AADSTS50132": STALE,
    "AADSTS50133": STALE,
    "AADSTS50158": SIGN_IN,
    "AADSTS50173": STALE,
    "AADSTS50194": OURS,
    "AADSTS50196": (OPERATOR, RateLimited, RateLimited),
    "AADSTS53000": BLOCKED,
    "AADSTS53001": BLOCKED,
    "AADSTS53002": BLOCKED,
    "AADSTS53003": BLOCKED,
    "AADSTS53011": BLOCKED,
    "AADSTS54005": STALE,
    "AADSTS65001": SIGN_IN,
    "AADSTS65005": APPROVAL,
    "AADSTS70000": STALE,
    "AADSTS70001": OURS,
    "AADSTS70003": OURS,
    "AADSTS70008": STALE,
    "AADSTS70011": OURS,
    "AADSTS70043": STALE,
    "AADSTS90002": BLOCKED,
    "AADSTS90006": PASSING,
    "AADSTS90012": PASSING,
    "AADSTS90014": OURS,
    "AADSTS90023": OURS,
    "AADSTS90033": PASSING,
    "AADSTS90051": PASSING,
    "AADSTS90055": WAIT,
    "AADSTS90072": SIGN_IN,
    "AADSTS90094": APPROVAL,
    "AADSTS90095": APPROVAL,
    "AADSTS90099": APPROVAL,
    "AADSTS500011": BLOCKED,
    "AADSTS500014": BLOCKED,
    "AADSTS500021": BLOCKED,
    "AADSTS500213": BLOCKED,
    "AADSTS530003": BLOCKED,
    "AADSTS650051": APPROVAL,
    "AADSTS650052": BLOCKED,
    "AADSTS650053": OURS,
    "AADSTS700016": APPROVAL,
    "AADSTS700027": OURS,
    "AADSTS700082": STALE,
    "AADSTS900144": OURS,
    "AADSTS900941": APPROVAL,
    "AADSTS7000112": BLOCKED,
    "AADSTS7000215": OURS,
    "AADSTS7000218": OURS,
    "AADSTS7000222": OURS,
}
GOOGLE: Mapping[str, tuple[Party, Kind, Kind]] = {
    "invalid_grant": STALE,
    "invalid_rapt": SIGN_IN,
    "rapt_required": SIGN_IN,
    "interaction_required": SIGN_IN,
    "login_required": SIGN_IN,
    "access_denied": BLOCKED,
    "account_disabled": BLOCKED,
    "admin_policy_enforced": BLOCKED,
    "deleted_client": OURS,
    "disabled_client": OURS,
    "invalid_client": OURS,
    "invalid_request": OURS,
    "invalid_scope": OURS,
    "org_internal": OURS,
    "redirect_uri_mismatch": OURS,
    "unauthorized_client": OURS,
    "unsupported_grant_type": OURS,
    "internal_failure": PASSING,
    "server_error": PASSING,
    "temporarily_unavailable": PASSING,
    "rate_limit_exceeded": WAIT,
    "slow_down": WAIT,
}


def test_every_code_of_the_tables_is_tested_here() -> None:
    assert set(MICROSOFT) == set(microsoft.TABLE)
    assert set(GOOGLE) == set(google.TABLE)


@pytest.mark.parametrize("error", ["invalid_grant", "unauthorized_client", "interaction_required"])
@pytest.mark.parametrize("code", MICROSOFT)
def test_microsofts_number_decides_whatever_the_word_beside_it(code: str, error: str) -> None:
    party, of_grant, of_consent = MICROSOFT[code]
    number = int(code.removeprefix("AADSTS"))
    refusal = {
        "error": error,
        "error_description": f"{code}: Words. Trace ID: x",
        "error_codes": [number],
    }
    for refused, kind in (
        (microsoft.of_refresh(refusal), of_grant),
        (microsoft.of_consent(refusal), of_consent),
        (microsoft.of_refresh({"error": error, "error_description": f"{code}: No."}), of_grant),
    ):
        assert_told(refused, kind, party, code)


@pytest.mark.parametrize("code", GOOGLE)
def test_googles_word_decides_whatever_the_status(code: str) -> None:
    party, of_grant, of_consent = GOOGLE[code]
    said = {"error": code, "error_description": "Words."}
    if "rapt" in code:  # as Google says it: a subtype of the word for everything
        said |= {"error": "invalid_grant", "error_subtype": code}
    for status in (400, 401, 403):
        answer = Answer(status, "application/json", None, msgspec.json.encode(said))
        assert_told(google.of_grant(answer), of_grant, party, code)
        refused = google.of_code(answer)
        assert_told(refused, of_consent, party, "code_refused" if code == "invalid_grant" else code)


def assert_told(refused: MailbridgeError, kind: Kind, party: Party, reason: str) -> None:
    assert type(refused) is kind
    assert refused.reason == reason
    assert "AADSTS" not in refused.detail
    assert len(refused.detail.split()) >= 4, "a sentence"
    if kind is not InvalidRequest:
        assert refused.who_acts is party


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("code", ["invalid_grant", "invalid_client"])
def test_a_word_beside_a_status_that_passes_is_not_final(code: str, status: int) -> None:
    body = msgspec.json.encode({"error": code})
    refused = google.of_grant(Answer(status, "application/json", 7.0, body))
    assert type(refused) is (RateLimited if status == 429 else ProviderUnavailable)
    assert refused.who_acts is NOBODY


def test_a_no_on_the_consent_page_is_the_users_own() -> None:
    for refused in (
        google.of_redirect("access_denied"),
        microsoft.of_consent({"error": "access_denied", "error_description": "AADSTS65004: No."}),
    ):
        assert_told(refused, Forbidden, USER, "access_denied")


@pytest.mark.parametrize("error", ["<script>", "", "x" * 99])
def test_a_word_of_a_strangers_own_is_not_repeated(error: str) -> None:
    assert error == "" or error not in google.of_redirect(error).reason
    assert error == "" or error not in microsoft.of_consent({"error": error}).reason
