"""From a raw mail to what Graph knows of it beyond its head: body, preview, attachments."""

import re
from email.message import Message as Part
from html import escape, unescape
from typing import Literal

from msgspec import Struct

from infra.simulator import headers, mime

_INVISIBLE = re.compile(
    r"<(style|script|head|title)\b.*?(</\1\s*>|\Z)|<!--.*?(-->|\Z)", re.DOTALL | re.IGNORECASE
)
_BREAK = re.compile(r"<(br|/p|/div|/tr|/h\d|/li)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")  # stops at the next "<": a megabyte of them is read once
_PREVIEW = 255


class Attachment(Struct, frozen=True):
    kind: Literal["file", "item"]
    """An item is a mail within the mail."""
    name: str
    content_type: str
    content_id: str
    inline: bool
    content: bytes


class Reading(Struct):
    """A mail, read once and kept."""

    text: str
    html: str
    """"" when the mail has none."""
    attachments: list[Attachment]

    @property
    def size(self) -> int:
        """About the bytes it holds in memory."""
        return 2 * len(self.text + self.html) + sum(len(a.content) for a in self.attachments)

    @property
    def has_attachments(self) -> bool:
        """Inline ones do not count (Graph, message resource)."""
        return any(not attachment.inline for attachment in self.attachments)

    @property
    def preview(self) -> str:
        return " ".join(self.plain[: _PREVIEW * 8].split())[:_PREVIEW]

    @property
    def plain(self) -> str:
        return self.text or plain_text(self.html)

    def body(self, kind: str) -> str:
        """As `kind`, "text" or "html", whichever the mail was written in."""
        if kind == "text":
            return self.plain
        return self.html or _html(self.text)


def read(raw: bytes) -> Reading:
    """Never raises, whatever the mail."""
    reading = Reading("", "", [])
    _take(mime.parse(raw), reading, 0)
    return reading


def _take(part: Part, reading: Reading, depth: int) -> None:
    kind = part.get_content_type()
    children = mime.children(part)
    if children and kind.startswith("multipart/") and depth < mime.MAX_DEPTH:
        for child in children:
            _take(child, reading, depth + 1)
    elif children and kind == "message/rfc822":
        reading.attachments.append(_item(part, children[0]))
    elif kind in {"text/plain", "text/html"} and not _attached(part):
        _add_text(reading, kind, mime.leaf_text(part))
    else:
        reading.attachments.append(_file(part))


def _add_text(reading: Reading, kind: str, text: str) -> None:
    """Several texts of one kind follow each other, as signatures and list footers do."""
    if kind == "text/html":
        reading.html += text
    else:
        reading.text += ("\n" if reading.text else "") + text


def _attached(part: Part) -> bool:
    return bool(mime.file_name(part)) or _disposition(part) == "attachment"


def _file(part: Part) -> Attachment:
    content_id = mime.header(part, "Content-ID").strip("<>")
    return Attachment(
        kind="file",
        name=mime.file_name(part) or "attachment",
        content_type=part.get_content_type(),
        content_id=content_id,
        inline=_disposition(part) == "inline" or (bool(content_id) and not _disposition(part)),
        content=mime.whole(part),
    )


def _item(part: Part, mail: Part) -> Attachment:
    name = headers.decoded(mime.header(mail, "Subject")) or "attached mail"
    return Attachment(
        "item", name, "message/rfc822", "", _disposition(part) == "inline", mime.whole(part)
    )


def _disposition(part: Part) -> str:
    return mime.header(part, "Content-Disposition").partition(";")[0].strip().lower()


def plain_text(html: str) -> str:
    return unescape(_TAG.sub("", _BREAK.sub("\n", _INVISIBLE.sub("", html)))).strip()


def _html(text: str) -> str:
    shown = escape(text, quote=False).replace("\r\n", "\n").replace("\n", "<br>\r\n")
    return f'<html><body><div class="PlainText">{shown}</div></body></html>'
