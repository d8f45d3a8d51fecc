"""The HTTP server below it all."""

import gzip
import http.client
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from infra.simulator import Simulator
from tests.simulator.people import ANA, Program, mail


def test_a_connection_is_kept_alive(ana: Program, simulator: Simulator) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(simulator.url.rpartition(":")[2]))
    headers = dict(ana.session.headers)
    for _ in range(3):
        connection.request("GET", "/gmail/v1/users/me/profile", headers=headers)
        answer = connection.getresponse()
        assert int(answer.headers["Content-Length"]) == len(answer.read())
        port = connection.sock.getsockname()[1]
        assert port == connection.sock.getsockname()[1]
        assert not answer.will_close
    connection.close()


@pytest.mark.parametrize(
    ("agent", "accept", "compressed"),
    [
        ("x (gzip)", "gzip, deflate", True),
        ("x", "gzip, deflate", False),
        ("x (gzip)", "deflate", False),
    ],
)
def test_answers_are_compressed_for_whom_google_compresses_them(
    ana: Program, simulator: Simulator, agent: str, accept: str, compressed: bool
) -> None:
    key = simulator.deliver(mail("text " * 500), to=ANA)
    headers = {"User-Agent": agent, "Accept-Encoding": accept}

    url = f"{ana.url}/messages/{key}"
    with ana.session.get(url, headers=headers, stream=True, timeout=10) as answer:
        data = answer.raw.read(decode_content=False)

    assert (answer.headers.get("Content-Encoding") == "gzip") is compressed
    assert len(data) == int(answer.headers["Content-Length"])
    assert (gzip.decompress(data) if compressed else data).startswith(b'{"id":')


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Length": str(10**9)}, 413),
        ({"Content-Length": "-1"}, 400),
        ({"Content-Length": "x"}, 400),
        ({"Transfer-Encoding": "chunked"}, 411),
    ],
)
def test_bodies_are_bounded(simulator: Simulator, headers: dict[str, str], status: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(simulator.url.rpartition(":")[2]))
    connection.putrequest("POST", "/token")
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()

    answer = connection.getresponse()

    assert (answer.status, answer.will_close) == (status, True)
    connection.close()


def test_a_mail_of_the_largest_size_can_be_sent(ana: Program, simulator: Simulator) -> None:
    raw = mail(sender=ANA, to="x@else.example")
    most = simulator.google.limits.message_bytes or 0
    raw += (b"x" * 76 + b"\r\n") * ((most - len(raw)) // 78)

    assert ana.send(raw).status_code == 200


def test_other_names_than_loopback_are_refused(simulator: Simulator) -> None:
    for host, status in (("evil.example", 403), ("localhost:1", 404), ("127.0.0.1", 404)):
        answer = requests.get(simulator.url + "/", headers={"Host": host}, timeout=10)
        assert answer.status_code == status, host


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/token", 405), ("PUT", "/gmail/v1/users/me/messages", 405)],
)
def test_unknown_paths_and_methods(
    simulator: Simulator, method: str, path: str, status: int
) -> None:
    assert requests.request(method, simulator.url + path, timeout=10).status_code == status


@pytest.mark.parametrize(
    "noise", [b"\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b""]
)
def test_noise_on_the_line_disturbs_nobody(simulator: Simulator, noise: bytes) -> None:
    address = ("127.0.0.1", int(simulator.url.rpartition(":")[2]))
    with socket.create_connection(address, timeout=5) as line:
        line.sendall(noise)

    assert requests.get(simulator.url + "/oauth2/v3/certs", timeout=10).status_code == 200


def test_many_callers_at_once_get_their_own_answers(ana: Program, simulator: Simulator) -> None:
    ids = [simulator.deliver(mail(str(number)), to=ANA) for number in range(40)]
    headers = dict(ana.session.headers)

    def fetch(key: str) -> str:
        answer = requests.get(f"{ana.url}/messages/{key}", headers=headers, timeout=10)
        return str(answer.json()["id"])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(fetch, ids)) == ids


def test_stopping_leaves_no_thread_and_frees_the_port() -> None:
    before = threading.active_count()
    simulator = Simulator.start()
    port = int(simulator.url.rpartition(":")[2])
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
    with requests.Session() as session:
        session.get(simulator.url, timeout=10)

        simulator.stop()
        simulator.stop()

    assert threading.active_count() == before
    for connection in idle:
        connection.close()
    with Simulator.start(port) as again:
        assert again.url.endswith(f":{port}")


def test_a_taken_port_is_an_error() -> None:
    with Simulator.start() as first, pytest.raises(OSError, match="in use"):
        Simulator.start(int(first.url.rpartition(":")[2]))
