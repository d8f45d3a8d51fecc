"""The parts of a mail, however it was put together: nothing here raises on bad input."""

import binascii
from email import message_from_bytes
from email.errors import InvalidBase64LengthDefect
from email.message import Message as Part

from infra.simulator import head
from infra.simulator.charsets import charset_text, lenient_base64

MAX_DEPTH = 60
"""Multiparts nested deeper than this are served as one opaque part."""


def parse(raw: bytes) -> Part:
    """The whole tree. A mail nested too deeply for the parser comes back as one text part."""
    raw = head.tidied(raw)
    try:
        return message_from_bytes(raw)
    except RecursionError:
        block, body = head.split(raw)
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
