"""What Graph's answers mean."""

import base64
from typing import get_args

import msgspec
import pytest

from shared.domain.errors import (
    Concerns,
    CursorExpired,
    MailboxUnavailable,
    Missing,
    MissingScope,
    Party,
    ProviderRejected,
    ProviderUnavailable,
    RateLimited,
)
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
        (403, "ErrorAccountSuspend", None, ProviderRejected),
        (403, "ErrorAccessDenied", None, ProviderRejected),
        (403, "Authorization_RequestDenied", None, ProviderRejected),
        (404, "ErrorItemNotFound", None, Missing),
        (404, "", None, Missing),
        (404, "MailboxNotEnabledForRESTAPI", None, MailboxUnavailable),
        (400, "MailboxNotEnabledForRESTAPI", None, MailboxUnavailable),
        (404, "MailboxNotSupportedForRESTAPI", None, MailboxUnavailable),
        (404, "OrganizationFromTenantGuidNotFound", None, MailboxUnavailable),
        (404, "ResourceNotFound", None, MailboxUnavailable),
        (404, "ErrorInvalidUser", None, MailboxUnavailable),
        (400, "ErrorMissingEmailAddress", None, MailboxUnavailable),
        (404, "ErrorNonExistentMailbox", None, MailboxUnavailable),
        (404, "MailboxInfoStale", None, ProviderUnavailable),
        (400, "MailboxInfoStale", None, ProviderUnavailable),
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
        (424, "FailedDependency", None, ProviderUnavailable),
        (409, "ErrorIrresolvableConflict", None, ProviderUnavailable),
    ],
)
def test_status_and_code_decide(
    status: int, code: str, wait: float | None, kind: type[Exception]
) -> None:
    error = error_of(answer(status, code, wait))
    assert type(error) is kind
    if isinstance(error, ProviderRejected) and code:
        assert error.reason == code
    if isinstance(error, RateLimited):
        assert error.retry_after == wait


@pytest.mark.parametrize("code", ["ErrorAccessDenied", "AccessDenied", "accessDenied"])
def test_a_refusal_is_believed_only_as_far_as_a_scope_is_missing(code: str) -> None:
    lacking = error_of(answer(403, code), missing=("Mail.Read",))
    assert isinstance(lacking, MissingScope)
    assert lacking.scopes == ("Mail.Read",)
    for concerns in get_args(Concerns):
        refused = error_of(answer(403, code), concerns=concerns)
        assert type(refused) is ProviderRejected
        assert (refused.concerns, refused.reason) == (concerns, code)
        assert "Words." in refused.detail, "what Microsoft said"


def test_who_has_no_mailbox_is_told_who_can_change_that() -> None:
    for code, party in (
        ("MailboxNotEnabledForRESTAPI", Party.ADMINISTRATOR),
        ("OrganizationFromTenantGuidNotFound", Party.USER),
    ):
        error = error_of(answer(404, code), concerns="item")
        assert isinstance(error, MailboxUnavailable)
        assert (error.who_acts, error.concerns) == (party, "mailbox")


@pytest.mark.parametrize(
    "body", [b"<html>Request Entity Too Large", b"", b'{"error": {"code": "x"}}']
)
def test_what_is_too_large_is_so_whoever_says_it(body: bytes) -> None:
    error = error_of(raw(413, body))
    assert type(error) is ProviderRejected
    assert error.reason in {"too_large", "x"}


@pytest.mark.parametrize(
    ("status", "reached"), [(400, False), (408, False), (500, True), (302, True)]
)
def test_only_what_may_have_been_done_is_ambiguous(status: int, reached: bool) -> None:
    error = error_of(raw(status, b"<html>"))
    assert isinstance(error, ProviderUnavailable)
    assert error.reached is reached


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
