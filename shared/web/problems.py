"""Errors as RFC 9457 problem documents: the one table from our error tree to HTTP."""

import math
from datetime import UTC, datetime

from msgspec import Struct, structs

from shared.domain import errors
from shared.domain.errors import FieldError, MailbridgeError


class Reconnect(Struct, frozen=True):
    """The request that leads to a new consent."""

    method: str
    url: str
    body: dict[str, str]


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong (RFC 9457)."""

    type: str
    """What kind of problem it is; it never changes."""
    title: str
    """The kind in words."""
    status: int
    detail: str
    """What to do, in a sentence for people."""
    reason: str = ""
    """A stable word for programs: the provider's code, or ours."""
    errors: tuple[FieldError, ...] = ()
    """All that is wrong with the request, each with where it is."""
    reconnect: Reconnect | None = None
    """How to have the mailbox connected again, where nothing else helps."""
    contact_id: str = ""
    """The contact that has the address already."""
    etag: str = ""
    """The version that there is now, where If-Match named another."""
    allowed: tuple[str, ...] = ()
    """The methods that the path has."""
    quota: str = ""
    """The budget that is used up: user or team."""
    limit: int = 0
    """What may not be exceeded: bytes of a body, or requests a minute."""


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
    _Row(errors.MethodNotAllowed, "method-not-allowed", 405, "Not allowed here", 405),
    _Row(errors.Gone, "gone", 410, "Not there any more"),
    # A transaction that kept losing would win later; acknowledging it would lose the task.
    _Row(errors.PreconditionFailed, "precondition-failed", 412, "Changed meanwhile", 503),
    _Row(errors.Conflict, "conflict", 409, "Not possible in this state"),
    _Row(errors.Busy, "busy", 409, "Somebody is at it"),
    _Row(errors.LeaseLost, "conflict", 409, "Changed meanwhile"),
    _Row(errors.GrantRevoked, "grant-revoked", 409, "The mailbox must be connected again"),
    _Row(errors.MissingScope, "missing-scope", 409, "The mailbox does not allow this"),
    _Row(errors.TooSlow, "too-slow", 408, "Took too long to arrive", 408),
    _Row(errors.TooLarge, "too-large", 413, "Too large", 413),
    _Row(errors.UnsupportedMedia, "unsupported-media-type", 415, "Not JSON", 415),
    _Row(errors.Misdirected, "misdirected", 421, "Not this host", 421),
    _Row(errors.Unprocessable, "unprocessable", 422, "Understood, and not to be done"),
    _Row(errors.PreconditionRequired, "precondition-required", 428, "Say which version you mean"),
    _Row(errors.TooMany, "too-many-requests", 429, "Too many requests"),
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
    _Row(errors.FunctionDown, "function-down", 502, "Not there", 502),
    _Row(errors.TimedOut, "timeout", 504, "Took too long", 504),
    _Row(
        errors.ConfigurationError,
        "configuration",
        500,
        "This installation is not set up",
        task_status=500,
    ),
)
UNEXPECTED = Problem(
    type="urn:mailbridge:unexpected",
    title="Something went wrong here",
    status=500,
    detail="This is our mistake. It is recorded; try again later.",
)


def problem(error: Exception, *, mailbox_id: str = "") -> Problem:
    """`mailbox_id` is the mailbox the request was about, for the way to connect it again."""
    if not isinstance(error, MailbridgeError):
        return UNEXPECTED
    row = _row(error)
    lost_consent = isinstance(error, errors.GrantRevoked | errors.MissingScope)
    known = Problem(
        type=_urn(row.kind),
        title=row.title,
        status=row.status,
        detail=error.detail,
        reason=error.reason,
        errors=error.errors if isinstance(error, errors.InvalidRequest) else (),
        reconnect=_reconnect(mailbox_id) if lost_consent else None,
    )
    return structs.replace(known, **error.facts)


def headers(error: Exception) -> dict[str, str]:
    match error:
        case errors.NotAuthenticated(reason=""):
            return {"WWW-Authenticate": 'Bearer realm="mailbridge"'}
        case errors.NotAuthenticated(reason=reason):
            return {"WWW-Authenticate": f'Bearer realm="mailbridge", error="{reason}"'}
        case errors.MethodNotAllowed(allowed=allowed):
            return {"Allow": ", ".join(allowed)}
    wait = _wait(error)
    return {} if wait is None else {"Retry-After": str(max(1, math.ceil(wait)))}


def _wait(error: Exception) -> float | None:
    """Seconds after which trying again makes sense, None when nobody can tell."""
    match error:
        case errors.RateLimited(retry_after=wait) | errors.TooMany(retry_after=wait):
            return wait
        case errors.Busy(until=until):
            return (until - datetime.now(UTC)).total_seconds()
        case errors.FunctionDown():
            return 1.0
        case errors.ProviderUnavailable():
            return 5.0
    return None


def kinds(*statuses: int) -> list[str]:
    """All values of `type`, or those that come with these statuses."""
    known = [(row.kind, row.status) for row in _TABLE] + [("unexpected", UNEXPECTED.status)]
    return [_urn(name) for name, status in known if not statuses or status in statuses]


def task_status(error: MailbridgeError) -> int:
    return _row(error).task_status


def _row(error: MailbridgeError) -> _Row:
    return next(row for row in _TABLE if isinstance(error, row.error))


def _reconnect(mailbox_id: str) -> Reconnect:
    return Reconnect("POST", "/oauth_start", {"mailbox_id": mailbox_id} if mailbox_id else {})


def _urn(kind: str) -> str:
    return f"urn:mailbridge:{kind}"
