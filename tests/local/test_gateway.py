"""What goes through the gateway, what does not, and what comes when nobody is behind it."""

import http.client
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import msgspec
import pytest
from werkzeug import wrappers

from infra.delivery.invoker import Upstream
from infra.local import arrival
from infra.local.arrival import MAX_BODY
from infra.local.gateway import Gateway, listen, serving
from infra.processes.ports import HOST, free_port
from infra.simulator.http import Request, Response, Server, json_response
from shared.config import LOOPBACK
from shared.domain.errors import ConfigurationError


class Echo:
    """A function that answers with what reached it."""

    def __init__(self) -> None:
        self.server = Server(self._answer)

    def _answer(self, request: Request) -> Response:
        seen = {
            "method": request.method,
            "target": request.target,
            "headers": dict(request.headers),
            "size": len(request.body),
        }
        return json_response(seen, 200, X_Kept="yes", Connection_Specific="no")


@pytest.fixture(scope="module")
def gateway() -> Iterator[int]:
    """Its port; `echo` and `page` answer, `nobody` is down, `silent` never says a word."""
    echo = Echo()
    echo.server.start()
    with socket.create_server((HOST, 0)) as silent:
        port = silent.getsockname()[1]
        functions = {
            "echo": Upstream(lambda: echo.server.port, 30),
            "nobody": Upstream(lambda: _DOWN, 30),
            "silent": Upstream(lambda: port, 1),
        }
        with _serving(Gateway(functions, {"page": _page}, LOOPBACK)) as served:
            yield served
    echo.server.stop()


_DOWN = free_port()


def _page(request: wrappers.Request) -> wrappers.Response:
    """The stack's own, which no function stands behind."""
    return wrappers.Response(msgspec.json.encode({"size": len(request.get_data())}))


@contextmanager
def _serving(gateway: Gateway) -> Iterator[int]:
    with listen(0) as listener, serving(listener, gateway):
        yield listener.getsockname()[1]


def ask(
    port: int, method: str, target: str, body: object = None, **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    """`target` and headers go out exactly as given; `_` in a header's name is sent as `-`."""
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, target, body, named)  # type: ignore[arg-type]
    with connection.getresponse() as answer:
        data = answer.read()
    connection.close()
    return answer, data


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ("/echo", "/"),
        ("/echo/", "/"),
        ("/echo?a=1", "/?a=1"),
        ("/echo/x%2Fy/z?q=%C3%A9&q=2", "/x%2Fy/z?q=%C3%A9&q=2"),
        ("//echo/x", "/x"),
        ("/echo/../nobody", "/../nobody"),
        ("http://127.0.0.1/echo/x", "/x"),
        ("http://127.0.0.1/echo?at=http://x/", "/?at=http://x/"),
        (
            "/echo?state=s&iss=https://accounts.google.com&code=4/0Ab&scope=email%20https://x/auth/mail",
            "/?state=s&iss=https://accounts.google.com&code=4/0Ab&scope=email%20https://x/auth/mail",
        ),
        ("/echo/contacts?page_token=a//b/+c==", "/contacts?page_token=a//b/+c=="),
        ("/echo??/?", "/??/?"),
    ],
)
def test_the_path_below_the_function_arrives_as_it_was_sent(
    gateway: int, sent: str, received: str
) -> None:
    _, data = ask(gateway, "GET", sent)
    assert msgspec.json.decode(data)["target"] == received


def test_headers_arrive_but_those_that_only_the_cloud_may_set(gateway: int) -> None:
    _, data = ask(
        gateway,
        "GET",
        "/echo",
        Authorization="Bearer x",
        X_Own="kept",
        X_CloudTasks_TaskName="forged",
        X_CloudScheduler="true",
        X_Forwarded_For="1.2.3.4",
        Forwarded="for=1.2.3.4",
        TE="trailers",
    )
    headers = msgspec.json.decode(data)["headers"]
    assert headers["authorization"] == "Bearer x"
    assert headers["x-own"] == "kept"
    assert headers["host"] == f"{HOST}:{gateway}"
    forged = ("x-cloud", "x-forwarded", "forwarded", "te")
    assert not [name for name in headers if name.startswith(forged)]


def test_a_large_body_arrives_whole(gateway: int) -> None:
    _, data = ask(gateway, "POST", "/echo", b"x" * 5_000_000)
    assert msgspec.json.decode(data)["size"] == 5_000_000


def test_a_body_beyond_the_clouds_limit_is_refused(gateway: int) -> None:
    pieces = (b"x" * 1_000_000 for _ in range(MAX_BODY // 1_000_000 + 2))
    answer, data = ask(gateway, "POST", "/echo", pieces, Content_Length=str(MAX_BODY + 1_000_000))
    assert (answer.status, msgspec.json.decode(data)["type"]) == (413, "urn:mailbridge:too-large")


SLOW = {
    "nothing": (b"Content-Length: 100", b""),
    "a part": (b"Content-Length: 100", b"x" * 50),
    "chunks": (b"Transfer-Encoding: chunked", b"5\r\nxxxxx\r\n"),
    "half a chunk": (b"Transfer-Encoding: chunked", b"5\r\nxx"),
}


@pytest.mark.parametrize("path", ["/echo", "/page"])
@pytest.mark.parametrize("sent", SLOW)
def test_those_who_send_slowly_hold_nobody_up(
    gateway: int, monkeypatch: pytest.MonkeyPatch, sent: str, path: str
) -> None:
    monkeypatch.setattr(arrival, "BODY_SECONDS", 1.0)
    length, part = SLOW[sent]
    with ExitStack() as slow:
        connections = [
            slow.enter_context(socket.create_connection((HOST, gateway), timeout=30))
            for _ in range(40)
        ]
        for connection in connections:
            host = f"Host: {HOST}".encode()
            line = f"POST {path} HTTP/1.1".encode()
            connection.sendall(b"%b\r\n%b\r\n%b\r\n\r\n%b" % (line, host, length, part))
        answer, _ = ask(gateway, "GET", "/echo")
        assert answer.status == 200
        assert {connection.recv(65536).split()[1] for connection in connections} == {b"408"}


@pytest.mark.parametrize("path", ["/echo", "/page"])
def test_a_chunked_body_arrives_whole(gateway: int, path: str) -> None:
    pieces = (b"x" * 1_000 for _ in range(3))  # of no length that was said before
    _, data = ask(gateway, "POST", path, pieces)
    assert msgspec.json.decode(data)["size"] == 3_000


@pytest.mark.parametrize("path", ["/echo", "/page"])
def test_chunks_that_are_none_are_refused_with_the_reason(gateway: int, path: str) -> None:
    answer, data = ask(gateway, "POST", path, b"no chunk\r\n\r\n", Transfer_Encoding="chunked")
    assert (answer.status, msgspec.json.decode(data)["reason"]) == (400, "not_http")


@pytest.mark.parametrize("length", ["-1", "5,5", "x"])
def test_a_length_that_is_no_number_is_refused(gateway: int, length: str) -> None:
    answer, _ = ask(gateway, "POST", "/echo", b"", Content_Length=length)
    assert answer.status == 400


def test_the_answer_comes_back_with_its_headers(gateway: int) -> None:
    answer, _ = ask(gateway, "GET", "/echo")
    assert answer.headers["X-Kept"] == "yes"
    assert len(answer.headers.get_all("Date") or []) == 1


def test_a_function_that_is_down_is_502_and_worth_another_try(gateway: int) -> None:
    answer, data = ask(gateway, "POST", "/nobody", b"{}")
    assert (answer.status, answer.headers["Retry-After"]) == (502, "1")
    assert msgspec.json.decode(data)["type"] == "urn:mailbridge:function-down"


def test_a_function_that_takes_longer_than_it_may_is_504(gateway: int) -> None:
    answer, _ = ask(gateway, "GET", "/silent")
    assert answer.status == 504


def test_what_is_no_url_is_refused(gateway: int) -> None:
    with socket.create_connection((HOST, gateway), timeout=30) as connection:
        connection.sendall(f"GET /echo/\xe9 HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode("latin-1"))
        assert connection.recv(4096).split()[1] == b"400"


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "[::2]", "[", "a]b", "a@b:1"]
)
def test_only_this_machines_names_are_answered(gateway: int, host: str) -> None:
    answer, _ = ask(gateway, "GET", "/echo", Host=host)
    assert answer.status == 421


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080"])
def test_whatever_port_they_come_with(gateway: int, host: str) -> None:
    answer, _ = ask(gateway, "GET", "/echo", Host=host)
    assert answer.status == 200


def test_a_taken_port_is_said_to_be_taken() -> None:
    with listen(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"Port {port} cannot be used"):
            listen(port)
