"""One address for all functions: /<function>/… goes to its process, as the cloud's URLs do.

A request goes on when all of it has arrived, so that nobody holds a function's thread by sending
slowly; answers are streamed. What only the cloud's own services may say about a request is taken off,
so that nothing behind the gateway can be fooled by it.
"""

import http.client
import os
import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any
from urllib.parse import urlsplit

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from infra.delivery.invoker import Upstream
from infra.local.arrival import arrived
from infra.processes.ports import HOST
from shared.domain.errors import (
    ConfigurationError,
    FunctionDown,
    InvalidRequest,
    MailbridgeError,
    Misdirected,
    NotFound,
    TimedOut,
)
from shared.web import answers

IDLE_SECONDS = 75
"""After which a connection that says nothing, or takes nothing, is closed."""
_PIECE = 64 * 1024
_ORIGIN = re.compile(r"^[a-z][a-z0-9+.-]*://[^/?#]*", re.IGNORECASE)
"""Of a request to a proxy, which names it too."""
_HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection")
) | {"te", "trailer", "transfer-encoding", "upgrade", "host", "content-length", "expect"}
_FORGEABLE = ("x-cloudtasks-", "x-cloudscheduler", "x-forwarded-", "forwarded", "x-goog-")
_SERVERS_OWN = _HOP_BY_HOP - {"content-length"} | {"date", "server"}


class Gateway:
    """A WSGI application."""

    def __init__(
        self,
        functions: Mapping[str, Upstream],
        pages: Mapping[str, Callable[[Request], Response]],
        hosts: Iterable[str],
    ) -> None:
        """`pages` are the stack's own, by first path segment.

        Only requests that name one of `hosts` are answered: a page of another site could reach us
        under a name of its own (DNS rebinding) and would be let in by the browser.
        """
        self._functions = functions
        self._pages = pages
        self._hosts = frozenset(hosts)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        try:
            response = self._answer(request)
        except MailbridgeError as error:
            response = answers.secured(request, answers.refusal(error))
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if _hostname(request) not in self._hosts:
            detail = f"This stack is served as {' and '.join(sorted(self._hosts))}."
            raise Misdirected(detail, reason="unknown_host")
        name, target = _target(request)
        if upstream := self._functions.get(name):
            with arrived(request) as body:
                return _forward(request, name, upstream, target, body)
        if page := self._pages.get(name):
            with arrived(request) as body:
                return page(_with(request, body))
        detail = f"The functions are {', '.join(self._functions)}."
        raise NotFound(detail, reason="path_not_found")


@contextmanager
def serving(listener: socket.socket, gateway: Gateway) -> Iterator[None]:
    """Serves from threads of its own while the context lasts."""
    port = listener.getsockname()[1]
    server = make_server(
        HOST, port, gateway, threaded=True, request_handler=_Quiet, fd=listener.fileno()
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="gateway")
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet(WSGIRequestHandler):
    timeout = IDLE_SECONDS

    def version_string(self) -> str:
        return "mailbridge"

    def log_request(self, *_args: object) -> None:
        """The functions log what matters."""


def listen(port: int) -> socket.socket:
    """0 takes a free port. Raises ConfigurationError when the port is taken or not allowed."""
    try:
        return socket.create_server((HOST, port), backlog=128)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise ConfigurationError(
            f"Port {port} cannot be used ({reason}); choose another one, as in `PORT=8081 make run`."
        ) from error


def _hostname(request: Request) -> str | None:
    try:
        return urlsplit(f"//{request.host}").hostname
    except ValueError:  # brackets that hold no IPv6 address
        return None


def _target(request: Request) -> tuple[str, str]:
    """The first segment of the path, and the rest of path and query as they were sent. A query may hold
    slashes: Google's redirect does."""
    uri = _ORIGIN.sub("", str(request.environ["REQUEST_URI"]))
    if not uri.isascii():
        raise InvalidRequest("A URL must be percent-encoded.", reason="not_http")
    path, question, query = uri.partition("?")
    name, _, rest = path.lstrip("/").partition("/")
    return name, f"/{rest}{question}{query}"


def _with(request: Request, body: IO[bytes]) -> Request:
    """The same request, whose body is here already."""
    return Request(request.environ | {"wsgi.input": body, "wsgi.input_terminated": True})


def _forward(
    request: Request, name: str, upstream: Upstream, target: str, body: IO[bytes]
) -> Response:
    # A new connection for every request: a kept one can close at the very moment it is used again,
    # and a POST that may have been received must not be repeated.
    connection = http.client.HTTPConnection(HOST, upstream.port(), timeout=upstream.timeout)
    try:
        _send(connection, request, target, body)
        answer = connection.getresponse()
    except BaseException as error:
        connection.close()
        raise _failure(error, name, upstream) from None
    headers = [
        (key, value) for key, value in answer.getheaders() if key.lower() not in _SERVERS_OWN
    ]
    response = Response(_received(answer), answer.status, headers)
    response.call_on_close(answer.close)
    response.call_on_close(connection.close)
    return response


def _failure(error: BaseException, name: str, upstream: Upstream) -> BaseException:
    match error:
        case TimeoutError():
            detail = f"{name} did not answer within {upstream.timeout} seconds."
            return TimedOut(detail, reason="timeout")
        case OSError() | http.client.HTTPException():
            detail = f"{name} is being started again; try once more in a moment."
            return FunctionDown(detail, reason="starting")
    return error


def _send(
    connection: http.client.HTTPConnection, request: Request, target: str, body: IO[bytes]
) -> None:
    connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
    connection.putheader("Host", request.host)
    for name, value in request.headers.items():
        if name.lower() not in _HOP_BY_HOP and not name.lower().startswith(_FORGEABLE):
            connection.putheader(name, value)
    if size := body.seek(0, os.SEEK_END):
        connection.putheader("Content-Length", str(size))
    body.seek(0)
    connection.endheaders(body if size else None)


def _received(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    """As it comes, so that a stream of events is not held back."""
    while piece := answer.read1(_PIECE):
        yield piece
