"""The one way out."""

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from shared.domain.errors import AnswerTooLarge, ProviderUnavailable
from shared.providers import http
from shared.providers.http import Answer, Http
from tests.providers.server import Asked, Reply, json_reply, replying, serving


def ask(
    answer: Callable[[Asked], Reply], *, repeatable: bool = True
) -> tuple[Answer, int, list[float]]:
    """The answer, how often it was asked for, and the pauses between."""
    with serving(answer) as server:
        client, pauses = Http(server.url), list[float]()
        client.sleep = pauses.append
        return (
            client.request("GET", "/x", repeatable=repeatable, token="t0ken"),
            len(server.asked),
            pauses,
        )


def test_an_answer_comes_back_whatever_its_status() -> None:
    answer, asked, _ = ask(replying(json_reply(404, error="gone")))
    assert (answer.status, answer.json(), asked) == (404, {"error": "gone"}, 1)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[1]", b"{", b'{"a": "\\ud83d"', b"null", b"[" * 100_000]
)
def test_what_is_no_json_object_reads_as_an_empty_one(body: bytes) -> None:
    assert ask(replying(Reply(body=body)))[0].json() == {}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb"\ud83d\ude00 \ud83d", "😀 \ufffd"),
        (rb"\ude00\ud83d", "\ufffd\ufffd"),
        (rb"\\ud83d \udc00", "\\ud83d \ufffd"),
        (b"\xff", "\ufffd"),
    ],
)
def test_half_an_emoji_spoils_no_answer(written: bytes, read: str) -> None:
    body = b'{"a": "' + written + b'"}'
    assert ask(replying(Reply(body=body)))[0].json() == {"a": read}


def test_headers_go_along_and_a_challenge_comes_back() -> None:
    reply = Reply(401, headers={"WWW-Authenticate": 'Bearer claims="x"'})
    with serving(replying(reply)) as server:
        answer = Http(server.url).request("GET", "/x", repeatable=True, headers={"Prefer": "a"})
        assert server.asked[0].headers["prefer"] == "a"
    assert answer.challenge == 'Bearer claims="x"'


def test_the_token_travels_in_the_header_alone_and_compression_is_asked_for() -> None:
    with serving(replying(Reply())) as server:
        Http(server.url).request("GET", "/x", repeatable=True, token="t0ken", params={"a": [1, 2]})
        (asked,) = server.asked
    assert asked.target == "/x?a=1&a=2"
    assert asked.headers["authorization"] == "Bearer t0ken"
    assert "gzip" in asked.headers["user-agent"]
    assert asked.headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("failure", [Reply(drop=True), Reply(500), Reply(503)])
def test_a_read_is_tried_three_times(failure: Reply) -> None:
    answer, asked, pauses = ask(replying(failure, failure, json_reply(ok=True)))
    assert answer.json() == {"ok": True}
    assert asked == 3
    assert pauses == [1, 2]


def test_an_effect_is_tried_once() -> None:
    with serving(replying(Reply(drop=True))) as server:
        with pytest.raises(ProviderUnavailable):
            Http(server.url).request("POST", "/x", repeatable=False, body=b"{}")
        assert len(server.asked) == 1
    assert ask(replying(Reply(503)), repeatable=False)[1] == 1


def test_an_effect_is_sent_once_also_over_a_connection_that_went_stale() -> None:
    with serving(replying(Reply(), Reply(drop=True))) as server:
        client = Http(server.url)
        client.request("GET", "/x", repeatable=True)
        with pytest.raises(ProviderUnavailable):
            client.request("POST", "/x", repeatable=False, body=b"{}")
        assert [asked.method for asked in server.asked] == ["GET", "POST"]


@pytest.mark.parametrize(
    ("status", "wait", "pauses"),
    [(429, "2", [2, 2]), (503, "2", [2, 2]), (429, "600", []), (503, "600", []), (429, "", [])],
)
def test_a_short_wait_is_obeyed_and_a_long_one_is_the_callers(
    status: int, wait: str, pauses: list[float]
) -> None:
    reply = Reply(status, headers={"Retry-After": wait} if wait else {})
    answer, asked, paused = ask(replying(reply))
    assert answer.retry_after == (float(wait) if wait else None)
    assert (asked, paused) == (len(pauses) + 1, pauses)


def test_redirects_are_not_followed() -> None:
    with serving(replying(Reply(302, headers={"Location": "http://127.0.0.1:1/"}))) as server:
        answer = Http(server.url).request("GET", "/x", repeatable=True, token="t0ken")
        assert answer.status == 302


def test_an_answer_may_be_only_so_large_also_when_it_is_packed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "LARGEST_ANSWER", 1 << 20)  # the real bound would only take longer
    bomb = gzip.compress(b"x" * (1 << 22))
    with serving(replying(Reply(body=bomb, headers={"Content-Encoding": "gzip"}))) as server:
        with pytest.raises(AnswerTooLarge):
            Http(server.url).request("GET", "/x", repeatable=True)
        assert len(server.asked) == 1


def test_no_error_shows_the_token_the_url_or_the_body() -> None:
    with serving(replying(Reply(drop=True))) as server:
        client = Http(server.url)
        with pytest.raises(ProviderUnavailable) as caught:
            client.request(
                "POST", "/path?q=jane", repeatable=False, token="t0ken", form={"token": "s3cret"}
            )
    assert caught.value.__cause__ is None
    assert not any(word in str(caught.value) for word in ("t0ken", "s3cret", "path", "jane"))
    assert "t0ken" not in repr(client)


def test_nobody_there_is_named_without_an_address() -> None:
    with serving(replying(Reply())) as server:
        gone = server.url
    client = Http(gone)
    client.sleep = lambda _: None
    with pytest.raises(ProviderUnavailable, match="ConnectionError"):
        client.request("GET", "/x", repeatable=True)


@contextmanager
def hanging_up() -> Iterator[str]:
    """A port whose owner takes the connection and ends it before a TLS handshake is through."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            with suppress(OSError):
                listener.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def test_a_connection_that_was_never_made_proves_that_nothing_left() -> None:
    with serving(replying(Reply())) as server:
        gone = server.url
    with hanging_up() as host, serving(replying(Reply())) as plain:
        speaks_no_tls = plain.url.replace("http:", "https:")
        for url in (gone, f"https://{host}", speaks_no_tls, "http://no-such-host.invalid"):
            with pytest.raises(ProviderUnavailable) as caught:
                Http(url).request("POST", "/x", repeatable=False, body=b"{}")
            assert not caught.value.reached, url
        assert plain.asked == []


@pytest.mark.parametrize("earlier", [0, 1], ids=["fresh", "kept alive"])
def test_a_connection_that_broke_off_proves_nothing(earlier: int) -> None:
    with serving(replying(*[Reply()] * earlier, Reply(drop=True))) as server:
        client = Http(server.url)
        for _ in range(earlier):
            client.request("GET", "/x", repeatable=False)
        with pytest.raises(ProviderUnavailable) as caught:
            client.request("POST", "/x", repeatable=False, body=b"{}")
    assert caught.value.reached


def test_the_machines_proxy_and_netrc_settings_are_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert ask(replying(json_reply(ok=True)))[0].json() == {"ok": True}
