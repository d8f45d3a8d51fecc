"""The trace that a request belongs to, in the fields by which Cloud Logging joins lines to it."""

import re

from msgspec import Struct
from werkzeug.datastructures import Headers

_CLOUD = re.compile(r"([0-9a-f]{32})(?:/([0-9]{1,20}))?(?:;o=([0-9]))?", re.IGNORECASE)
"""X-Cloud-Trace-Context: TRACE_ID/SPAN_ID;o=OPTIONS, the span a decimal number of 64 bits."""
_W3C = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
"""traceparent (https://www.w3.org/TR/trace-context/): version, trace, span and flags."""


class Trace(Struct, frozen=True):
    """Lower-case hexadecimal: 32 digits, and 16 or "" when no span is named."""

    id: str
    span: str
    sampled: bool | None
    """None when nothing is said of it."""


def read(headers: Headers) -> Trace | None:
    """Headers are anybody's text: what is not exactly a trace is none."""
    given = headers.get("X-Cloud-Trace-Context", ""), headers.get("traceparent", "")
    trace = _of_cloud(given[0]) or _of_w3c(given[1])
    return trace if trace and int(trace.id, 16) else None


def fields(headers: Headers, project: str) -> dict[str, object]:
    """For every line of the request. Without a project the bare id, which Cloud Logging takes too."""
    if (trace := read(headers)) is None:
        return {}
    name = f"projects/{project}/traces/{trace.id}" if project else trace.id
    found: dict[str, object] = {"logging.googleapis.com/trace": name}
    if trace.span:
        found["logging.googleapis.com/spanId"] = trace.span
    if trace.sampled is not None:
        found["logging.googleapis.com/trace_sampled"] = trace.sampled
    return found


def _of_cloud(header: str) -> Trace | None:
    if (match := _CLOUD.fullmatch(header)) is None:
        return None
    id_, span, options = match.groups()
    number = int(span or 0)
    sampled = bool(int(options) & 1) if options else None
    return Trace(id_.lower(), f"{number:016x}" if 0 < number < 2**64 else "", sampled)


def _of_w3c(header: str) -> Trace | None:
    if (match := _W3C.fullmatch(header)) is None:
        return None
    version, id_, span, flags, more = match.groups()
    if more and version == "00":  # only later versions may say more
        return None
    return Trace(id_, span if int(span, 16) else "", bool(int(flags, 16) & 1))
