"""A request's body, whole and in time, before anybody works for it."""

import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import IO

from werkzeug.exceptions import ClientDisconnected
from werkzeug.wrappers import Request

from shared.domain.errors import InvalidRequest, TooLarge, TooSlow

MAX_BODY = 32 * 1024 * 1024
"""Bytes; Cloud Run takes no larger requests either."""
BODY_SECONDS = 10.0
"""In which a body has to arrive, and a second more for each MiB beyond the first."""
_MIB = 1024 * 1024
_PIECE = 64 * 1024


@contextmanager
def arrived(request: Request) -> Iterator[IO[bytes]]:
    """The whole body, to be read from its beginning. A body that takes too long is cut off where it
    stands: no read can wait longer, however few bytes come how often."""
    length = request.environ.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal():
        raise InvalidRequest("Content-Length must be a number.", reason="not_http")
    seconds = BODY_SECONDS + min(int(length[:12]), MAX_BODY) // _MIB
    late = threading.Event()
    with tempfile.SpooledTemporaryFile(_MIB) as body:
        if int(length[:12]) or request.environ.get("wsgi.input_terminated"):
            with _after(seconds, partial(_cut_off, request, late)):
                _receive(request, body, late)
        body.seek(0)
        yield body


def _receive(request: Request, body: IO[bytes], late: threading.Event) -> None:
    try:
        while piece := request.stream.read(_PIECE):
            body.write(piece)
            if body.tell() > MAX_BODY:
                raise TooLarge(f"A request may have at most {MAX_BODY:,} bytes.", limit=MAX_BODY)
    except (ClientDisconnected, OSError):
        if not late.is_set():
            detail = "The request's body ended early, or its chunks are malformed."
            raise InvalidRequest(detail, reason="not_http") from None
    if late.is_set():
        raise TooSlow("The request's body did not arrive in time.", reason="too_slow")


def _cut_off(request: Request, late: threading.Event) -> None:
    late.set()
    with suppress(OSError):  # closed meanwhile
        request.environ["werkzeug.socket"].shutdown(socket.SHUT_RD)


@contextmanager
def _after(seconds: float, action: Callable[[], None]) -> Iterator[None]:
    timer = threading.Timer(seconds, action)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
