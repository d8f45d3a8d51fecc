"""What the login server's refusals mean, for people and for programs.

Judged by RFC 6749's `error` and by the AADSTS number, never by the text around it.
https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

import re
from collections.abc import Mapping
from typing import Any

from shared.domain.errors import (
    AdminApprovalNeeded,
    ConfigurationError,
    Forbidden,
    GrantRevoked,
    InvalidRequest,
    MailbridgeError,
    ProviderUnavailable,
    RateLimited,
)

_APPROVAL = "An administrator of the organisation has to approve this app first."
_SECOND_FACTOR = "The organisation asks for a second factor: connect the mailbox again and confirm."
_UNUSED = "The consent was not used for too long: connect the mailbox again."
_MEANING = {
    "AADSTS50020": "This account belongs to an organisation that this app is not open to.",
    "AADSTS50034": "There is no such account in the organisation.",
    "AADSTS50053": "The account is locked: its user or an administrator has to unlock it.",
    "AADSTS50055": "The account's password has expired: change it, then connect the mailbox again.",
    "AADSTS50057": "The account is disabled: its administrator has to enable it.",
    "AADSTS50076": _SECOND_FACTOR,
    "AADSTS50079": _SECOND_FACTOR,
    "AADSTS50105": "An administrator has to assign this user to the app first.",
    "AADSTS50158": _SECOND_FACTOR,
    "AADSTS50173": "The password was changed or the consent withdrawn: connect the mailbox again.",
    "AADSTS53000": "The organisation allows this only from a device that it manages.",
    "AADSTS53003": "The organisation's access policy does not allow this app to be used like this.",
    "AADSTS65001": _APPROVAL,
    "AADSTS70008": _UNUSED,
    "AADSTS70043": "The organisation asks its users to sign in again: connect the mailbox again.",
    "AADSTS90094": _APPROVAL,
    "AADSTS90095": _APPROVAL,
    "AADSTS90099": _APPROVAL,
    "AADSTS700082": _UNUSED,
}
_ADMINISTRATORS = {
    "AADSTS50105",
    "AADSTS65001",
    "AADSTS90094",
    "AADSTS90095",
    "AADSTS90099",
}
_OF_OLD_GRANTS = {"AADSTS50173", "AADSTS70008", "AADSTS70043", "AADSTS700082"}
_DECLINED = {"AADSTS65004"}
_WAIT = {"AADSTS50196", "AADSTS90055"}
"""Too many requests, said without a 429: a loop of ours, a tenant's limit."""
_PASSING = {"AADSTS90006", "AADSTS90033", "AADSTS90051", "AADSTS50097"}
_MISCONFIGURED = {"AADSTS7000215", "AADSTS7000222", "AADSTS7000218", "AADSTS50194", "AADSTS50011"}
_OURS = {
    "invalid_client",
    "invalid_request",
    "invalid_resource",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
}
_ENDED = {"consent_required", "interaction_required", "invalid_grant", "login_required"}
_CODE = re.compile(r"AADSTS\d{4,8}")
_WORD = re.compile(r"[a-z_]{1,40}")

Refusal = Mapping[str, Any]
"""The error document of the token endpoint, or the query that a browser brought back."""


def of_consent(refusal: Refusal) -> MailbridgeError:
    """Why a consent did not come about. `reason` is fit for a URL."""
    code, error = _code(refusal), _word(refusal)
    if trouble := _not_the_users(code, error):
        return trouble
    if code in _MEANING and code not in _OF_OLD_GRANTS:
        return Forbidden(_MEANING[code], reason=code)
    if error == "access_denied" or code in _DECLINED:
        return Forbidden("The consent was declined.", reason="access_denied")
    if error in _ENDED:
        detail = "Microsoft no longer takes this code: start again."
        return InvalidRequest(detail, reason=code or "code_refused")
    return InvalidRequest("Microsoft did not give its consent: start again.", reason=code or error)


def of_refresh(refusal: Refusal) -> MailbridgeError:
    """Why there is no new access token. GrantRevoked only on Microsoft's final word."""
    code, error = _code(refusal), _word(refusal)
    if trouble := _not_the_users(code, error):
        return trouble
    if error in _ENDED:
        detail = "Microsoft says that the consent no longer holds: connect the mailbox again."
        kind = AdminApprovalNeeded if code in _ADMINISTRATORS else GrantRevoked
        return kind(_MEANING.get(code, detail), reason=code or error)
    return ProviderUnavailable("Microsoft gave no token.", reason=code or error)


def _not_the_users(code: str, error: str) -> MailbridgeError | None:
    reason = code or error
    if code in _WAIT:
        return RateLimited("Microsoft asks to wait.", reason=reason)
    if code in _PASSING or error in {"server_error", "temporarily_unavailable"}:
        return ProviderUnavailable("Microsoft's login has trouble of its own.", reason=reason)
    if code in _MISCONFIGURED or (error in _OURS and code not in _MEANING):
        return ConfigurationError(f"Microsoft refuses our client: {reason}.", reason=reason)
    return None


def _code(refusal: Refusal) -> str:
    """ "AADSTS50173", "" when none was given."""
    found = _CODE.search(str(refusal.get("error_description") or ""))
    numbers = refusal.get("error_codes")
    number = numbers[0] if isinstance(numbers, list) and numbers else None
    if isinstance(number, int):
        return f"AADSTS{number}"
    return found[0] if found else ""


def _word(refusal: Refusal) -> str:
    error = str(refusal.get("error") or "")
    return error if _WORD.fullmatch(error) else "refused"
