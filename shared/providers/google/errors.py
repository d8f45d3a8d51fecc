"""What Google's answers mean: one table from status and reason to our errors."""

from collections.abc import Iterator, Sequence
from typing import Any

from shared.domain.errors import (
    Concerns,
    ConfigurationError,
    MailboxUnavailable,
    MailbridgeError,
    Missing,
    Party,
    ProviderRejected,
    ProviderUnavailable,
    RateLimited,
)
from shared.providers.fetching import missing_scope, too_large
from shared.providers.http import Answer
from shared.providers.waits import wait

_LATER = {
    "dailyLimitExceeded",
    "rateLimitExceeded",
    "userRateLimitExceeded",
    "quotaExceeded",
    "RATE_LIMIT_EXCEEDED",
}
_OUR_FAULT = {"accessNotConfigured", "SERVICE_DISABLED", "keyInvalid"}
_SCOPE = {"insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}
_PRECONDITION = {"failedPrecondition", "FAILED_PRECONDITION"}
_NO_MAILBOX = "Gmail is not switched on for this account: its administrator has to do that."
_POLICY = "The organisation's policy closes Gmail to apps: its administrator has to allow this one."
_DELEGATION = "Google lets nobody act for this account: its administrator has to allow it."
_PASSING = {408, 409, 425}
"""Refused for the moment, and certainly not done."""
_SHOWN = 300


def error_of(
    answer: Answer, *, missing: Sequence[str] = (), concerns: Concerns = "mailbox"
) -> MailbridgeError:
    """The error that an answer other than 2xx and 401 stands for.

    `missing` are the scopes that the call needs and its user did not grant, `concerns` is what a refusal
    of it is about. What is not Google's own JSON (a proxy's HTML, an empty body) says nothing final, so
    it counts as no answer; but what was refused as too large certainly was.
    """
    reasons, message = _said(answer)
    reason = reasons[0] if reasons else ""
    if answer.status == 413:
        return too_large(reason)
    if answer.status in {404, 405}:
        detail = f"Google does not have it: {message}"
        return Missing(detail, reason=reason or "notFound", concerns=concerns)
    if error := _not_now(answer, reasons, message) or _of_the_mailbox(reasons, message):
        return error
    denied = bool(_SCOPE.intersection(reasons))
    if denied and missing:
        return missing_scope(missing)
    if _OUR_FAULT.intersection(reasons):
        return ConfigurationError(f"Google refuses our project: {message}", reason=reason)
    detail, party = f"Google refused: {message or reason}", Party.ADMINISTRATOR if denied else None
    return ProviderRejected(detail, reason=reason, concerns=concerns, who_acts=party)


def _not_now(answer: Answer, reasons: Sequence[str], message: str) -> MailbridgeError | None:
    """What says nothing final of the thing that was asked for."""
    reason = reasons[0] if reasons else ""
    if answer.status == 429 or (answer.status == 403 and _LATER.intersection(reasons)):
        seconds = _wait(answer, reason, message)
        return RateLimited(f"Google asks to wait: {message}", retry_after=seconds, reason=reason)
    refused = 400 <= answer.status < 500
    if refused and (reasons or message) and answer.status not in _PASSING:
        return None
    detail = f"Google answered {answer.status}."
    return ProviderUnavailable(detail, reason=reason, reached=not refused)


def _of_the_mailbox(reasons: Sequence[str], message: str) -> MailbridgeError | None:
    """What says, whatever was asked, that there is no Gmail for us. One reason says two things, which
    only its sentence tells apart: "Precondition check failed" passes by itself."""
    words = message.lower()
    if _PRECONDITION.intersection(reasons):
        if "not enabled" in words:
            return MailboxUnavailable(_NO_MAILBOX, reason=reasons[0])
        detail = "Google could not do this just now."
        return ProviderUnavailable(detail, reason=reasons[0], reached=False)
    if "domainPolicy" in reasons:
        return MailboxUnavailable(_POLICY, reason="domainPolicy")
    if words.startswith("delegation denied"):
        return MailboxUnavailable(_DELEGATION, reason="delegationDenied")
    return None


def _wait(answer: Answer, reason: str, message: str) -> float | None:
    """Seconds. A 403 is about quota a minute or a day; a 429 without a time may last for hours."""
    named = wait(answer.retry_after, f"{message} {reason}")
    if named is None and answer.status == 403:
        return 3600.0 if reason == "dailyLimitExceeded" else 60.0
    return named


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
