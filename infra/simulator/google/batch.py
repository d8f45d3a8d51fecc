"""Batches: up to 100 calls in one multipart/mixed request, answered one by one."""

import re
import secrets
from collections.abc import Callable, Iterator

from infra.simulator.google import errors
from infra.simulator.http import Request, Response, Route, request

PATH = "/batch/gmail/v1"
MOST = 100
_BOUNDARY = re.compile(r"multipart/mixed.*?;\s*boundary=(?:\"([^\"]+)\"|([^\s;]+))", re.IGNORECASE)
_BLANK = re.compile(rb"\r?\n\r?\n")
_PHRASES = {200: "OK", 204: "No Content", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden"}


class Batch:
    def __init__(self, call: Callable[[Request], Response], who: Callable[[Request], str]) -> None:
        """`call` answers one item; whatever it refuses, the other items go on."""
        self._call = call
        self._who = who

    def routes(self) -> list[Route]:
        return [Route("POST", PATH, "gmail.batch", self._answer, self._who, errors.api)]

    def _answer(self, outer: Request) -> Response:
        items = list(_items(outer))
        if len(items) > MOST:
            message = (
                f"The batch request contains {len(items)} calls, more than the limit of {MOST}."
            )
            raise errors.refuse(400, "badRequest", message)
        boundary = f"batch_{secrets.token_urlsafe(24)}"
        parts = [_part(boundary, content_id, self._call(item)) for content_id, item in items]
        body = b"".join([*parts, f"--{boundary}--\r\n".encode()])
        return Response(200, body, f"multipart/mixed; boundary={boundary}")


def _items(outer: Request) -> Iterator[tuple[str, Request]]:
    """Content-ID and call of each item. Raises Refused for a body that is no batch."""
    match = _BOUNDARY.match(outer.headers.get("content-type", ""))
    if not match:
        raise errors.refuse(400, "badRequest", "Failed to parse batch request: no boundary.")
    delimiter = b"--" + (match[1] or match[2]).encode("latin-1", "replace")
    pieces = (b"\r\n" + outer.body).split(b"\n" + delimiter)
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            return
        yield _item(piece, outer)
    if len(pieces) == 1:
        raise errors.refuse(400, "badRequest", "Failed to parse batch request: no parts.")


def _item(piece: bytes, outer: Request) -> tuple[str, Request]:
    head, inner = _cut(piece.lstrip(b"\r\n"))
    start, body = _cut(inner.lstrip(b"\r\n"))
    line, _, fields = start.partition(b"\n")
    words = line.decode("latin-1").split()
    if len(words) < 2:
        raise errors.refuse(400, "badRequest", "Failed to parse batch request: no request line.")
    headers = _fields(fields)
    headers.setdefault("authorization", outer.headers.get("authorization", ""))
    return _fields(head).get("content-id", ""), request(
        words[0].upper(), words[1], headers, body.strip()
    )


def _cut(data: bytes) -> tuple[bytes, bytes]:
    parts = _BLANK.split(data, maxsplit=1)
    return parts[0], parts[1] if len(parts) > 1 else b""


def _fields(block: bytes) -> dict[str, str]:
    pairs = (line.partition(":") for line in block.decode("latin-1").splitlines())
    return {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}


def _part(boundary: str, content_id: str, response: Response) -> bytes:
    lines = [f"--{boundary}", "Content-Type: application/http"]
    if content_id:
        # <x> comes back as <response-x>.
        lines.append(
            f"Content-ID: {re.sub(r'^<?', lambda m: m.group() + 'response-', content_id, count=1)}"
        )
    lines += ["", f"HTTP/1.1 {response.status} {_PHRASES.get(response.status, 'Error')}"]
    lines.append(f"Content-Type: {response.content_type}")
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    lines += [f"Content-Length: {len(response.body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace") + response.body + b"\r\n"
