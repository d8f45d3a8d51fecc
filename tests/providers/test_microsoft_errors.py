"""What Graph's answers mean."""

import base64

import msgspec
import pytest

from shared.domain.errors import (
    CursorExpired,
    MissingScope,
    ProviderRejected,
    ProviderUnavailable,
    RateLimited,
)
from shared.providers.fetching import Missing
from shared.providers.http import Answer
from shared.providers.microsoft.errors import claims_of, error_of


def answer(status: int, code: str = "", wait: float | None = None) -> Answer:
    body = msgspec.json.encode({"error": {"code": code, "message": "Words."}} if code else {})
    return raw(status, body, wait)


def raw(status: int, body: bytes, wait: float | None = None, challenge: str = "") -> Answer:
    return Answer(status=status, content_type="", retry_after=wait, body=body, challenge=challenge)


@pytest.mark.parametrize(
    ("status", "code", "wait", "kind"),
    [
        (400, "ErrorInvalidRecipients", None, ProviderRejected),
        (400, "ErrorInvalidIdMalformed", None, ProviderRejected),
        (403, "ErrorSendAsDenied", None, ProviderRejected),
        (403, "ErrorAccessDenied", None, MissingScope),
        (403, "Authorization_RequestDenied", None, MissingScope),
        (404, "ErrorItemNotFound", None, Missing),
        (404, "", None, Missing),
        (404, "MailboxNotEnabledForRESTAPI", None, ProviderRejected),
        (404, "ErrorNonExistentMailbox", None, ProviderRejected),
        (404, "MailboxInfoStale", None, Missing),
        (410, "SyncStateNotFound", None, CursorExpired),
        (410, "", None, CursorExpired),
        (400, "SyncStateInvalid", None, CursorExpired),
        (404, "ErrorSyncStateNotFound", None, CursorExpired),
        (410, "resyncRequired", None, CursorExpired),
        (413, "ErrorMessageSizeExceeded", None, ProviderRejected),
        (429, "ApplicationThrottled", 7.0, RateLimited),
        (429, "", None, RateLimited),
        (403, "ErrorSubmissionQuotaExceeded", None, RateLimited),
        (503, "ErrorServerBusy", 30.0, RateLimited),
        (504, "UnknownError", 30.0, RateLimited),
        (503, "ErrorServerBusy", None, ProviderUnavailable),
        (409, "ErrorMailboxMoveInProgress", None, ProviderUnavailable),
        (500, "ErrorInternalServerError", None, ProviderUnavailable),
        (502, "", None, ProviderUnavailable),
        (507, "ErrorQuotaExceeded", None, ProviderRejected),
        (302, "", None, ProviderUnavailable),
        (424, "", None, ProviderUnavailable),
    ],
)
def test_status_and_code_decide(
    status: int, code: str, wait: float | None, kind: type[Exception]
) -> None:
    error = error_of(answer(status, code, wait), scopes=("Mail.Read",))
    assert type(error) is kind
    if isinstance(error, ProviderRejected) and code:
        assert error.reason == code
    if isinstance(error, MissingScope):
        assert error.scopes == ("Mail.Read",)
    if isinstance(error, RateLimited):
        assert error.retry_after == wait


@pytest.mark.parametrize("body", [b"", b"<html>Error 403", b"[]", b'{"error": ', b'{"error": []}'])
@pytest.mark.parametrize("status", [400, 403, 500])
def test_what_graph_did_not_say_is_not_final(status: int, body: bytes) -> None:
    assert isinstance(error_of(raw(status, body)), ProviderUnavailable)


CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1604106651"}},"x":"ÿ?>"}'


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("padding", ["", "="])
def test_a_claims_challenge_is_read_in_every_spelling(encode: object, padding: str) -> None:
    assert callable(encode)
    encoded = encode(CLAIMS.encode()).decode().rstrip("=") + padding
    challenge = f'Bearer realm="", error="insufficient_claims", claims="{encoded}"'
    assert claims_of(raw(401, b"", challenge=challenge)) == CLAIMS


@pytest.mark.parametrize(
    "challenge", ["", "Bearer", 'Bearer claims="%%%"', 'Bearer claims="/w=="', 'Bearer claims="A"']
)
def test_what_is_no_challenge_asks_for_nothing(challenge: str) -> None:
    assert claims_of(raw(401, b"", challenge=challenge)) == ""
