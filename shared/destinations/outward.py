"""Requests to addresses that strangers chose: out to the public internet, and nowhere else.

A name is resolved once, every address of it is looked at, and the connection goes to one of those that
were looked at: whoever answers the next question for the name differently gains nothing. Redirects are
not followed, proxies are not asked, and all of an exchange ends within ten seconds.
"""

import http.client
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Timer
from time import monotonic
from urllib.parse import urlsplit

from msgspec import Struct

from shared.config import LOOPBACK
from shared.domain import networks, urls
from shared.domain.errors import InvalidRequest

SECONDS = 10.0
ANSWER_BYTES = 64 << 10

Resolve = Callable[[str, int], list[str]]
Connect = Callable[[str, int, float], socket.socket]


class Reply(Struct, frozen=True):
    status: int
    headers: Mapping[str, str]
    """By names in lower case."""
    body: bytes
    """The beginning."""


def resolve(host: str, port: int) -> list[str]:
    """The numeric addresses of a name. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def connect(address: str, port: int, seconds: float) -> socket.socket:
    return socket.create_connection((address, port), timeout=seconds)


class Outward:
    """`loopback` allows plain http to this machine, for a Mailbridge that serves this machine alone."""

    def __init__(
        self, *, loopback: bool, resolve: Resolve = resolve, connect: Connect = connect
    ) -> None:
        self._loopback = loopback
        self._resolve = resolve
        self._connect = connect

    def check(self, url: str) -> None:
        """Raises InvalidRequest for what events may not be sent to, OSError for a name without address."""
        self._address(_parsed(url))

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Raises InvalidRequest before anything leaves, OSError and http.client.HTTPException when no
        answer came in time."""
        end = monotonic() + SECONDS
        parsed = _parsed(url)
        address = self._address(parsed)
        plain = self._connect(address, _port(parsed), max(0.1, end - monotonic()))
        with _ended(plain, end) as sock:
            secured = _secured(sock, parsed)
            with _ended(secured, end):
                return _exchange(secured, parsed, body, headers)

    def _address(self, url: urls.Url) -> str:
        """One that was looked at."""
        local = self._loopback and url.hostname in LOOPBACK
        if url.scheme != "https" and not local:
            raise InvalidRequest.field("/address", "must be an https:// URL")
        found = self._resolve(url.hostname, _port(url))
        if not found:
            raise OSError("the name has no address")
        allowed = networks.is_loopback if local else networks.is_public
        if not all(map(allowed, found)):
            detail = "leads to an address that is not on the public internet"
            raise InvalidRequest.field("/address", detail)
        return found[0]


def _parsed(url: str) -> urls.Url:
    try:
        return urls.parse(url)
    except ValueError as error:
        raise InvalidRequest.field("/address", str(error)) from None


def _port(url: urls.Url) -> int:
    return urlsplit(url.origin).port or (443 if url.scheme == "https" else 80)


@contextmanager
def _ended(sock: socket.socket, end: float) -> Iterator[socket.socket]:
    """Cut off at `end`, however slowly the other side goes on: a timeout of the socket is for each step."""

    def cut() -> None:
        with suppress(OSError):  # over already
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = Timer(max(0.0, end - monotonic()), cut)
    timer.daemon = True
    timer.start()
    try:
        yield sock
    finally:
        timer.cancel()
        sock.close()


def _secured(sock: socket.socket, url: urls.Url) -> socket.socket:
    """With a certificate for the name in the URL, whatever the address. Its handshake comes with the first
    byte sent, when the clock runs for this socket."""
    if url.scheme != "https":
        return sock
    context = ssl.create_default_context(cafile=_authorities())
    return context.wrap_socket(sock, server_hostname=url.hostname, do_handshake_on_connect=False)


def _authorities() -> str:
    import certifi

    return certifi.where()


def _exchange(sock: socket.socket, url: urls.Url, body: bytes, headers: Mapping[str, str]) -> Reply:
    connection = http.client.HTTPConnection(url.origin.partition("://")[2])
    connection.sock = sock
    sent = {"Host": url.origin.partition("://")[2], "Connection": "close", **headers}
    connection.request("POST", f"{url.path or '/'}{url.query}", body, sent)
    response = connection.getresponse()
    try:
        beginning = response.read(ANSWER_BYTES)
    finally:
        response.close()
    named = {name.lower(): value for name, value in response.getheaders()}
    return Reply(response.status, named, beginning)
