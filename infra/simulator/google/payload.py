"""From a raw mail to what Gmail's JSON shows of it."""

import base64
import re
from email.message import Message as Part
from functools import cached_property
from html import escape, unescape
from typing import Any

import msgspec
from msgspec import Struct

from infra.simulator import headers, mime
from infra.simulator.charsets import words

_ADDRESSED = {*headers.PEOPLE, "sender", "delivered-to", "return-path", "resent-from", "resent-to"}
_INVISIBLE = re.compile(
    r"<(style|script|head|title)\b.*?(</\1\s*>|\Z)|<!--.*?(-->|\Z)", re.DOTALL | re.IGNORECASE
)
_TAG = re.compile(r"<[^>]*>")
_SNIPPET = 200
_SHOWN = 20_000
"""Characters of a body that are looked at for a snippet and by the search."""


class Reading(Struct, dict=True):
    """A mail, read once and kept."""

    headers: list[dict[str, str]]
    payload: msgspec.Raw
    """The `payload` of format=full."""
    mime_type: str
    snippet: str
    searched: str
    """Subject, people and body, as they are."""
    attachments: dict[str, bytes]
    """By attachment id."""
    named: bool
    """Some part carries a file name: has:attachment."""

    @property
    def size(self) -> int:
        """About the bytes it holds in memory, words included."""
        kept = sum(map(len, self.attachments.values()))
        return len(bytes(self.payload)) + kept + 2 * len(self.searched)

    @cached_property
    def text(self) -> str:
        """What a search for words looks at."""
        return words(self.searched)


def read(raw: bytes) -> Reading:
    """Never raises, whatever the mail."""
    root = mime.parse(raw)
    builder = _Builder()
    payload = builder.node(root, "", 0)
    shown = builder.plain or _html_text(builder.html)
    fields = payload["headers"]
    people = " ".join(h["value"] for h in fields if h["name"].lower() in _ADDRESSED | {"subject"})
    return Reading(
        headers=fields,
        payload=msgspec.Raw(msgspec.json.encode(payload)),
        mime_type=payload["mimeType"],
        snippet=_snippet(shown),
        searched=f"{people} {shown}",
        attachments=builder.attachments,
        named=builder.named,
    )


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class _Builder:
    """Walks the tree once and collects what there is besides the tree."""

    def __init__(self) -> None:
        self.plain = ""
        self.html = ""
        self.attachments: dict[str, bytes] = {}
        self.named = False

    def node(self, part: Part, part_id: str, depth: int) -> dict[str, Any]:
        mime_type = part.get_content_type()
        name = mime.file_name(part)
        self.named = self.named or bool(name)
        node: dict[str, Any] = {
            "partId": part_id,
            "mimeType": mime_type,
            "filename": name,
            "headers": _headers(part),
        }
        children = _children(part) if depth < mime.MAX_DEPTH else []
        node["body"] = self._body(part, part_id, name, bool(children))
        if children:
            stem = f"{part_id}." if part_id else ""
            node["parts"] = [self.node(c, f"{stem}{i}", depth + 1) for i, c in enumerate(children)]
        return node

    def _body(self, part: Part, part_id: str, name: str, inner: bool) -> dict[str, Any]:
        if inner and (not name or part.get_content_maintype() == "multipart"):
            return {"size": 0}
        data = mime.whole(part) if inner or name else self._data(part)
        if not name:
            return {"size": len(data)} | ({"data": base64url(data)} if data else {})
        key = "ANGjdJ" + base64url(f"part {part_id}".encode())
        self.attachments[key] = data
        return {"attachmentId": key, "size": len(data)}

    def _data(self, part: Part) -> bytes:
        """Gmail serves text as UTF-8, whatever it was written in; as it came where that is not said."""
        if part.get_content_maintype() != "text":
            return mime.whole(part)
        text = mime.leaf_text(part)
        if part.get_content_subtype() == "html":
            self.html = self.html or text[:_SHOWN]
        else:
            self.plain = self.plain or text[:_SHOWN]
        return text.encode("utf-8", "replace") if mime.charset(part) else mime.content(part)


def _children(part: Part) -> list[Part]:
    """What Gmail shows as parts: of a multipart or an attached mail, not of a delivery status."""
    multiple = part.get_content_maintype() == "multipart"
    return mime.children(part) if multiple or part.get_content_type() == "message/rfc822" else []


def _headers(part: Part) -> list[dict[str, str]]:
    return [{"name": name, "value": _value(name, value)} for name, value in part.raw_items()]


def _value(name: str, value: object) -> str:
    return headers.decoded(mime.field_text(value), structured=name.lower() in _ADDRESSED)


def _html_text(html: str) -> str:
    return unescape(_TAG.sub(" ", _INVISIBLE.sub(" ", html)))


def _snippet(text: str) -> str:
    """Gmail's snippets are HTML-escaped."""
    shown = " ".join(text[: _SNIPPET * 4].split())[:_SNIPPET]
    return escape(shown).replace("&#x27;", "&#39;")
