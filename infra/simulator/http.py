"""A small HTTP/1.1 server: keep-alive, gzip, bounded bodies, connections dropped on purpose."""

import gzip
import http.client
import re
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, cast
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
from msgspec import Struct, field

MAX_BODY = 64 * 1024 * 1024
"""A mail of 36,700,160 bytes is 49 MB as base64url in JSON."""
JSON = "application/json; charset=UTF-8"
_LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", re.ASCII | re.IGNORECASE)


class Dropped(Exception):
    """The connection is to be closed without an answer."""


class Refused(Exception):
    """An answer that ends the handling of a request."""

    def __init__(self, response: "Response") -> None:
        super().__init__(response.status)
        self.response = response


class Request(Struct):
    """`headers` are keyed by lower-case name; `query` keeps every value of a repeated name."""

    method: str
    path: str
    query: dict[str, list[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    args: dict[str, str] = field(default_factory=dict)
    """What the route's pattern captured, percent-decoded."""
    target: str = ""
    """Path and query as they came."""

    def param(self, name: str, default: str = "") -> str:
        values = self.query.get(name)
        return values[0] if values else default

    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True)


class Response(Struct):
    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


def request(
    method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> Request:
    """From a request line's parts; `target` is the path with its query, or an absolute URL."""
    parts = urlsplit(target)
    query = parse_qs(parts.query, keep_blank_values=True) if parts.query else {}
    return Request(method, parts.path, query, headers or {}, body, target=target)


def json_response(value: object, status: int = 200, **headers: str) -> Response:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(status, msgspec.json.encode(value), headers=named)


class Route(Struct, frozen=True):
    """One call of an API.

    `path` is a template, "/gmail/v1/users/{user}/messages/{id}"; `name` is what faults and counters
    know it by, "gmail.messages.get".
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    name: str
    handle: Callable[[Request], Response]
    who: Callable[[Request], str] = lambda _: ""
    """The account a request acts for, "" if unknown: for counters and faults. Never raises."""
    failure: Callable[[int, str, str], Response] = lambda status, reason, message: json_response(
        {"error": reason or message or http.client.responses.get(status, "error")}, status
    )
    """The vendor's own error answer for a status, a reason and a sentence ("" lets the vendor choose)."""

    endless: Callable[[Request, str], Response] = lambda *_: json_response(
        {"error": "no list"}, 501
    )
    """A page of a list that holds nothing and goes on behind a token."""

    hold: Callable[[Request], AbstractContextManager[object]] = lambda _: nullcontext()
    """What a request occupies from its arrival to its answer. Entering it raises Refused when full."""

    def pattern(self) -> re.Pattern[str]:
        """Of a template every odd piece is a name; the rest stands for itself, "$batch" included."""
        pieces = enumerate(re.split(r"{(\w+)}", self.path))
        return re.compile(
            "".join(f"(?P<{piece}>[^/]+)" if i % 2 else re.escape(piece) for i, piece in pieces)
        )


class Router:
    def __init__(self, routes: list[Route]) -> None:
        self._routes = [(route.pattern(), route) for route in routes]

    def find(self, request: Request) -> Route | None:
        """The route of a request, whose `args` it fills in. Raises Refused (405) for another method."""
        allowed = []
        for pattern, route in self._routes:
            if not (match := pattern.fullmatch(request.path)):
                continue
            if route.method == request.method:
                request.args = {name: unquote(text) for name, text in match.groupdict().items()}
                return route
            allowed.append(route.method)
        if allowed:
            raise Refused(
                json_response({"error": "method not allowed"}, 405, Allow=", ".join(allowed))
            )
        return None


class Server:
    """Serves on 127.0.0.1 from threads of its own until `stop`, which leaves none behind."""

    def __init__(self, answer: Callable[[Request], Response], port: int = 0) -> None:
        """Raises OSError when the port is taken. 0 takes a free one."""
        self._listener = _Listener(("127.0.0.1", port), _Handler)
        self._listener.answer = answer
        self._thread = threading.Thread(
            target=self._listener.serve_forever, args=(0.02,), name="simulator"
        )

    @property
    def port(self) -> int:
        return self._listener.server_address[1]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._listener.shutdown()
        self._thread.join()
        self._listener.hang_up()
        self._listener.server_close()

    def again(self) -> "Server":
        """Another one, at the port of this one, which is stopped."""
        return Server(self._listener.answer, self.port)


class _Listener(ThreadingHTTPServer):
    daemon_threads = False  # server_close() then waits for every thread
    request_queue_size = 128
    answer: Callable[[Request], Response]

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Idle keep-alive connections would otherwise hold their threads."""
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # the other side was first

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; anything else is a bug and is printed."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 240
    """Idle seconds after which a connection is closed, as Google's front end does."""

    def _serve(self) -> None:
        try:
            response = self._answer()
        except Refused as refused:
            response = refused.response
        except Dropped:
            self.close_connection = True
            return
        except Exception:  # a bug of ours: seen by whoever runs it, and answered all the same
            traceback.print_exc()
            response = json_response({"error": "the simulator failed"}, 500)
        self._send(response)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

    def _answer(self) -> Response:
        # Another site's page could reach us under a name of its own (DNS rebinding).
        if not _LOOPBACK.fullmatch(self.headers.get("Host", "")):
            raise Refused(json_response({"error": "only served as 127.0.0.1 or localhost"}, 403))
        headers = {name.lower(): text for name, text in self.headers.items()}
        body = self._body(headers)
        answer = cast("_Listener", self.server).answer
        return answer(request(self.command, self.path, headers, body))

    def _body(self, headers: Mapping[str, str]) -> bytes:
        length = headers.get("content-length", "0")
        problem = 0
        if "transfer-encoding" in headers:
            problem = 411
        elif not (length.isascii() and length.isdecimal()):
            problem = 400
        elif int(length) > MAX_BODY:
            problem = 413
        if problem:
            self.close_connection = True  # the body stays unread
            raise Refused(json_response({"error": http.client.responses[problem]}, problem))
        return self.rfile.read(int(length))

    def _send(self, response: Response) -> None:
        headers = {"Content-Type": response.content_type, "Vary": "Origin"} | response.headers
        body = response.body
        if len(body) > 500 and self._gzip():
            body = gzip.compress(body, 1, mtime=0)
            headers["Content-Encoding"] = "gzip"
        head = [f"HTTP/1.1 {response.status} {http.client.responses.get(response.status, '')}"]
        head += [f"{name}: {text}" for name, text in headers.items()]
        head.append(f"Date: {self.date_time_string()}")
        if response.status != 204:  # RFC 9110 8.6: a 204 has no length
            head.append(f"Content-Length: {len(body)}")
        if self.close_connection:
            head.append("Connection: close")
        start = ("\r\n".join(head) + "\r\n\r\n").encode("latin-1", "replace")
        self.wfile.write(start + body)  # in one piece: two would wait for each other's ACK

    def _gzip(self) -> bool:
        """Google compresses only for clients that say gzip in their User-Agent as well."""
        accepts = "gzip" in self.headers.get("Accept-Encoding", "")
        return accepts and "gzip" in self.headers.get("User-Agent", "")

    def log_message(self, format: str, *args: object) -> None:
        """Silent: whoever wants to know what was called reads the counters."""
