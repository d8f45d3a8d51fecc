"""AADSTS: the numbers by which Microsoft's login says what went wrong, and the answers made of them."""

import uuid
from typing import Any

from msgspec import Struct

from infra.simulator.http import Refused, Response, json_response


class Sts(Struct, frozen=True):
    """What an AADSTS number means to the token endpoint's caller."""

    error: str
    message: str
    suberror: str = ""
    status: int = 400
    claims: str = ""


_MFA = '{"access_token":{"capolids":{"essential":true,"values":["5a1e3b9c-0000-4000-8000-5d2f3e000001"]}}}'
_STS = {
    "50011": Sts("invalid_request", "The redirect URI specified in the request does not match."),
    "50020": Sts("invalid_grant", "User account from identity provider does not exist in tenant."),
    "50053": Sts("invalid_grant", "The account is locked, you've tried to sign in too many times."),
    "50057": Sts("invalid_grant", "The user account is disabled."),
    "50058": Sts("login_required", "A silent sign-in request was sent but no user is signed in."),
    "50076": Sts(
        "interaction_required",
        "Due to a configuration change made by your administrator, or because you moved to a new "
        "location, you must use multi-factor authentication to access the application.",
        "basic_action",
        claims=_MFA,
    ),
    "50079": Sts(
        "interaction_required",
        "Due to a configuration change made by your administrator, or because you moved to a new "
        "location, you must enroll in multi-factor authentication to access the application.",
        "basic_action",
        claims=_MFA,
    ),
    "50148": Sts("invalid_grant", "The code_verifier does not match the code_challenge."),
    "50173": Sts(
        "invalid_grant",
        "The provided grant has expired due to it being revoked, a fresh auth token is needed. The "
        "user might have changed or reset their password.",
        "bad_token",
    ),
    "50196": Sts(
        "invalid_grant",
        "The server terminated an operation because it encountered a client request loop.",
    ),
    "53003": Sts(
        "invalid_grant",
        "Access has been blocked by Conditional Access policies. The access policy does not allow "
        "token issuance.",
        "message_only",
    ),
    "54005": Sts(
        "invalid_grant",
        "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use "
        "an existing refresh token.",
    ),
    "65001": Sts(
        "invalid_grant",
        "The user or administrator has not consented to use the application. Send an interactive "
        "authorization request for this user and resource.",
        "consent_required",
    ),
    "65004": Sts("access_denied", "User declined to consent to access the app."),
    "70000": Sts("invalid_grant", "Provided grant is invalid or malformed."),
    "70003": Sts("unsupported_grant_type", "The app requested an unsupported grant type."),
    "70007": Sts("unsupported_response_mode", "The value is not supported for 'response_mode'."),
    "70008": Sts(
        "invalid_grant",
        "The provided authorization code or refresh token has expired due to inactivity. Send a new "
        "interactive authorization request for this user and resource.",
    ),
    "70011": Sts(
        "invalid_scope", "The provided value for the input parameter 'scope' is not valid."
    ),
    "70043": Sts(
        "invalid_grant",
        "The refresh token has expired or is invalid due to sign-in frequency checks by conditional "
        "access.",
        "token_expired",
    ),
    "50105": Sts(
        "invalid_grant", "Your administrator has configured the application to block users."
    ),
    "65005": Sts("invalid_resource", "The app is misconfigured for its required resource access."),
    "90033": Sts("temporarily_unavailable", "A transient error has occurred.", status=503),
    "90055": Sts("invalid_request", "The tenant has exceeded the request limit."),
    "90072": Sts(
        "invalid_grant",
        "User account from identity provider does not exist in tenant and cannot access the "
        "application in that tenant. The account needs to be added as an external user first.",
    ),
    "500011": Sts("invalid_resource", "The resource principal was not found in the tenant."),
    "500014": Sts("invalid_resource", "The service principal for resource is disabled."),
    "650051": Sts("invalid_client", "The service principal name is already present."),
    "650052": Sts(
        "invalid_client",
        "The app needs access to a service that your organization has not subscribed to or enabled.",
    ),
    "900941": Sts("consent_required", "An administrator of the tenant has to give consent."),
    "7000112": Sts("unauthorized_client", "Application is disabled."),
    "90002": Sts(
        "invalid_request", "Tenant not found. Check to make sure you have the correct one."
    ),
    "90094": Sts("consent_required", "The grant requires administrator permission."),
    "90099": Sts("invalid_grant", "The application has not been authorized in the tenant."),
    "700016": Sts("unauthorized_client", "Application was not found in the directory."),
    "700082": Sts(
        "invalid_grant",
        "The refresh token has expired due to inactivity. The token was inactive for 90.00:00:00.",
    ),
    "900144": Sts("invalid_request", "The request body must contain a parameter that is missing."),
    "7000215": Sts(
        "invalid_client",
        "Invalid client secret provided. Ensure the secret being sent in the request is the client "
        "secret value, not the client secret ID.",
        status=401,
    ),
    "7000218": Sts(
        "invalid_client",
        "The request body must contain the following parameter: 'client_assertion' or "
        "'client_secret'.",
        status=401,
    ),
    "7000222": Sts("invalid_client", "The provided client secret keys are expired.", status=401),
    "9002313": Sts("invalid_request", "Invalid request. Request is malformed or invalid."),
}
SIGN_IN_ONLY = {"50020", "50053", "50057"}
"""The login page tells these to the user, and the client never hears of them."""


def meaning(number: str) -> Sts:
    """Of a number without its AADSTS; one that is not known here is an invalid_grant."""
    return _STS.get(number) or Sts("invalid_grant", "The grant is not valid.")


def description(number: str, detail: str = "") -> str:
    """The sentence a client and its support get to see."""
    text = f"AADSTS{number}: {meaning(number).message} {detail}".rstrip()
    return f"{text} Trace ID: {uuid.uuid4()} Correlation ID: {uuid.uuid4()}"


def answer(number: str, detail: str = "") -> Response:
    """The token endpoint's answer to AADSTS`number`; `detail` follows its sentence."""
    meant = meaning(number)
    body: dict[str, Any] = {
        "error": meant.error,
        "error_description": description(number, detail),
        "error_codes": [int(number)],
        "trace_id": str(uuid.uuid4()),
        "correlation_id": str(uuid.uuid4()),
        "error_uri": f"https://login.microsoftonline.com/error?code={number}",
    }
    body |= {"suberror": meant.suberror} if meant.suberror else {}
    body |= {"claims": meant.claims} if meant.claims else {}
    return json_response(body, meant.status, Cache_Control="no-store, no-cache")


def failure(status: int, reason: str = "", message: str = "") -> Response:
    """An armed fault's answer: `reason` is an AADSTS number, which brings its own status, or OAuth's word."""
    if reason.isdecimal():
        return answer(reason, message)
    error = reason or ("temporarily_unavailable" if status in {429, 503, 504} else "server_error")
    described = message or f"The service answered {status}."
    body = {"error": error, "error_description": described}
    return json_response(body, status, Cache_Control="no-store, no-cache")


def refuse(number: str, detail: str = "") -> Refused:
    return Refused(answer(number, detail))
