"""Trace headers come from strangers: exactly right, or not there."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.datastructures import Headers

from shared.web import tracing
from shared.web.tracing import Trace

ID = "105445aa7843bc8bf206b12000100000"
SPAN = "000000000000004a"


def cloud(value: str) -> Trace | None:
    return tracing.read(Headers({"x-cloud-trace-context": value}))


def w3c(value: str) -> Trace | None:
    return tracing.read(Headers({"Traceparent": value}))


@pytest.mark.parametrize(
    ("header", "trace"),
    [
        (f"{ID}/74;o=1", Trace(ID, SPAN, True)),
        (f"{ID}/74;o=0", Trace(ID, SPAN, False)),
        (f"{ID.upper()}/74", Trace(ID, SPAN, None)),
        (ID, Trace(ID, "", None)),
        (f"{ID}/{2**64 - 1}", Trace(ID, "f" * 16, None)),
        (f"{ID}/{2**64}", Trace(ID, "", None)),
        (f"{ID}/0;o=1", Trace(ID, "", True)),
        ("0" * 32, None),
        (f"{ID[1:]}/74", None),
        (f"{ID}/7a", None),
        (f"{ID}/74;o=1;x", None),
        (f"{ID}\n", None),
        (f"{ID}/٧٤", None),
    ],
)
def test_googles_own_header(header: str, trace: Trace | None) -> None:
    headers = Headers()
    headers._list.append(("X-Cloud-Trace-Context", header))  # as a server might, unchecked
    assert tracing.read(headers) == trace


@pytest.mark.parametrize(
    ("header", "trace"),
    [
        (f"00-{ID}-{SPAN}-01", Trace(ID, SPAN, True)),
        (f"00-{ID}-{SPAN}-00", Trace(ID, SPAN, False)),
        (f"42-{ID}-{SPAN}-01-what-the-future-brings", Trace(ID, SPAN, True)),
        (f"00-{ID}-{'0' * 16}-01", Trace(ID, "", True)),
        (f"00-{ID}-{SPAN}-01-more", None),
        (f"ff-{ID}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{ID.upper()}-{SPAN}-01", None),
        (f"00-{ID}-{SPAN}", None),
    ],
)
def test_the_header_of_the_w3c(header: str, trace: Trace | None) -> None:
    assert w3c(header) == trace


def test_of_two_headers_googles_counts_unless_it_is_none() -> None:
    both = {"traceparent": f"00-{'1' * 32}-{SPAN}-01"}
    assert tracing.read(Headers({**both, "X-Cloud-Trace-Context": f"{ID}/74;o=1"})) == Trace(
        ID, SPAN, True
    )
    assert tracing.read(Headers({**both, "X-Cloud-Trace-Context": "nonsense"})) == Trace(
        "1" * 32, SPAN, True
    )


def test_the_fields_are_those_cloud_logging_reads() -> None:
    headers = Headers({"X-Cloud-Trace-Context": f"{ID}/74;o=1"})
    assert tracing.fields(headers, "my-project") == {
        "logging.googleapis.com/trace": f"projects/my-project/traces/{ID}",
        "logging.googleapis.com/spanId": SPAN,
        "logging.googleapis.com/trace_sampled": True,
    }
    assert tracing.fields(headers, "")["logging.googleapis.com/trace"] == ID
    assert tracing.fields(Headers(), "my-project") == {}


@given(st.text(max_size=120) | st.from_regex(r"[0-9a-f-]{30,60}(/\d+)?(;o=.)?"))
@example(f"{ID}/74;o=1' or 1=1")
@example(f"00-{ID}-{SPAN}-01\r\nSet-Cookie: x")
def test_nothing_but_hexadecimal_ever_comes_out(text: str) -> None:
    for name in ("X-Cloud-Trace-Context", "traceparent"):
        headers = Headers()
        headers._list.append((name, text))
        if (trace := tracing.read(headers)) is not None:
            assert re.fullmatch("[0-9a-f]{32}", trace.id)
            assert re.fullmatch("([0-9a-f]{16})?", trace.span)
