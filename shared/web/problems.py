"""Errors as RFC 9457 problem documents: the one table from our error tree to HTTP."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime

from msgspec import Struct

from shared.domain import errors
from shared.domain.errors import FieldError, MailbridgeError


class Reconnect(Struct, frozen=True):
    """The request that leads to a new consent."""

    method: str
    url: str
    body: dict[str, str]


class Problem(Struct, frozen=True, omit_defaults=True):
    """`type` never changes; `detail` says what to do; `errors` point into the request."""

    type: str
    title: str
    status: int
    detail: str
    reason: str = ""
    """A stable word for programs: the provider's code, or ours."""
    errors: tuple[FieldError, ...] = ()
    reconnect: Reconnect | None = None


class HttpError(Exception):
    """What only HTTP knows: no such path, method, media type …"""

    def __init__(
        self, kind: str, status: int, title: str, detail: str, headers: Mapping[str, str] = {}
    ) -> None:
        super().__init__(detail)
        self.problem = Problem(_urn(kind), title, status, detail)
        self.headers = headers


class _Row(Struct, frozen=True):
    error: type[MailbridgeError]
    kind: str
    status: int
    """For people's requests."""
    title: str
    task_status: int = 200
    """For tasks: 200 acknowledges, all else is tried again, and slows the whole queue down."""


# The first row whose error fits.
_TABLE = (
    _Row(errors.InvalidRequest, "invalid-request", 400, "The request is not valid"),
    _Row(errors.NotAuthenticated, "not-authenticated", 401, "Sign in first"),
    _Row(errors.Forbidden, "forbidden", 403, "Not allowed"),
    _Row(errors.NotFound, "not-found", 404, "Not found"),
    # A transaction that kept losing would win later; acknowledging it would lose the task.
    _Row(errors.PreconditionFailed, "conflict", 409, "Changed meanwhile", task_status=503),
    _Row(errors.Conflict, "conflict", 409, "Not possible in this state"),
    _Row(errors.Busy, "busy", 409, "Somebody is at it"),
    _Row(errors.GrantRevoked, "grant-revoked", 409, "The mailbox must be connected again"),
    _Row(errors.MissingScope, "missing-scope", 409, "The mailbox does not allow this"),
    _Row(errors.RateLimited, "rate-limited", 429, "The provider asks to wait"),
    _Row(
        errors.ProviderUnavailable,
        "provider-unavailable",
        503,
        "The provider does not answer",
        task_status=503,
    ),
    _Row(errors.CursorExpired, "cursor-expired", 503, "The mailbox is being listed again"),
    _Row(errors.MailboxUnavailable, "mailbox-unavailable", 409, "There is no mailbox to work with"),
    _Row(errors.ProviderRejected, "provider-rejected", 502, "The provider refused"),
    _Row(
        errors.ConfigurationError,
        "configuration",
        500,
        "This installation is not set up",
        task_status=500,
    ),
)
UNEXPECTED = Problem(
    "urn:mailbridge:unexpected",
    "Something went wrong here",
    500,
    "This is our mistake. It is recorded; try again later.",
)


def problem(error: MailbridgeError, *, mailbox_id: str = "") -> Problem:
    """`mailbox_id` is the mailbox the request was about, for the way to connect it again."""
    row = _row(error)
    lost_consent = isinstance(error, errors.GrantRevoked | errors.MissingScope)
    return Problem(
        type=_urn(row.kind),
        title=row.title,
        status=row.status,
        detail=error.detail,
        reason=error.reason,
        errors=error.errors if isinstance(error, errors.InvalidRequest) else (),
        reconnect=_reconnect(mailbox_id) if lost_consent else None,
    )


def headers(error: MailbridgeError) -> dict[str, str]:
    match error:
        case errors.NotAuthenticated(reason=""):
            return {"WWW-Authenticate": 'Bearer realm="mailbridge"'}
        case errors.NotAuthenticated(reason=reason):
            return {"WWW-Authenticate": f'Bearer realm="mailbridge", error="{reason}"'}
        case errors.RateLimited(retry_after=float() | int() as seconds):
            return {"Retry-After": str(max(1, math.ceil(seconds)))}
        case errors.Busy(until=until):
            seconds = (until - datetime.now(UTC)).total_seconds()
            return {"Retry-After": str(max(1, math.ceil(seconds)))}
    return {}


def task_status(error: MailbridgeError) -> int:
    return _row(error).task_status


def _row(error: MailbridgeError) -> _Row:
    return next(row for row in _TABLE if isinstance(error, row.error))


def _reconnect(mailbox_id: str) -> Reconnect:
    return Reconnect("POST", "/oauth_start", {"mailbox_id": mailbox_id} if mailbox_id else {})


def _urn(kind: str) -> str:
    return f"urn:mailbridge:{kind}"
