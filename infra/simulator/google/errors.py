"""Google's error answers: the JSON of its APIs and, other than that, the JSON of its OAuth endpoints."""

from typing import Any

from infra.simulator.http import Refused, Response, json_response

_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_REASON = {
    400: "invalidArgument",
    401: "authError",
    403: "rateLimitExceeded",
    404: "notFound",
    413: "uploadTooLarge",
    429: "rateLimitExceeded",
    503: "backendError",
}
_MESSAGE = {
    "rateLimitExceeded": "Rate Limit Exceeded",
    "userRateLimitExceeded": "User Rate Limit Exceeded",
    "dailyLimitExceeded": "Daily Limit Exceeded",
    "domainPolicy": "The domain administrators have disabled Gmail apps.",
    "failedPrecondition": "Mail service not enabled",
    "insufficientPermissions": "Request had insufficient authentication scopes.",
    "authError": "Request had invalid authentication credentials. Expected OAuth 2 access token, "
    "login cookie or other valid authentication credential.",
    "notFound": "Requested entity was not found.",
    "backendError": "Service unavailable. Please try again",
    "internalError": "Internal error encountered.",
}
_USAGE = {"rateLimitExceeded", "userRateLimitExceeded", "dailyLimitExceeded", "quotaExceeded"}
_REALM = 'Bearer realm="https://accounts.google.com/"'


def api(status: int, reason: str = "", message: str = "") -> Response:
    """An answer of Gmail's. The reason decides the domain and, without `message`, the words."""
    reason = reason or _REASON.get(status, "internalError")
    message = message or _MESSAGE.get(reason, "Internal error encountered.")
    domain = "usageLimits" if reason in _USAGE else "global"
    item: dict[str, Any] = {"message": message, "domain": domain, "reason": reason}
    headers = {}
    if status == 401:
        item |= {
            "message": "Invalid Credentials",
            "location": "Authorization",
            "locationType": "header",
        }
        headers["WWW_Authenticate"] = f'{_REALM}, error="invalid_token"'
    if reason == "insufficientPermissions":
        item["message"] = "Insufficient Permission"
        headers["WWW_Authenticate"] = f'{_REALM}, error="insufficient_scope"'
    body = {"code": status, "message": message, "errors": [item], "status": _status(status, reason)}
    return json_response({"error": body}, status, **headers)


def _status(status: int, reason: str) -> str:
    if reason == "failedPrecondition":
        return "FAILED_PRECONDITION"
    return _STATUS.get(status, "UNKNOWN")


def refuse(status: int, reason: str = "", message: str = "") -> Refused:
    return Refused(api(status, reason, message))


def invalid(message: str) -> Refused:
    return refuse(400, message=message)


_OAUTH = {
    "access_denied": "Account restricted",
    "admin_policy_enforced": "Access to your account data is restricted by policies within your "
    "organization.",
    "deleted_client": "The OAuth client was deleted.",
    "disabled_client": "The OAuth client was disabled.",
    "invalid_rapt": "reauth related error (invalid_rapt)",
    "org_internal": "This client is restricted to users within its organization.",
    "rapt_required": "reauth related error (rapt_required)",
}


def oauth(status: int, reason: str = "", description: str = "") -> Response:
    """An answer of the token endpoints (RFC 6749 5.2). Reauthentication is a subtype of invalid_grant."""
    error = reason or ("internal_failure" if status >= 500 else "invalid_request")
    description = description or _OAUTH.get(error, "")
    body = {"error": error} | ({"error_description": description} if description else {})
    if "rapt" in error:
        body |= {"error": "invalid_grant", "error_subtype": error}
    return json_response(body, status, Cache_Control="no-store")


def refuse_oauth(status: int, reason: str, description: str = "") -> Refused:
    return Refused(oauth(status, reason, description))
