"""What strangers write is read in time that grows with its length: ten times the text, ten times it.

A quadratic reader looks fast on ordinary mail; then one header of 200 KB holds a mailbox up for ever.
"""

import importlib
import inspect
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

import pytest
from msgspec import Struct
from werkzeug.datastructures import Headers

import shared.mime
from shared import logs
from shared.domain.errors import InvalidRequest, MailbridgeError
from shared.mime import charsets
from shared.providers import http, waits
from shared.providers.google import batch, content
from shared.web import decoding, tracing

SMALL, LARGE = 20_000, 200_000
SECONDS = 3.0
"""The most that LARGE may take, far above what any reader needs here."""
IRRELEVANT = 0.25
"""Seconds below which LARGE is not compared with SMALL: clocks and caches would decide."""
GROWTH = 30
"""Times; the text grows tenfold, and a quadratic reader takes a hundredfold."""

Reader = Callable[[str], object]

SPECIAL = [chr(code) for code in range(32, 128) if not chr(code).isalnum()] + [
    "\0", "\t", "\n", "\x0b", "\r", "\x1b", "\x1f", "a", "1", "\x85", "é", "ß", "ﬁ", "\u0301",
    "\u200b", "\u202e", "\u3002", "\ufeff", "\ufffd",
    "😀", "\udcff", "\udce9",
]  # fmt: skip
STRUCTURES = [
    # addresses
    "\\(", "(\\", "(a", "((a)", "a)", '"\\', '\\"', '""', "<>", "<a>", "<<", "a,", "a:", ":;", "a@", "@a",
    "a@b", "a@b ", "a@b,", "a@b:", "<a@b>,", '"a"<', "[]", "[a", "xn--", "a.", ". ", "a b@c ", "é@ü.é,",
    # headers and their parameters
    "=?utf-8?q?", "=?utf-8?b?", "?=", "=?a?q?b?=", "=?a?q?b?= ", " =?", "\r\n ", "\r\n",
    "a: b\r\n", ";a=", ";a*0=",
    ";a*0*=", "charset=", "charset ", 'boundary="', "multipart/", "/", "Mon, ", "1 Jan ", "12:",
    "+00", "(EST)",
    # charsets
    "+AA", "+A-", "~{", "~}", "\x1b$B", "\x1b(B", "\x1b$)C\x0e", "\xff\xfe",
    # HTML
    "<a", "<a ", "<a href=", "<a b=c ", "<p style='a:b;", "style=", "<!--", "-->", "<!",
    "<![CDATA[", "<?", "</",
    "</p>", "<p>", "<b>", "<b><p>", "<i></b>", "<li>", "<td>", "<table>", "<p><table><b>", "<a><table>",
    "<svg>", "<math>", "<svg><desc>", "<style>", "<script>", "<title>", "<textarea>", "<template>",
    "<select>",
    "<option>", "<form>", "<pre>", "<br>", "<frameset>", "<noscript>", "<plaintext>", "&", "&#",
    "&amp", "&lt;",
    # calendars
    "BEGIN:VEVENT\r\n", "END:VEVENT\r\n", "BEGIN:VALARM\r\n", "X;Y=\"", "RRULE:FREQ=", "BYDAY=MO,",
    "\\,", "\\n",
    # JSON, logs, references
    '{"a":', "[[", '"a",', "\\u", "\\ud800", " - at `$", "`", "$.", "Bearer ", "eyJ", "eyJa.",
    "?code=", "token=",
]  # fmt: skip
PIECES = list(dict.fromkeys(SPECIAL + STRUCTURES))


OPENINGS = [
    "<plaintext><a",
    "<xmp></a",
    "<a b",
    "<p style='",
    "<!--",
    "(",
    '"',
    "<",
    "=?utf-8?q?",
    ";a=",
    "a@",
]
"""What may wait for an end that never comes,"""
RUNS = ["x", " ", "x ", "-", "=", "é"]
"""and what it then reads on and on."""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _of_bytes(read: Callable[[bytes], object], text: str) -> object:
    return read(_bytes(text))


def _mime_readers() -> Iterator[tuple[str, Reader]]:
    """Every public function of shared.mime that takes a text first, also those to come."""
    for module in pkgutil.iter_modules(shared.mime.__path__):
        loaded = importlib.import_module(f"shared.mime.{module.name}")
        for name, function in inspect.getmembers(loaded, inspect.isfunction):
            parameters = list(inspect.signature(function).parameters.values())
            ours = function.__module__ == loaded.__name__ and not name.startswith("_")
            if not ours or not parameters or any(p.default is p.empty for p in parameters[1:]):
                continue
            if parameters[0].annotation is str:
                yield f"{module.name}.{name}", function
            elif parameters[0].annotation is bytes:
                yield f"{module.name}.{name}", partial(_of_bytes, function)


def _charset(label: str, text: str) -> str:
    return charsets.decode(_bytes(text), label)


def _part(text: str) -> object:
    """A part of a mail whose every header is `text`, as Gmail hands it over."""
    named = [{"name": name, "value": text} for name in ("Content-Type", "Content-Disposition")]
    body = {"size": 4, "data": text}
    shown = {"mimeType": "text/plain", "headers": named, "body": body}
    listed = {"mimeType": text, "filename": text, "headers": named, "body": body}
    return content.content({"mimeType": "multipart/mixed", "parts": [shown, listed]})


def _batch(text: str) -> object:
    answer = http.Answer(200, "multipart/mixed; boundary=a", None, _bytes(f"--a\r\n{text}"))
    return batch.answers(answer, 1), batch.answers(http.Answer(200, text, None, b""), 1)


class _Asked(Struct, forbid_unknown_fields=True):
    of: dict[str, int] = {}


def _fields(text: str) -> object:
    with suppress(InvalidRequest):
        decoding.value({"of": {text: text}}, _Asked)
    return decoding.value({text: 1}, _Asked)


def _log_line(text: str) -> None:
    logs.info("read", text=text)


READERS: dict[str, Reader] = {
    **dict(_mime_readers()),
    **{
        f"charset {label}": partial(_charset, label)
        for label in ("utf-7", "iso-2022-jp", "hz", "utf-16", "gb18030", "cp1252")
    },
    "a charset's label": lambda text: charsets.decode(b"a\xff", text),
    "content types, parameters and names of parts": _part,
    "a batch's answers": _batch,
    "a provider's JSON": lambda text: http.decoded(_bytes(text), dict),
    "a provider's JSON, cut": lambda text: http.decoded(_bytes(f'{{"a": "\\ud800{text}"}}'), dict),
    "Retry-After": waits.retry_after,
    "a request's fields": _fields,
    "a trace": lambda text: tracing.read(
        Headers({"X-Cloud-Trace-Context": text, "traceparent": text})
    ),
    "a log line": _log_line,
}


def _seconds(read: Reader, text: str) -> float:
    """Of this thread's own work: what else the machine does is not counted."""
    began = time.thread_time()
    with suppress(ValueError, MailbridgeError):
        read(text)
    return time.thread_time() - began


def _repeated(piece: str, size: int) -> str:
    return piece * (size // len(piece))


def _grows_too_fast(read: Reader, piece: str, opening: str = "") -> str:
    """What is wrong, "" for nothing. Measured again before it is believed."""
    small, large = (opening + _repeated(piece, size) for size in (SMALL, LARGE))
    took = _seconds(read, large)
    for _ in range(2):
        if took < IRRELEVANT:
            return ""
        before = max(_seconds(read, small), 0.001)
        if took < SECONDS and took < GROWTH * before:
            return ""
        took = min(took, _seconds(read, large))
    return f"{opening!r} {piece!r}: {took:.2f} s, and {before:.3f} s for a tenth of it"


@pytest.mark.parametrize("reader", READERS)
def test_time_grows_with_the_length_of_what_is_read(reader: str) -> None:
    slow = [problem for piece in PIECES if (problem := _grows_too_fast(READERS[reader], piece))]
    assert not slow


@pytest.mark.parametrize("reader", READERS)
def test_what_never_ends_is_read_once(reader: str) -> None:
    slow = [
        problem
        for opening in OPENINGS
        for run in RUNS
        if (problem := _grows_too_fast(READERS[reader], run, opening))
    ]
    assert not slow


def test_every_reader_of_mail_is_tried() -> None:
    assert {
        "addresses.parse_list",
        "headers.decode",
        "text.from_html",
        "sanitise.clean_html",
    } <= set(READERS)


def test_a_quadratic_reader_is_found() -> None:
    """The measure itself: a pattern that looks to the end of the text from every bracket."""
    unclosed = re.compile(r"\((?:[^()\\]|\\.)*\)")
    assert _grows_too_fast(lambda text: unclosed.search(text[: len(text) // 16]), "\\(")
    assert not _grows_too_fast(lambda text: re.findall(r"\w+", text), "a ")
