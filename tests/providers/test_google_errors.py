"""What Google's answers mean."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from shared.domain.errors import (
    ConfigurationError,
    MissingScope,
    ProviderRejected,
    ProviderUnavailable,
    RateLimited,
)
from shared.providers.fetching import Missing
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
        (400, "failedPrecondition", ProviderRejected),
        (400, "invalidArgument", ProviderRejected),
        (403, "domainPolicy", ProviderRejected),
        (403, "insufficientPermissions", MissingScope),
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
    error = error_of(raw(403, msgspec.json.encode(body)), scopes=("a",))
    assert isinstance(error, MissingScope)
    assert error.scopes == ("a",)


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


def test_a_quota_a_minute_is_waited_for_and_a_bare_429_leaves_it_open() -> None:
    quota, bare = error_of(answer(403, "rateLimitExceeded")), error_of(answer(429))
    assert isinstance(quota, RateLimited)
    assert quota.retry_after == 60
    assert isinstance(bare, RateLimited)
    assert bare.retry_after is None


def test_a_long_message_is_cut() -> None:
    assert len(str(error_of(answer(400, "x", "long " * 1_000)))) < 400
