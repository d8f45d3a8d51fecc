"""What leaves: JSON, problem documents, redirects; and the headers that every answer carries."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct, structs
from werkzeug.wrappers import Request, Response

from shared.config import Settings
from shared.domain.errors import MailbridgeError
from shared.web import idempotency, problems
from shared.web.problems import Problem

_SAFE = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_HARMLESS = {"application/pdf", "image/png", "image/jpeg", "image/gif", "image/webp"}
"""Types that a file is sent as; all others are bytes and nothing more."""
_YEAR = 365 * 24 * 3600
_CORS_REQUEST = f"Authorization, Content-Type, If-Match, {idempotency.HEADER}"
_CORS_ANSWER = (
    "Allow, Content-Disposition, ETag, Location, RateLimit, RateLimit-Policy, Retry-After, "
    f"WWW-Authenticate, {idempotency.REPLAYED}"
)


class Redirect(Struct, frozen=True):
    url: str


class Content(Struct, frozen=True):
    """An answer that is no JSON of a Struct."""

    body: bytes
    kind: str
    """Its media type."""
    headers: Mapping[str, str] = {}
    """Instead of those that answers have by default, or besides."""


class Stream(Struct, frozen=True):
    """An answer of any length, sent piece by piece."""

    pieces: Iterator[bytes]
    kind: str
    """Its media type."""
    headers: Mapping[str, str] = {}


def of(result: Any, status: int) -> Response:
    """What a handler returned, as an answer."""
    match result:
        case None:
            return Response(status=204)
        case Redirect(url=url):
            return Response(status=303, headers={"Location": url})
        case Content(body=body, kind=kind, headers=headers):
            return Response(body, status, headers, content_type=kind)
        case Stream(pieces=pieces, kind=kind, headers=headers):
            return Response(pieces, status, headers, content_type=kind)
    response = _json(result, status, "application/json")
    if etag := getattr(result, "etag", ""):
        response.set_etag(etag)
    return response


def refusal(error: Exception, *, mailbox_id: str = "") -> Response:
    """The problem document of any error; `mailbox_id` is the mailbox the request was about."""
    problem = problems.problem(error, mailbox_id=mailbox_id)
    return _problem(problem, problems.headers(error))


def judged(error: MailbridgeError) -> Response:
    """To a queue: acknowledged, or to be tried again."""
    status = problems.task_status(error)
    if status == 200:
        return Response(status=200)
    return _problem(structs.replace(problems.problem(error), status=status))


def secured(request: Request, response: Response) -> Response:
    """With what keeps browsers from doing more with it than is meant; an answer may say otherwise."""
    for name, value in _SAFE.items():
        response.headers.setdefault(name, value)
    if "https" in {request.scheme, request.headers.get("X-Forwarded-Proto")}:
        response.headers["Strict-Transport-Security"] = f"max-age={_YEAR}"
    return response


def cross_origin(request: Request, settings: Settings) -> dict[str, str]:
    """CORS, for a CRM in the browser: the allowed origins and nobody else. Tokens, no cookies."""
    origin = request.headers.get("Origin", "")
    if origin not in settings.allowed_origins:
        return {"Vary": "Origin"}
    granted = {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": _CORS_ANSWER,
    }
    if request.method == "OPTIONS":
        granted |= {
            "Access-Control-Allow-Methods": "GET, POST, PATCH, PUT, DELETE",
            "Access-Control-Allow-Headers": _CORS_REQUEST,
            "Access-Control-Max-Age": "600",
        }
    return granted


def file(name: str, kind: str, pieces: Iterator[bytes], *, inline: bool = False) -> Stream:
    """A stranger's file, which a browser saves and never runs; `inline` is for pictures alone."""
    place = "inline" if inline else "attachment"
    headers = {
        "Content-Disposition": f"{place}; filename*=UTF-8''{quote(name or 'file', safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    }
    return Stream(
        pieces, kind if inline or kind in _HARMLESS else "application/octet-stream", headers
    )


def _problem(problem: Problem, headers: Mapping[str, str] = {}) -> Response:
    return _json(problem, problem.status, "application/problem+json", headers)


def _json(value: object, status: int, kind: str, headers: Mapping[str, str] = {}) -> Response:
    return Response(msgspec.json.encode(value), status, headers, content_type=kind)
