"""Whether the providers know our redirect URI, as far as they tell a stranger."""

import base64

import pytest

from infra.operate import consents
from infra.operate.findings import Finding, State
from tests.providers.server import Reply, json_reply, serving

CLIENT = "1.apps.googleusercontent.com"
CONSOLE = "https://console.example.com"
URI = "https://functions.example.com/oauth_callback"


def google_consent(reply: Reply) -> Finding:
    with serving(lambda _: reply) as server:
        found = consents.google(CLIENT, URI, server.url, CONSOLE)
        assert "redirect_uri=https%3A%2F%2Ffunctions.example.com" in server.asked[0].target
    return found


def error_page(reason: str) -> Reply:
    """As Google redirects to it: a protobuf whose first field is the reason."""
    protobuf = b"\n" + bytes([len(reason)]) + reason.encode() + b"\x12\x05Sorry"
    error = base64.urlsafe_b64encode(protobuf).decode().rstrip("=")
    target = f"https://accounts.google.com/signin/oauth/error?authError={error}&client_id=1"
    return Reply(302, headers={"Location": target})


def test_a_redirect_uri_that_google_does_not_know_is_to_be_entered() -> None:
    found = google_consent(error_page("redirect_uri_mismatch"))
    assert found.state is State.MEND
    assert URI in found.to_do
    assert CONSOLE in found.to_do


def test_a_client_that_google_does_not_know_is_named() -> None:
    found = google_consent(error_page("invalid_client"))
    assert (found.state, "invalid_client" in found.said) == (State.MEND, True)


def test_a_redirect_uri_that_google_knows_is_ok() -> None:
    target = "https://accounts.google.com/v3/signin/identifier?continue=x"
    assert google_consent(Reply(302, headers={"Location": target})).state is State.OK


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"<html>redirect_uri_mismatch?</html>"),
        Reply(302, headers={"Location": "https://www.google.com/sorry/index"}),
        Reply(429),
        Reply(drop=True),
    ],
)
def test_an_answer_that_tells_nothing_is_not_taken_for_ok(reply: Reply) -> None:
    found = google_consent(reply)
    assert (found.state, URI in found.to_do) == (State.UNKNOWN, True)


@pytest.mark.parametrize("given", ["%00", "!!!", "Cg", "", "AAAA", "CgB4"])
def test_an_error_page_of_any_form_is_no_ok(given: str) -> None:
    target = f"https://accounts.google.com/signin/oauth/error?authError={given}"
    assert google_consent(Reply(302, headers={"Location": target})).state is not State.OK


def test_microsofts_is_for_a_person_to_look_at() -> None:
    found = consents.microsoft(CLIENT, URI, CONSOLE)
    assert (found.state, CONSOLE in found.to_do) == (State.BY_HAND, True)


@pytest.mark.parametrize(("status", "state"), [(200, State.OK), (400, State.MEND)])
def test_a_tenant_is_known_or_not(status: int, state: State) -> None:
    with serving(lambda _: json_reply(status)) as server:
        assert consents.tenant("common", server.url).state is state
