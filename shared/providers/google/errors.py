"""What Google's answers mean: one table from status and reason to our errors."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from shared.domain.errors import (
    ConfigurationError,
    MailbridgeError,
    MissingScope,
    ProviderRejected,
    ProviderUnavailable,
    RateLimited,
)
from shared.mime import headers
from shared.providers.fetching import Missing
from shared.providers.http import Answer

_LATER = {
    "dailyLimitExceeded",
    "rateLimitExceeded",
    "userRateLimitExceeded",
    "quotaExceeded",
    "RATE_LIMIT_EXCEEDED",
}
_OUR_FAULT = {"accessNotConfigured", "SERVICE_DISABLED", "keyInvalid"}
_SCOPE = {"insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}
MAILBOX_WIDE = {"failedPrecondition", "FAILED_PRECONDITION", "domainPolicy"}
"""Refusals of the whole mailbox (Gmail switched off, policy), never of one message."""
_UNTIL = re.compile(r"[Rr]etry after (\d{4}-[\d:.TZ-]+)")
_SHOWN = 300


def error_of(answer: Answer, *, scopes: tuple[str, ...] = ()) -> MailbridgeError:
    """The error that an answer other than 2xx and 401 stands for.

    `scopes` are those the call needs. What is not Google's own JSON (a proxy's HTML, an empty body)
    says nothing final, so it counts as no answer.
    """
    reasons, message = _said(answer)
    reason = reasons[0] if reasons else ""
    if answer.status in {404, 405}:
        return Missing(f"Google does not have it: {message}", reason=reason or "notFound")
    if answer.status == 429 or (answer.status == 403 and _LATER.intersection(reasons)):
        wait = _wait(answer, reason, message)
        return RateLimited(f"Google asks to wait: {message}", retry_after=wait, reason=reason)
    if not 400 <= answer.status < 500 or not (reasons or message):
        return ProviderUnavailable(f"Google answered {answer.status}.", reason=reason)
    if _SCOPE.intersection(reasons):
        return MissingScope("The user did not allow this when connecting.", scopes=scopes)
    if _OUR_FAULT.intersection(reasons):
        return ConfigurationError(f"Google refuses our project: {message}", reason=reason)
    return ProviderRejected(f"Google refused: {message or reason}", reason=reason)


def _wait(answer: Answer, reason: str, message: str) -> float | None:
    """Seconds. A 403 is about quota a minute or a day; a 429 without a time may last for hours."""
    if answer.retry_after is not None:
        return answer.retry_after
    if answer.status == 403:
        return 3600.0 if reason == "dailyLimitExceeded" else 60.0
    return _until(message)


def _said(answer: Answer) -> tuple[list[str], str]:
    """Every reason of the error document, Gmail's classic word first, and its message."""
    error = answer.json().get("error")
    if not isinstance(error, dict):
        return [], str(error or "")[:_SHOWN]
    reasons = [*_reasons(error.get("errors")), *_reasons(error.get("details"))]
    if isinstance(error.get("status"), str):
        reasons.append(error["status"])
    return reasons, str(error.get("message") or "")[:_SHOWN]


def _reasons(entries: Any) -> Iterator[str]:
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("reason"), str):
            yield entry["reason"]


def _until(message: str) -> float | None:
    """Gmail's sending limit names its end only within the sentence."""
    found = _UNTIL.search(message)
    moment = headers.parse_date(found[1]) if found else None
    return max(1.0, (moment - datetime.now(UTC)).total_seconds()) if moment else None
