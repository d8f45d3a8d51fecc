"""The parts of a mail, however it was put together: nothing here raises on bad input."""

import binascii
from email import message_from_bytes
from email.errors import InvalidBase64LengthDefect
from email.message import Message as Part

from infra.simulator import headers
from infra.simulator.charsets import charset_text, header_text, lenient_base64

MAX_DEPTH = 60
"""Multiparts nested deeper than this are served as one opaque part."""


def parse(raw: bytes) -> Part:
    """The whole tree. A mail nested too deeply for the parser comes back as one text part."""
    raw = headers.tidied(raw)
    try:
        return message_from_bytes(raw)
    except RecursionError:
        block, body = headers.split(raw)
        top = message_from_bytes(block)
        del top["Content-Type"]
        top.set_payload(body.decode("ascii", "surrogateescape"))
        return top


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


def leaf_text(part: Part) -> str:
    try:
        charset = part.get_param("charset") or "utf-8"
    except (ValueError, TypeError):
        charset = "utf-8"
    name = charset[2] if isinstance(charset, tuple) else str(charset)
    return charset_text(content(part), name)


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
