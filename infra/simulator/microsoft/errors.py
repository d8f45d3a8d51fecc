"""Graph's error answers."""

import base64
import uuid

from infra.simulator.http import Refused, Response, json_response

_CODE = {
    400: "ErrorInvalidRequest",
    401: "InvalidAuthenticationToken",
    403: "ErrorAccessDenied",
    404: "ErrorItemNotFound",
    409: "ErrorIrresolvableConflict",
    410: "SyncStateNotFound",
    413: "RequestEntityTooLarge",
    424: "FailedDependency",
    429: "ApplicationThrottled",
    500: "ErrorInternalServerError",
    502: "BadGateway",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
}
_MESSAGE = {
    "ErrorInvalidRequest": "The request is invalid.",
    "InvalidAuthenticationToken": "Lifetime validation failed, the token is expired.",
    "ErrorAccessDenied": "Access is denied. Check credentials and try again.",
    "ErrorItemNotFound": "The specified object was not found in the store.",
    "SyncStateNotFound": "The sync state generation is not found.",
    "resyncRequired": "Resynchronization is required.",
    "FailedDependency": "The dependency of this request failed.",
    "ApplicationThrottled": "Application is over its MailboxConcurrency limit.",
    "MailboxConcurrency": "Application is over its MailboxConcurrency limit.",
    "TooManyRequests": "Too many requests.",
    "MailboxNotEnabledForRESTAPI": "The mailbox is either inactive, soft-deleted, or is hosted "
    "on-premise.",
    "insufficient_claims": "Continuous access evaluation resulted in challenge with result: "
    "InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp",
}
GRAPH = "00000003-0000-0000-c000-000000000000"
_REALM = (
    'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
    f'client_id="{GRAPH}"'
)
ANY_CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}'
"""What a challenge asks for when no account says otherwise: an armed fault's."""


def graph(status: int, reason: str = "", message: str = "") -> Response:
    """An answer of Graph's. `reason` is its code; "insufficient_claims" makes a claims challenge."""
    if reason == "insufficient_claims":
        return challenge(ANY_CLAIMS)
    code = reason or _CODE.get(status, "UnknownError")
    message = message or _MESSAGE.get(code, "An internal server error occurred.")
    headers = {"WWW_Authenticate": _REALM} if status == 401 else {}
    return _answer(status, code, message, **headers)


def challenge(claims: str) -> Response:
    """Continuous access evaluation: the token is good for nothing until these claims are met."""
    encoded = base64.b64encode(claims.encode()).decode()
    header = f'{_REALM}, error="insufficient_claims", claims="{encoded}"'
    message = _MESSAGE["insufficient_claims"]
    return _answer(401, "InvalidAuthenticationToken", message, WWW_Authenticate=header)


def _answer(status: int, code: str, message: str, **headers: str) -> Response:
    request_id = str(uuid.uuid4())
    inner = {"request-id": request_id, "client-request-id": request_id}
    error = {"code": code, "message": message, "innerError": inner}
    return json_response({"error": error}, status, request_id=request_id, **headers)


def refuse(status: int, reason: str = "", message: str = "") -> Refused:
    return Refused(graph(status, reason, message))


def invalid(code: str, message: str) -> Refused:
    return refuse(400, code, message)
