"""What the login server's refusals mean, for people and for programs.

Judged by the AADSTS number first, then by RFC 6749's `error`, never by the text around them.
https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

import re
from collections.abc import Mapping
from typing import Any

from shared.domain.errors import Forbidden, InvalidRequest, MailbridgeError, Party
from shared.providers import refusals
from shared.providers.refusals import (
    Row,
    Table,
    administrator,
    approval,
    operator,
    passing,
    stale,
    user,
    wait,
)

_AGAIN = "connect the mailbox again"
_SECOND_FACTOR = f"The organisation asks for a second factor: {_AGAIN} and confirm."
_UNUSED = f"The consent was not used for too long: {_AGAIN}."
_PASSWORD = f"The password was changed or the consent withdrawn: {_AGAIN}."
_GUEST = "This account is a guest here: sign in with an account of the organisation itself."
_APPROVAL = "An administrator of the organisation has to approve this app first."
_POLICY = "The organisation's access policy does not allow this app to be used like this."
_DEVICE = "The organisation allows this only from a device that it manages."
_ABSENT = (
    "Microsoft's part of this app is missing in the organisation: its administrator has to add it."
)
_LOOP = "Microsoft saw too many requests of the same kind from this installation and asks to wait."
_CLIENT = "Microsoft refuses our client: "
_ASKED = "Microsoft refuses what our client asks for: "

TABLE: Table = {
    # The user, who signs in and consents.
    "AADSTS50020": user("This account belongs to an organisation that this app is not open to."),
    "AADSTS50034": user("There is no such account in the organisation: choose another one."),
    "AADSTS50053": user("The account is locked: its user or an administrator has to unlock it."),
    "AADSTS50055": user(f"The account's password has expired: change it, then {_AGAIN}."),
    "AADSTS50072": user(_SECOND_FACTOR),
    "AADSTS50074": user(_SECOND_FACTOR),
    "AADSTS50076": user(_SECOND_FACTOR),
    "AADSTS50078": user(_SECOND_FACTOR),
    "AADSTS50079": user(_SECOND_FACTOR),
    "AADSTS50158": user(_SECOND_FACTOR),
    "AADSTS50132": stale(_PASSWORD),
    "AADSTS50133": stale(_PASSWORD),
    "AADSTS50173": stale(_PASSWORD),
    "AADSTS54005": stale("Microsoft no longer takes this code: start again."),
    "AADSTS65001": user(f"Nobody has consented to this app's use of the account: {_AGAIN}."),
    "AADSTS70000": stale(f"Microsoft says that the consent no longer holds: {_AGAIN}."),
    "AADSTS70008": stale(_UNUSED),
    "AADSTS70043": stale(f"The organisation asks its users to sign in again: {_AGAIN}."),
    "AADSTS90072": user(_GUEST),
    "AADSTS700082": stale(_UNUSED),
    # The administrator of the account's tenant.
    "AADSTS50057": administrator("The account is disabled: its administrator has to enable it."),
    "AADSTS50105": approval("An administrator has to assign this user to the app first."),
    "AADSTS53000": administrator(_DEVICE),
    "AADSTS53001": administrator(_DEVICE),
    "AADSTS53002": administrator(_POLICY),
    "AADSTS53003": administrator(_POLICY),
    "AADSTS53011": administrator(
        "The organisation blocked this user as a risk: ask its administrator."
    ),
    "AADSTS65005": approval(
        "The app's permissions changed: an administrator has to approve it again."
    ),
    "AADSTS90002": administrator(
        "Microsoft knows no such organisation: its administrator has to look."
    ),
    "AADSTS90094": approval(_APPROVAL),
    "AADSTS90095": approval(_APPROVAL),
    "AADSTS90099": approval(_APPROVAL),
    "AADSTS500011": administrator(_ABSENT),
    "AADSTS500014": administrator(
        "The organisation switched Microsoft's part of this app off: its administrator can enable it."
    ),
    "AADSTS500021": administrator("The organisation's network does not let accounts of others in."),
    "AADSTS500213": administrator(
        "The organisation does not let users of others in, or this one out."
    ),
    "AADSTS530003": administrator(_DEVICE),
    "AADSTS650051": approval(_APPROVAL),
    "AADSTS650052": administrator(
        "The organisation has no subscription for what this app needs: ask its administrator."
    ),
    "AADSTS700016": approval(
        "This app is not in the organisation: an administrator has to approve it."
    ),
    "AADSTS900941": approval(_APPROVAL),
    "AADSTS7000112": administrator(
        "An administrator of the organisation switched this app off and has to switch it on again."
    ),
    # Us, who run this deployment.
    "AADSTS50011": operator(_CLIENT + "the redirect URI is not registered."),
    "AADSTS50194": operator(_CLIENT + "it is registered for one organisation alone."),
    "AADSTS50196": wait(_LOOP, Party.OPERATOR),
    "AADSTS70001": operator(_CLIENT + "it is not known or not allowed."),
    "AADSTS70003": operator(_ASKED + "an unsupported grant."),
    "AADSTS70011": operator(_ASKED + "a scope that is not valid."),
    "AADSTS90014": operator(_ASKED + "a parameter is missing."),
    "AADSTS90023": operator(_ASKED + "a parameter is not valid."),
    "AADSTS650053": operator(_ASKED + "a scope that does not exist."),
    "AADSTS700027": operator(_CLIENT + "its certificate is not valid."),
    "AADSTS900144": operator(_ASKED + "a parameter is missing."),
    "AADSTS7000215": operator(_CLIENT + "its secret is wrong."),
    "AADSTS7000218": operator(_CLIENT + "it showed no secret."),
    "AADSTS7000222": operator(_CLIENT + "its secret has expired."),
    # Nobody: it passes.
    "AADSTS50097": passing("Microsoft's login asks for a device check that passes by itself."),
    "AADSTS90006": passing("Microsoft's login has trouble of its own."),
    "AADSTS90012": passing("Microsoft's login took too long."),
    "AADSTS90033": passing("Microsoft's login has trouble of its own."),
    "AADSTS90051": passing("Microsoft's login has trouble of its own."),
    "AADSTS90055": wait("Microsoft asks this organisation's users to wait."),
}
_WORDS: Table = {
    "consent_required": user(f"Microsoft asks for a new consent: {_AGAIN}."),
    "interaction_required": user(f"Microsoft asks its user to sign in: {_AGAIN}."),
    "invalid_client": operator(_CLIENT + "invalid_client."),
    "invalid_grant": stale(f"Microsoft says that the consent no longer holds: {_AGAIN}."),
    "invalid_request": operator(_ASKED + "invalid_request."),
    "invalid_resource": operator(_ASKED + "invalid_resource."),
    "invalid_scope": operator(_ASKED + "invalid_scope."),
    "login_required": user(f"Microsoft asks its user to sign in: {_AGAIN}."),
    "server_error": passing("Microsoft's login has trouble of its own."),
    "temporarily_unavailable": passing("Microsoft's login has trouble of its own."),
    "unauthorized_client": operator(_CLIENT + "unauthorized_client."),
    "unsupported_grant_type": operator(_ASKED + "unsupported_grant_type."),
}
"""RFC 6749's `error`, where no number that we know says more."""
_UNKNOWN = passing("Microsoft gave no token, for a reason that we do not know.")
_DECLINED = {"AADSTS65004"}
_CODE = re.compile(r"AADSTS\d{4,8}")
_WORD = re.compile(r"[a-z_]{1,40}")

Refusal = Mapping[str, Any]
"""The error document of the token endpoint, or the query that a browser brought back."""


def of_consent(refusal: Refusal) -> MailbridgeError:
    """Why a consent did not come about. `reason` is fit for a URL."""
    code, error = code_of(refusal), _word(refusal)
    if code in TABLE:
        return refusals.of_consent(TABLE[code], code)
    if error == "access_denied" or code in _DECLINED:
        detail = "The consent was declined."
        return Forbidden(detail, reason="access_denied", who_acts=Party.USER)
    if error == "invalid_grant":
        detail = "Microsoft no longer takes this code: start again."
        return InvalidRequest(detail, reason=code or "code_refused")
    if error in _WORDS:
        return refusals.of_consent(_WORDS[error], code or error)
    return InvalidRequest("Microsoft did not give its consent: start again.", reason=code or error)


def of_refresh(refusal: Refusal) -> MailbridgeError:
    """Why there is no new access token. GrantRevoked only on Microsoft's final word."""
    code, error = code_of(refusal), _word(refusal)
    row: Row = TABLE.get(code) or _WORDS.get(error, _UNKNOWN)
    return refusals.of_grant(row, code or error)


def code_of(refusal: Refusal) -> str:
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
