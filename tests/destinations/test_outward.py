"""Requests to addresses that strangers chose: none of them leads inside."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from pathlib import Path

import pytest

from shared.destinations import outward
from shared.destinations.outward import Outward
from shared.domain.errors import InvalidRequest
from tests.domain.test_networks import INSIDE
from tests.providers.server import Reply, replying, serving


class Network:
    """Whoever is asked for a name answers from `answers` in turn; no connection is made."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.connected: list[str] = []

    def resolve(self, host: str, port: int) -> list[str]:  # noqa: ARG002
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def connect(self, address: str, port: int, seconds: float) -> socket.socket:  # noqa: ARG002
        self.connected.append(address)
        raise ConnectionRefusedError

    def outward(self, *, loopback: bool = False) -> Outward:
        return Outward(loopback=loopback, resolve=self.resolve, connect=self.connect)


@pytest.mark.parametrize("address", [one for one in INSIDE if one])
def test_a_name_that_leads_inside_is_asked_nothing(address: str) -> None:
    network = Network([address])
    with pytest.raises(InvalidRequest):
        network.outward().post("https://crm.example.com/hook", b"{}", {})
    assert network.connected == []


def test_nor_one_of_which_a_single_address_leads_inside() -> None:
    network = Network(["8.8.8.8", "10.0.0.1"])
    with pytest.raises(InvalidRequest):
        network.outward().post("https://crm.example.com", b"{}", {})
    assert network.connected == []


def test_a_name_that_changes_its_answer_gains_nothing() -> None:
    """One question, and the connection goes to what was looked at."""
    network = Network(["8.8.8.8"], ["169.254.169.254"], ["169.254.169.254"])
    with pytest.raises(ConnectionRefusedError):
        network.outward().post("https://rebind.example.com", b"{}", {})
    assert (network.asked, network.connected) == (1, ["8.8.8.8"])
    with pytest.raises(InvalidRequest):
        network.outward().post("https://rebind.example.com", b"{}", {})
    assert network.connected == ["8.8.8.8"]


SPELLINGS = (
    *("http://crm.example.com/", "ftp://crm.example.com", "https://user@crm.example.com/"),
    *(
        "https://crm.example.com#x",
        "https://crm.example.com\\@10.0.0.1/",
        "HTTPS://CRM.example.com",
    ),
    *("https://crm.example.com:99999", "https://", "//crm.example.com", "https://a b/"),
    *("https://crm.example.com/\r\nX: y", "https://[::1", "file:///etc/passwd"),
)


@pytest.mark.parametrize("url", SPELLINGS)
def test_only_plain_https_urls_are_asked(url: str) -> None:
    network = Network(["8.8.8.8"])
    with pytest.raises(InvalidRequest):
        network.outward(loopback=True).post(url, b"{}", {})
    assert (network.asked, network.connected) == (0, [])


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "017700000001", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0"],
)
def test_numbers_are_resolved_and_looked_at_like_names(host: str) -> None:
    """By the machine's own resolver, which knows more spellings than we do."""
    connected: list[str] = []

    def connect(address: str, port: int, seconds: float) -> socket.socket:  # noqa: ARG001
        connected.append(address)
        raise ConnectionRefusedError

    with pytest.raises((InvalidRequest, OSError)):
        Outward(loopback=False, connect=connect).post(f"https://{host}/", b"{}", {})
    assert connected == []


def test_loopback_is_for_one_machine_alone() -> None:
    with serving(replying(Reply(204, b""))) as running:
        reply = Outward(loopback=True).post(f"{running.url}/hook?a=1", b"{}", {"X-A": "b"})
        assert reply.status == 204
        (asked,) = running.asked
        assert (asked.method, asked.target, asked.headers["x-a"]) == ("POST", "/hook?a=1", "b")
        with pytest.raises(InvalidRequest):
            Outward(loopback=False).post(running.url, b"{}", {})
    assert len(running.asked) == 1


def test_loopback_by_another_name_is_not_loopback() -> None:
    network = Network(["127.0.0.1"])
    with pytest.raises(InvalidRequest):
        network.outward(loopback=True).post("https://localtest.example.com", b"{}", {})


def test_redirects_are_answers_and_not_followed() -> None:
    moved = Reply(302, b"", {"Location": "http://169.254.169.254/"})
    with serving(replying(moved)) as running:
        assert Outward(loopback=True).post(running.url, b"{}", {}).status == 302
    assert len(running.asked) == 1


def test_of_a_long_answer_the_beginning_is_read() -> None:
    with serving(replying(Reply(200, b"x" * (4 << 20)))) as running:
        reply = Outward(loopback=True).post(running.url, b"{}", {})
    assert len(reply.body) == outward.ANSWER_BYTES


@contextmanager
def dripping(first: bytes) -> Iterator[int]:
    """A server that never ends what it says; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def drip() -> None:
            client, _ = server.accept()
            with client:
                client.sendall(first)
                while not over.wait(0.02):
                    try:
                        client.sendall(b"x")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join()


@pytest.mark.parametrize("first", [b"HTTP/1.1 200 OK\r\nX-", b"HTTP/1.1 200 OK\r\n\r\n", b""])
def test_who_answers_for_ever_is_cut_off(monkeypatch: pytest.MonkeyPatch, first: bytes) -> None:
    monkeypatch.setattr(outward, "SECONDS", 0.3)
    begun = time.monotonic()
    with dripping(first) as port, suppress(OSError, HTTPException):  # by where it was cut
        Outward(loopback=True).post(f"http://127.0.0.1:{port}/", b"{}", {})
    assert time.monotonic() - begun < 3


# -- certificates -------------------------------------------------------------------------------------


def certificate(folder: Path, name: str) -> Path:
    """One that signs itself, with its key in front."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / "certificate.pem"
    file.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return file


@contextmanager
def secured(file: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            client, _ = server.accept()
            try:
                with context.wrap_socket(client, server_side=True) as secure:
                    asked = b""
                    while not asked.endswith(b"{}"):
                        asked += secure.recv(4096)
                    secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            except (ssl.SSLError, OSError):
                client.close()

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(("name", "good"), [("crm.example.com", True), ("evil.example", False)])
def test_the_certificate_is_of_the_name_whatever_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, good: bool
) -> None:
    file = certificate(tmp_path, name)
    monkeypatch.setattr(outward, "_authorities", lambda: str(file))
    with secured(file) as port:

        def connect(address: str, _: int, seconds: float) -> socket.socket:
            assert address == "8.8.8.8"
            return socket.create_connection(("127.0.0.1", port), timeout=seconds)

        out = Outward(loopback=False, resolve=lambda *_: ["8.8.8.8"], connect=connect)
        if good:
            assert out.post("https://crm.example.com/", b"{}", {}).body == b"ok"
        else:
            with pytest.raises(ssl.SSLCertVerificationError):
                out.post("https://crm.example.com/", b"{}", {})
