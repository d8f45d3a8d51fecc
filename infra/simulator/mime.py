"""The parts of a mail, however it was put together: nothing here raises on bad input."""

import binascii
import re
from email import message_from_bytes
from email.errors import InvalidBase64LengthDefect
from email.message import Message as Part

from infra.simulator import headers
from infra.simulator.charsets import charset_text, header_text, known, lenient_base64, sniffed

MAX_DEPTH = 60
"""Multiparts nested deeper than this are served as one opaque part."""


def parse(raw: bytes) -> Part:
    """The whole tree. A mail nested too deeply for the parser comes back as one text part."""
    raw = _with_one_type(headers.tidied(raw))
    try:
        return message_from_bytes(raw)
    except RecursionError:
        block, body = headers.split(raw)
        top = message_from_bytes(block)
        del top["Content-Type"]
        top.set_payload(body.decode("ascii", "surrogateescape"))
        return top


def _with_one_type(raw: bytes) -> bytes:
    """Of several Content-Types the one whose boundary the body has; else the first."""
    found = [value for name, value in headers.fields(raw) if name.lower() == "content-type"]
    if len(found) < 2:
        return raw
    _, body = headers.split(raw)
    marks = ((value, _BOUNDARY.search(value)) for value in found)
    fitting = (value for value, mark in marks if mark and f"--{mark[1]}".encode() in body)
    kept = next(fitting, found[0])
    return headers.edited(raw, drop=["Content-Type"], add=[("Content-Type", kept)])


_BOUNDARY = re.compile(r'boundary="?([^";\s]+)', re.IGNORECASE)


def content(part: Part) -> bytes:
    """A leaf's bytes, its transfer encoding undone as far as it goes."""
    try:
        data = part.get_payload(decode=True)
    except (binascii.Error, ValueError, AssertionError):
        data = None
    if not isinstance(data, bytes):
        return b""
    torn = any(isinstance(defect, InvalidBase64LengthDefect) for defect in part.defects)
    return lenient_base64(data) if torn else data


def charset(part: Part) -> str:
    """As it is declared; "" when none is, or none that anybody knows."""
    try:
        given = part.get_param("charset") or ""
    except (ValueError, TypeError):
        return ""
    name = given[2] if isinstance(given, tuple) else str(given)
    return name if known(name) else ""


def leaf_text(part: Part) -> str:
    name = charset(part)
    return charset_text(content(part), name) if name else sniffed(content(part))


def children(part: Part) -> list[Part]:
    """Of a multipart or an attached mail; a leaf has none."""
    payload = part.get_payload()
    return [c for c in payload if isinstance(c, Part)] if isinstance(payload, list) else []


def whole(part: Part) -> bytes:
    """A leaf's bytes; for an attached mail, the mail."""
    if not part.is_multipart():
        return content(part)
    try:
        return b"".join(child.as_bytes() for child in children(part))
    except (UnicodeError, LookupError, ValueError, TypeError, AttributeError, RecursionError):
        return b""  # the parser took in what its generator cannot write


def header(part: Part, name: str) -> str:
    """A field as text, unfolded and still encoded; "" if there is none."""
    found = (value for key, value in part.raw_items() if key.lower() == name.lower())
    return field_text(next(found, ""))


def file_name(part: Part) -> str:
    """Of an attachment, decoded; "" if it has none."""
    readable = Part()  # the library's own reading of parameters loses 8-bit names
    for name, value in part.raw_items():
        if name.lower() in {"content-type", "content-disposition"} and name not in readable:
            readable[name] = field_text(value)
    try:
        return headers.decoded(readable.get_filename() or "")
    except (ValueError, TypeError, LookupError, AttributeError):
        return ""


def field_text(value: object) -> str:
    """The parser keeps bytes beyond ASCII as surrogates."""
    return headers.unfolded(header_text(str(value).encode("ascii", "surrogateescape")))
