"""What Google's token endpoint and its redirects refuse with, for people and for programs.

Judged by RFC 6749's `error`, with Google's `error_subtype` where there is one; never by the text.
https://developers.google.com/identity/protocols/oauth2/web-server#exchange-errors
"""

import re
from collections.abc import Mapping
from typing import Any

from shared.domain.errors import Forbidden, InvalidRequest, MailbridgeError, Party
from shared.providers import refusals
from shared.providers.http import Answer
from shared.providers.refusals import (
    Table,
    administrator,
    operator,
    passing,
    stale,
    user,
    wait,
)

_CLIENT = "Google refuses our client: "
_SIGN_IN = "The organisation asks its users to sign in again: connect the mailbox again."

TABLE: Table = {
    # The user, who signs in and consents.
    "invalid_grant": stale(
        "Google says that the consent no longer holds: connect the mailbox again."
    ),
    "invalid_rapt": user(_SIGN_IN),
    "rapt_required": user(_SIGN_IN),
    "interaction_required": user("Google asks its user to sign in: connect the mailbox again."),
    "login_required": user("Google asks its user to sign in: connect the mailbox again."),
    # The administrator of the account's domain.
    "access_denied": administrator(
        "Google restricts this account: its administrator has to allow it."
    ),
    "account_disabled": administrator(
        "The account is disabled: its administrator has to enable it."
    ),
    "admin_policy_enforced": administrator(
        "The organisation's policy does not allow this app: its administrator has to trust it."
    ),
    # Us, who run this deployment.
    "deleted_client": operator(_CLIENT + "it was deleted (deleted_client)."),
    "disabled_client": operator(_CLIENT + "it is disabled (disabled_client)."),
    "invalid_client": operator(_CLIENT + "its id or secret is wrong (invalid_client)."),
    "invalid_request": operator(_CLIENT + "its request is not valid (invalid_request)."),
    "invalid_scope": operator(_CLIENT + "a scope is not valid (invalid_scope)."),
    "org_internal": operator(_CLIENT + "it is for its own organisation alone (org_internal)."),
    "redirect_uri_mismatch": operator(
        _CLIENT + "the redirect URI is not registered (redirect_uri_mismatch)."
    ),
    "unauthorized_client": operator(_CLIENT + "it may not do this (unauthorized_client)."),
    "unsupported_grant_type": operator(_CLIENT + "unsupported_grant_type."),
    # Nobody: it passes.
    "internal_failure": passing("Google's login has trouble of its own."),
    "server_error": passing("Google's login has trouble of its own."),
    "temporarily_unavailable": passing("Google's login has trouble of its own."),
    "rate_limit_exceeded": wait("Google asks to wait."),
    "slow_down": wait("Google asks to wait."),
}
_WORD = re.compile(r"[a-z_]{1,40}")


def of_redirect(error: str) -> MailbridgeError:
    """Why the browser came back without a code; there access_denied is the user's own no."""
    if error == "access_denied":
        detail = "The consent was declined."
        return Forbidden(detail, reason="access_denied", who_acts=Party.USER)
    if error in TABLE:
        return refusals.of_consent(TABLE[error], error)
    reason = error if _WORD.fullmatch(error) else "no_code"
    return InvalidRequest("Google's answer holds no code: start again.", reason=reason)


def of_code(answer: Answer) -> MailbridgeError:
    """Why a code gave no tokens."""
    code = code_of(answer)
    if code == "invalid_grant":
        detail = "Google no longer takes this code: start again."
        return InvalidRequest(detail, reason="code_refused")
    return refusals.of_consent(TABLE[code], code) if code else refusals.unanswered(answer, "Google")


def of_grant(answer: Answer) -> MailbridgeError:
    """Why there is no new access token. GrantRevoked only on Google's final word."""
    code = code_of(answer)
    return refusals.of_grant(TABLE[code], code) if code else refusals.unanswered(answer, "Google")


def code_of(answer: Answer) -> str:
    """A code of TABLE; "" when this says nothing that is known, or nothing final: a 429 or a 5xx."""
    if answer.status == 429 or answer.status >= 500:
        return ""
    said: Mapping[str, Any] = answer.json()
    words = (said.get("error_subtype"), said.get("error"))
    return next((word for word in words if isinstance(word, str) and word in TABLE), "")
