"""Gmail's batch format."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.providers.google import batch
from shared.providers.http import Answer


def whole(*parts: bytes, boundary: str = "batch_x", newline: bytes = b"\r\n") -> Answer:
    delimiter = f"--{boundary}".encode()
    body = b"".join(delimiter + newline + part + newline for part in parts) + delimiter + b"--"
    return Answer(200, f'multipart/mixed; boundary="{boundary}"', None, body)


def part(number: int, status: int, body: bytes, *head: bytes, newline: bytes = b"\r\n") -> bytes:
    outer = (b"Content-Type: application/http", b"Content-ID: <response-%d>" % number)
    inner = (b"HTTP/1.1 %d OK" % status, b"Content-Type: application/json", *head)
    return newline.join((*outer, b"", *inner, b"", body))


@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
def test_answers_come_in_the_order_asked_whatever_order_they_were_sent_in(newline: bytes) -> None:
    parts = (part(1, 404, b"no", newline=newline), part(0, 200, b'{"a": 1}', newline=newline))
    first, second = batch.answers(whole(*parts, newline=newline), 2)
    assert first is not None
    assert (first.status, first.json()) == (200, {"a": 1})
    assert second is not None
    assert second.status == 404


def test_a_wait_belongs_to_its_own_answer() -> None:
    found = batch.answers(whole(part(0, 429, b"{}", b"Retry-After: 9"), part(1, 200, b"{}")), 2)
    assert [answer and answer.retry_after for answer in found] == [9, None]


def test_a_missing_answer_is_none() -> None:
    assert batch.answers(whole(part(0, 200, b"{}"), part(7, 200, b"{}")), 2)[1] is None


@pytest.mark.parametrize("content_type", ["", "application/json", "multipart/mixed"])
def test_what_is_no_batch_answers_nothing(content_type: str) -> None:
    assert batch.answers(Answer(200, content_type, None, b"{}"), 2) == [None, None]


@given(st.binary(), st.lists(st.binary(max_size=50)))
def test_no_body_raises(body: bytes, parts: list[bytes]) -> None:
    batch.answers(Answer(200, "multipart/mixed; boundary=x", None, body), 3)
    batch.answers(whole(*parts), 3)
