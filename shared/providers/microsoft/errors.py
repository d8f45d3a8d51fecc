"""What Graph's answers mean: one table from status and code to our errors.

https://learn.microsoft.com/graph/errors
"""

import base64
import re
from collections.abc import Sequence
from typing import Any

from shared.domain.errors import (
    Concerns,
    CursorExpired,
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

_UNUSABLE = (
    "Microsoft keeps no mailbox for this account that apps may use: it has no licence, is switched off, "
    "or lies on a server of the organisation's own. Its administrator has to look."
)
_NO_EXCHANGE = (
    "The account's organisation has no mailboxes at Microsoft: choose an account that has one."
)
_NO_ADDRESS = "This account has no mail address at Microsoft: its administrator has to give it one."
_NO_MAILBOX = {
    "ErrorAccountDisabled": (_UNUSABLE, Party.ADMINISTRATOR),
    "ErrorInvalidUser": (_UNUSABLE, Party.ADMINISTRATOR),
    "ErrorMailboxNotFound": (_UNUSABLE, Party.ADMINISTRATOR),
    "ErrorMissingEmailAddress": (_NO_ADDRESS, Party.ADMINISTRATOR),
    "ErrorNonExistentMailbox": (_UNUSABLE, Party.ADMINISTRATOR),
    "MailboxNotEnabledForRESTAPI": (_UNUSABLE, Party.ADMINISTRATOR),
    "MailboxNotSupportedForRESTAPI": (_UNUSABLE, Party.ADMINISTRATOR),
    "OrganizationFromTenantGuidNotFound": (_NO_EXCHANGE, Party.USER),
    "ResourceNotFound": (_UNUSABLE, Party.ADMINISTRATOR),
}
"""Refusals of the whole mailbox, never of one message: the sentence, and who can change it."""
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
_FOR_NOW = {408, 409, 423, 424, 425}
"""Refused for the moment, and certainly not done."""
_SCOPE = {"AccessDenied", "Authorization_RequestDenied", "ErrorAccessDenied", "accessDenied"}
_EXPIRED = re.compile(r"syncstate|resync", re.IGNORECASE)
_CLAIMS = re.compile(r'claims="([A-Za-z0-9+/_=-]+)"')
_SHOWN = 300


def error_of(
    answer: Answer, *, missing: Sequence[str] = (), concerns: Concerns = "mailbox"
) -> MailbridgeError:
    """The error that an answer other than 2xx and 401 stands for.

    `missing` are the scopes that the call needs and its user did not grant, `concerns` is what a refusal
    of it is about. What is not Graph's own JSON (a proxy's HTML, an empty body) says nothing final, so
    it counts as no answer; but what was refused as too large certainly was.
    """
    code, message = _said(answer)
    if answer.status == 413:
        return too_large(code)
    if error := _not_now(answer, code, message):
        return error
    if 400 <= answer.status < 500 and code in _NO_MAILBOX:
        sentence, who_acts = _NO_MAILBOX[code]
        return MailboxUnavailable(sentence, reason=code, who_acts=who_acts)
    if answer.status == 404:
        detail = f"Graph does not have it: {message}"
        return Missing(detail, reason=code or "notFound", concerns=concerns)
    denied = answer.status == 403 and code in _SCOPE
    if denied and missing:
        return missing_scope(missing)
    detail, party = f"Microsoft refused: {message or code}", Party.ADMINISTRATOR if denied else None
    return ProviderRejected(detail, reason=code, concerns=concerns, who_acts=party)


def _not_now(answer: Answer, code: str, message: str) -> MailbridgeError | None:
    """What says nothing final of the thing that was asked for."""
    if _asks_to_wait(answer, code):
        detail = f"Microsoft asks to wait: {message or code}"
        return RateLimited(detail, retry_after=wait(answer.retry_after, message), reason=code)
    if answer.status == 410 or _EXPIRED.search(code):
        detail = "Graph no longer knows what happened since the last sync."
        return CursorExpired(detail, reason=code or "gone")
    refused = 400 <= answer.status < 500 or answer.status == 507
    said = bool(code or message) or answer.status == 404
    if refused and said and code not in _PASSING and answer.status not in _FOR_NOW:
        return None
    return ProviderUnavailable(f"Graph answered {answer.status}.", reason=code, reached=not refused)


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
