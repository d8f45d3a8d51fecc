"""The part tree of Gmail's format=full to what a mail client shows."""

import re
from collections.abc import Iterator
from html import escape
from typing import Any

from msgspec import Struct

from shared.domain.mail import Attachment, Content
from shared.mime import charsets, headers, text

Part = dict[str, Any]

LARGEST_TEXT = 5 << 20
"""Bytes of a text that is shown; a larger one is listed as an attachment."""
_DEEPEST = 100
_CHARSET = re.compile(r"""charset\s*=\s*["']?([^\s"';]+)""", re.IGNORECASE)
_UNNAMED = {
    "application/pgp-signature": "signature.asc",
    "message/delivery-status": "delivery-status.txt",
    "text/calendar": "invite.ics",
    "text/rfc822-headers": "headers.txt",
}
_UNSEEN = {"text/enriched", "text/x-amp-html", "text/watch-html"}
"""Alternatives for a few mail programs only; ordinary text or HTML stands beside them."""


class _Seen(Struct):
    """What one part, with all below it, shows."""

    text: str = ""
    html: str = ""


def content(payload: Any) -> Content:
    """Never raises, however odd the tree."""
    attachments: list[Attachment] = []
    seen = _walk(payload, attachments, 0)
    return Content(text=seen.text, html=seen.html, attachments=tuple(attachments))


def detached_texts(payload: Any) -> Iterator[tuple[str, Part]]:
    """(attachment id, body) of each text that Gmail did not send along, to be fetched and put into
    its body as `data`."""
    for part in _leaves(payload, 0):
        body = _dict(part.get("body"))
        attachment = body.get("attachmentId")
        fits = isinstance(attachment, str) and _size(body) <= LARGEST_TEXT
        if fits and not body.get("data") and _is_text(part):
            yield str(attachment), body


def _walk(part: Any, attachments: list[Attachment], depth: int) -> _Seen:
    if not isinstance(part, dict) or depth > _DEEPEST:
        return _Seen()
    kind = _kind(part)
    if kind.startswith("multipart/"):
        seen = [_walk(child, attachments, depth + 1) for child in _children(part)]
        return _best(seen) if kind == "multipart/alternative" else _together(seen)
    if kind in _UNSEEN:
        return _Seen()
    if not _is_text(part):
        attachments.append(_attachment(part, kind))
        return _Seen()
    shown = _decoded(part)
    return _Seen(html=shown) if kind == "text/html" else _Seen(text=shown)


def _best(seen: list[_Seen]) -> _Seen:
    """Of alternatives the last one understood (RFC 2046, 5.1.4), in both our forms."""
    best = _Seen()
    for alternative in seen:
        best.text = alternative.text or best.text
        best.html = alternative.html or best.html
    return best


def _together(seen: list[_Seen]) -> _Seen:
    """One below the other. A part in one form only is turned into the other where the rest has it,
    or a reader of that form would miss it."""
    shown = [one for one in seen if one.text or one.html]
    if len(shown) == 1:
        return shown[0]
    together = _Seen()
    if any(one.text for one in shown):
        together.text = "\n".join(one.text or text.from_html(one.html) for one in shown)
    if any(one.html for one in shown):
        together.html = "\n".join(one.html or _as_html(one.text) for one in shown)
    return together


def _as_html(plain: str) -> str:
    return f"<pre>{escape(plain)}</pre>"


def _is_text(part: Part) -> bool:
    """Shown in the mail itself, not listed below it."""
    kind = _kind(part)
    disposition = _header(part, "content-disposition").lstrip().lower()
    listed = part.get("filename") or disposition.startswith("attachment")
    fits = _size(_dict(part.get("body"))) <= LARGEST_TEXT
    return kind in {"text/plain", "text/html"} and not listed and fits


def _attachment(part: Part, kind: str) -> Attachment:
    name = part.get("filename")
    name = headers.decode(name) if isinstance(name, str) else ""
    return Attachment(name or _unnamed(part, kind), kind, _size(_dict(part.get("body"))))


def _unnamed(part: Part, kind: str) -> str:
    """An attached mail goes by its subject, as in most mail programs."""
    if kind != "message/rfc822":
        return _UNNAMED.get(kind, "noname")
    inner = next((child for child in _children(part) if isinstance(child, dict)), part)
    subject = headers.decode(_header(inner, "subject"))
    return f"{subject or 'noname'}.eml"


def _decoded(part: Part) -> str:
    data = _dict(part.get("body")).get("data")
    if not isinstance(data, str) or not data:
        return ""
    charset = _CHARSET.search(_header(part, "content-type"))
    return charsets.decode(headers.lenient_base64(data), charset[1] if charset else "")


def _kind(part: Part) -> str:
    kind = part.get("mimeType")
    if isinstance(kind, str) and kind:
        return kind.lower()
    return "multipart/mixed" if _children(part) else "text/plain"


def _header(part: Part, name: str) -> str:
    listed = part.get("headers")
    for header in listed if isinstance(listed, list) else ():
        if isinstance(header, dict) and str(header.get("name")).lower() == name:
            return str(header.get("value") or "")
    return ""


def _leaves(part: Any, depth: int) -> Iterator[Part]:
    if not isinstance(part, dict) or depth > _DEEPEST:
        return
    if _kind(part).startswith("multipart/"):
        for child in _children(part):
            yield from _leaves(child, depth + 1)
    else:
        yield part


def _children(part: Part) -> list[Any]:
    children = part.get("parts")
    return children if isinstance(children, list) else []


def _size(body: Part) -> int:
    size = body.get("size")
    return size if isinstance(size, int) and size >= 0 else 0


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
