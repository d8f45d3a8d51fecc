"""What Google's answers mean."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import msgspec
import pytest

from shared.domain.errors import (
    Concerns,
    ConfigurationError,
    MailboxUnavailable,
    Missing,
    MissingScope,
    Party,
    ProviderRejected,
    ProviderUnavailable,
    RateLimited,
)
from shared.providers.google.errors import error_of
from shared.providers.http import Answer


def answer(
    status: int, reason: str = "", message: str = "Words.", wait: float | None = None
) -> Answer:
    error = {"code": status, "message": message, "errors": [{"reason": reason}] if reason else []}
    return raw(status, msgspec.json.encode({"error": error}), wait)


def raw(status: int, body: bytes, wait: float | None = None) -> Answer:
    return Answer(status=status, content_type="text/plain", retry_after=wait, body=body)


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (400, "failedPrecondition", ProviderUnavailable),
        (409, "aborted", ProviderUnavailable),
        (400, "invalidArgument", ProviderRejected),
        (403, "domainPolicy", MailboxUnavailable),
        (403, "insufficientPermissions", ProviderRejected),
        (403, "accessNotConfigured", ConfigurationError),
        (403, "rateLimitExceeded", RateLimited),
        (403, "userRateLimitExceeded", RateLimited),
        (403, "dailyLimitExceeded", RateLimited),
        (404, "notFound", Missing),
        (429, "rateLimitExceeded", RateLimited),
        (429, "", RateLimited),
        (413, "uploadTooLarge", ProviderRejected),
        (500, "backendError", ProviderUnavailable),
        (503, "", ProviderUnavailable),
        (302, "", ProviderUnavailable),
    ],
)
def test_status_and_reason_decide(status: int, reason: str, kind: type[Exception]) -> None:
    error = error_of(answer(status, reason))
    assert type(error) is kind
    if isinstance(error, ProviderRejected) and reason:
        assert error.reason == reason


def test_the_newer_form_of_an_error_is_understood() -> None:
    details = [{"@type": "…ErrorInfo", "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]
    body = {"error": {"message": "No.", "status": "PERMISSION_DENIED", "details": details}}
    error = error_of(raw(403, msgspec.json.encode(body)), missing=("a",))
    assert isinstance(error, MissingScope)
    assert error.scopes == ("a",)


def test_a_refusal_is_believed_only_as_far_as_a_scope_is_missing() -> None:
    lacking = error_of(answer(403, "insufficientPermissions"), missing=("a",))
    assert isinstance(lacking, MissingScope)
    for concerns in get_args(Concerns):
        refused = error_of(answer(403, "insufficientPermissions"), concerns=concerns)
        assert type(refused) is ProviderRejected
        assert refused.concerns == concerns
        assert "Words." in refused.detail, "what Google said"


@pytest.mark.parametrize(
    ("status", "reason", "message"),
    [
        (400, "failedPrecondition", "Mail service not enabled"),
        (400, "FAILED_PRECONDITION", "Mail service not enabled."),
        (403, "forbidden", "Delegation denied for ana@example.com"),
        (403, "domainPolicy", "The domain administrators have disabled Gmail apps."),
    ],
)
def test_an_account_without_gmail_is_told_so(status: int, reason: str, message: str) -> None:
    error = error_of(answer(status, reason, message), concerns="item")
    assert isinstance(error, MailboxUnavailable)
    assert (error.concerns, error.who_acts) == ("mailbox", Party.ADMINISTRATOR)
    assert "@" not in error.detail


def test_a_precondition_that_passes_by_itself_was_certainly_not_met() -> None:
    error = error_of(answer(400, "failedPrecondition", "Precondition check failed."))
    assert isinstance(error, ProviderUnavailable)
    assert not error.reached


@pytest.mark.parametrize(
    "body", [b"<html>Request Entity Too Large", b"", b'{"error": {"message": "x"}}']
)
def test_what_is_too_large_is_so_whoever_says_it(body: bytes) -> None:
    assert type(error_of(raw(413, body))) is ProviderRejected


@pytest.mark.parametrize(
    ("status", "reached"), [(400, False), (408, False), (500, True), (302, True)]
)
def test_only_what_may_have_been_done_is_ambiguous(status: int, reached: bool) -> None:
    error = error_of(raw(status, b"<html>"))
    assert isinstance(error, ProviderUnavailable)
    assert error.reached is reached


@pytest.mark.parametrize("body", [b"", b"<html>Error 403", b"[]", b'{"error": ', b'{"error": []}'])
@pytest.mark.parametrize("status", [400, 403, 500])
def test_what_google_did_not_say_is_not_final(status: int, body: bytes) -> None:
    assert isinstance(error_of(raw(status, body)), ProviderUnavailable)


def test_a_wait_is_taken_from_the_header() -> None:
    error = error_of(answer(429, wait=7.0))
    assert isinstance(error, RateLimited)
    assert error.retry_after == 7


def test_a_wait_is_taken_from_the_sentence() -> None:
    until = (datetime.now(UTC) + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    error = error_of(answer(429, message=f"User-rate limit exceeded.  Retry after {until}"))
    assert isinstance(error, RateLimited)
    assert 7_000 < (error.retry_after or 0) <= 7_200


@pytest.mark.parametrize("status", [403, 429])
def test_a_daily_quota_is_asked_for_again_in_an_hour(status: int) -> None:
    message = "Quota exceeded for quota metric 'Queries' and limit 'Queries per day' of service."
    error = error_of(answer(status, "rateLimitExceeded", message))
    assert isinstance(error, RateLimited)
    assert error.retry_after == 3600


@pytest.mark.parametrize("status", [403, 429])
def test_a_time_in_the_sentence_counts_whatever_the_status(status: int) -> None:
    until = (datetime.now(UTC) + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    error = error_of(
        answer(
            status, "userRateLimitExceeded", f"User-rate limit exceeded.  Retry after {until}", 1
        )
    )
    assert isinstance(error, RateLimited)
    assert 7_000 < (error.retry_after or 0) <= 7_200


def test_a_quota_a_minute_is_waited_for_and_a_bare_429_leaves_it_open() -> None:
    quota, bare = error_of(answer(403, "rateLimitExceeded")), error_of(answer(429))
    assert isinstance(quota, RateLimited)
    assert quota.retry_after == 60
    assert isinstance(bare, RateLimited)
    assert bare.retry_after is None


def test_a_long_message_is_cut() -> None:
    assert len(str(error_of(answer(400, "x", "long " * 1_000)))) < 400
