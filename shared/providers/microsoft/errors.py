"""What Graph's answers mean: one table from status and code to our errors.

https://learn.microsoft.com/graph/errors
"""

import base64
import re
from typing import Any

from shared.domain.errors import (
    CursorExpired,
    MailbridgeError,
    MissingScope,
    ProviderRejected,
    ProviderUnavailable,
    RateLimited,
)
from shared.providers.fetching import Missing
from shared.providers.http import Answer

MAILBOX_WIDE = {
    "ErrorAccountDisabled",
    "ErrorMailboxNotFound",
    "ErrorNonExistentMailbox",
    "MailboxNotEnabledForRESTAPI",
    "MailboxNotSupportedForRESTAPI",
}
"""Refusals of the whole mailbox (no licence, still on a server of their own), never of one message."""
_LATER = {
    "ApplicationThrottled",
    "ErrorExceededMessageLimit",
    "ErrorMessageThrottled",
    "ErrorSubmissionQuotaExceeded",
    "ErrorTooManyObjectsOpened",
    "MailboxConcurrency",
    "TooManyRequests",
}
_PASSING = {
    "ErrorInternalServerTransientError",
    "ErrorMailboxMoveInProgress",
    "ErrorMailboxStoreUnavailable",
    "ErrorServerBusy",
    "ErrorTimeoutExpired",
    "MailboxInfoStale",
}
_SCOPE = {"AccessDenied", "Authorization_RequestDenied", "ErrorAccessDenied", "accessDenied"}
_EXPIRED = re.compile(r"syncstate|resync", re.IGNORECASE)
_CLAIMS = re.compile(r'claims="([A-Za-z0-9+/_=-]+)"')
_SHOWN = 300


def error_of(answer: Answer, *, scopes: tuple[str, ...] = ()) -> MailbridgeError:
    """The error that an answer other than 2xx and 401 stands for.

    `scopes` are those the call needs. What is not Graph's own JSON (a proxy's HTML, an empty body)
    says nothing final, so it counts as no answer.
    """
    code, message = _said(answer)
    if _asks_to_wait(answer, code):
        detail = f"Microsoft asks to wait: {message or code}"
        return RateLimited(detail, retry_after=answer.retry_after, reason=code)
    if answer.status == 410 or _EXPIRED.search(code):
        detail = "Graph no longer knows what happened since the last sync."
        return CursorExpired(detail, reason=code or "gone")
    if answer.status == 404 and code not in MAILBOX_WIDE:
        return Missing(f"Graph does not have it: {message}", reason=code or "notFound")
    full = answer.status == 507
    if code in _PASSING or not (code or message) or not (400 <= answer.status < 500 or full):
        return ProviderUnavailable(f"Graph answered {answer.status}.", reason=code)
    if answer.status == 403 and code in _SCOPE:
        return MissingScope("The user did not allow this when connecting.", scopes=scopes)
    return ProviderRejected(f"Microsoft refused: {message or code}", reason=code)


def claims_of(answer: Answer) -> str:
    """The JSON of a claims challenge in WWW-Authenticate, "" when there is none.

    https://learn.microsoft.com/entra/identity-platform/claims-challenge
    """
    found = _CLAIMS.search(answer.challenge)
    if found is None:
        return ""
    try:
        return base64.urlsafe_b64decode(_padded(found[1])).decode()
    except ValueError:
        return ""


def _padded(value: str) -> str:
    value = value.translate(str.maketrans("+/", "-_")).rstrip("=")
    return value + "=" * (-len(value) % 4)


def _asks_to_wait(answer: Answer, code: str) -> bool:
    """A 503 that names a time is throttling too; without one it is an outage."""
    timed = answer.status in {503, 504} and answer.retry_after is not None
    return answer.status == 429 or timed or (400 <= answer.status < 500 and code in _LATER)


def _said(answer: Answer) -> tuple[str, str]:
    """The code of the error document, "" where there is none, and its message."""
    error: Any = answer.json().get("error")
    if not isinstance(error, dict):
        return "", str(error or "")[:_SHOWN]
    return str(error.get("code") or "")[:_SHOWN], str(error.get("message") or "")[:_SHOWN]
