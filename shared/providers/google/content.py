"""The part tree of Gmail's format=full to the parts of a mail.

https://developers.google.com/workspace/gmail/api/reference/rest/v1/users.messages#MessagePart
"""

import re
from collections.abc import Callable
from typing import Any

from shared.domain.mail import Content
from shared.mime import charsets, content_type, headers, parts
from shared.mime.parts import DEEPEST

Part = dict[str, Any]

Fetch = Callable[[str], Any]
"""The `data` of an attachment id."""

_LARGEST = 4 * parts.MAX_TEXT
"""Bytes of a text that is asked for; what is larger no program shows, and it is listed."""


def content(payload: Any, fetch: Fetch = lambda _: None) -> Content:
    """Never raises, however odd the tree, but for what `fetch` raises. It is asked for the texts that
    Gmail did not send along and that are shown, not for files."""
    return parts.content(_part(payload if isinstance(payload, dict) else {}, fetch, 0))


def attachment(payload: Any, number: int, fetch: Fetch) -> Part:
    """The body of the attachment of that number, as `content` lists them; {} when there is none."""
    root = _part(payload if isinstance(payload, dict) else {}, fetch, 0)
    found = parts.listed(root)[number : number + 1] if number >= 0 else []
    return _dict(found[0].source) if found else {}


def _part(part: Part, fetch: Fetch, depth: int) -> parts.Part:
    kind, body = _kind(part, depth), _dict(part.get("body"))
    children = _children(part) if depth < DEEPEST else []
    disposition = _header(part, "content-disposition").partition(";")[0].strip().lower()
    name = part.get("filename")
    return parts.Part(
        kind=kind,
        parameters=_parameters(part) if kind.startswith(("text/", "application/")) else {},
        name=headers.decode(name) if isinstance(name, str) else "",
        disposition=disposition,
        content_id=_header(part, "content-id").strip().strip("<>"),
        size=_size(body),
        subject=_subject(children) if kind == "message/rfc822" else "",
        read=_reader(part, kind, body, fetch),
        source=body,
        children=tuple(_part(child, fetch, depth + 1) for child in children)
        if kind.startswith("multipart/")
        else (),
    )


def _reader(part: Part, kind: str, body: Part, fetch: Fetch) -> Callable[[], str] | None:
    if kind not in parts.READ or _size(body) > _LARGEST:
        return None
    data, attachment = body.get("data"), body.get("attachmentId")
    if data or not isinstance(attachment, str):
        return lambda: _decoded(part, kind, data)
    return lambda: _decoded(part, kind, fetch(attachment))


def _decoded(part: Part, kind: str, data: Any) -> str:
    raw = headers.lenient_base64(data if isinstance(data, str) else "")
    charset = _parameters(part).get("charset", "")
    return charsets.of_html(raw, charset) if kind == "text/html" else charsets.decode(raw, charset)


def _parameters(part: Part) -> dict[str, str]:
    return content_type.parameters(_header(part, "content-type"))


def _subject(children: list[Part]) -> str:
    return headers.decode(_header(children[0], "subject")) if children else ""


def _kind(part: Part, depth: int) -> str:
    """A group without parts holds what was written all the same, unless it lies too deep to be read."""
    kind = part.get("mimeType")
    kind = kind.lower() if isinstance(kind, str) else ""
    if _children(part):
        return kind or "multipart/mixed"
    if kind.startswith("multipart/"):
        data = _dict(part.get("body")).get("data")
        begin = headers.lenient_base64(data[:400]) if isinstance(data, str) else b""
        unread = depth >= _DEEP and _SOURCE.match(begin)
        return kind if unread or not (begin or depth) else "text/plain"
    return kind or "text/plain"


_DEEP = 20
_SOURCE = re.compile(rb"\s*(?:--[^\r\n]{1,80}\s+)?content-[a-z-]{1,30}:", re.IGNORECASE)
"""How parts begin that nobody took apart."""


def _header(part: Part, name: str) -> str:
    listed = part.get("headers")
    for header in listed if isinstance(listed, list) else ():
        if isinstance(header, dict) and str(header.get("name")).lower() == name:
            return str(header.get("value") or "")
    return ""


def _children(part: Part) -> list[Part]:
    children = part.get("parts")
    return [one for one in children if isinstance(one, dict)] if isinstance(children, list) else []


def _size(body: Part) -> int:
    size = body.get("size")
    return size if isinstance(size, int) and size >= 0 else 0


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
