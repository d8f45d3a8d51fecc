"""From a raw mail to what Graph knows of it beyond its head: body, preview, attachments."""

import re
from email.message import Message as Part
from html import escape, unescape
from typing import Literal

from msgspec import Struct

from infra.simulator import headers, mime
from infra.simulator.microsoft import meetings
from infra.simulator.microsoft.meetings import Meeting

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
    """"" when nobody named it."""
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
    meeting: Meeting | None = None
    """What its text/calendar says, which Exchange takes out."""
    texts: int = 0

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
    blocks = _blocks(mime.parse(raw), reading, 0, first=True)
    if any(block.html for block in blocks):
        reading.html = "\r\n".join(b.text if b.html else _div(b.text) for b in blocks)
    elif blocks:
        reading.text = "\n".join(block.text.removesuffix("\r\n") for block in blocks[:-1])
        reading.text += "\n" * (len(blocks) > 1) + blocks[-1].text
    elif reading.meeting:
        reading.text = reading.meeting.description or reading.meeting.subject
    return reading


class _Block(Struct, frozen=True):
    """A text that belongs into the body, in the order of the mail."""

    text: str
    html: bool = False


def _blocks(
    part: Part, reading: Reading, depth: int, *, first: bool, choice: bool = False
) -> list[_Block]:
    kind = part.get_content_type()
    children = mime.children(part)
    if children and kind.startswith("multipart/") and depth < mime.MAX_DEPTH:
        return _group(kind, children, reading, depth)
    if kind.startswith("multipart/") and not children:
        lost = mime.leaf_text(part)
        return [_Block(lost)] if lost.strip() else []
    if children and kind == "message/rfc822":
        reading.attachments.append(_item(part, children[0]))
        return []
    if kind in _BODIES and not _attached(part, first, reading):
        text = mime.leaf_text(part)
        reading.texts += bool(text.strip())
        text = _unenriched(text) if kind == "text/enriched" else text
        return [_Block(text, html=kind == "text/html")] if text.strip() else []
    if kind == "text/calendar" and _disposition(part) != "attachment":
        meeting = meetings.read(mime.leaf_text(part))
        reading.meeting = reading.meeting or meeting
        if meeting:
            return (
                [] if choice or reading.texts else [_Block(meeting.description or meeting.subject)]
            )
    reading.attachments.append(_file(part))
    return []


_BODIES = {"text/plain", "text/html", "text/enriched"}
_TWINS = {"text/x-amp-html", "text/watch-html"}


def _group(kind: str, children: list[Part], reading: Reading, depth: int) -> list[_Block]:
    """Of alternatives the richest is the body, and all plain text but the first is added to it."""
    choice = kind == "multipart/alternative"
    rich = choice and any(child.get_content_type() in _BODIES for child in children)
    wanted = [c for c in children if not (rich and c.get_content_type() in _TWINS)]
    shown = [
        _blocks(child, reading, depth + 1, first=number == 0, choice=choice)
        for number, child in enumerate(wanted)
    ]
    rich_ones = [blocks for blocks in shown if any(block.html for block in blocks)]
    if not choice or not rich_ones:
        return [block for blocks in shown for block in blocks]
    added = [blocks for blocks in shown if blocks and blocks not in rich_ones][1:]
    return [block for blocks in rich_ones + added for block in blocks]


def _attached(part: Part, first: bool, reading: Reading) -> bool:
    """A text with a name is the body where there is no other before it."""
    if _disposition(part) == "attachment":
        return True
    return bool(mime.file_name(part)) and not first and bool(reading.texts)


def _unenriched(text: str) -> str:
    """RFC 1896: one line end is a space."""
    lines = re.sub(r"\n(\n*)", lambda run: run[1] or " ", text.replace("\r\n", "\n"))
    return _TAG.sub("", re.sub(r"<param>[^<]*</param>", "", lines.replace("<<", "&lt;"))).replace(
        "&lt;", "<"
    )


def _file(part: Part) -> Attachment:
    content_id = mime.header(part, "Content-ID").strip("<>")
    return Attachment(
        kind="file",
        name=mime.file_name(part),
        content_type=part.get_content_type(),
        content_id=content_id,
        inline=_disposition(part) == "inline" or (bool(content_id) and not _disposition(part)),
        content=mime.whole(part),
    )


def _item(part: Part, mail: Part) -> Attachment:
    name = headers.decoded(mime.header(mail, "Subject"))
    return Attachment(
        "item", name, "message/rfc822", "", _disposition(part) == "inline", mime.whole(part)
    )


def _disposition(part: Part) -> str:
    return mime.header(part, "Content-Disposition").partition(";")[0].strip().lower()


def plain_text(html: str) -> str:
    return unescape(_TAG.sub("", _BREAK.sub("\n", _INVISIBLE.sub("", html)))).strip()


def _html(text: str) -> str:
    """What Exchange makes of a mail in text alone. It says so in a comment."""
    return (
        '<html><head>\r\n<meta http-equiv="Content-Type" content="text/html; charset=utf-8">'
        '<meta name="Generator" content="Microsoft Exchange Server">\r\n<!-- converted from text -->'
        "<style><!-- .EmailQuote { margin-left: 1pt; padding-left: 4pt; border-left: #800000 2px solid; }"
        ' --></style></head>\r\n<body>\r\n<font size="2"><span style="font-size:11pt;">'
        f"{_div(text)}</span></font>\r\n</body>\r\n</html>\r\n"
    )


def _div(text: str) -> str:
    """Each line end a break, and of several spaces all but the last kept from collapsing."""
    shown = escape(text, quote=False).replace("\r\n", "\n").replace("\n", "<br>\r\n")
    shown = re.sub(r"  +", lambda run: "&nbsp;" * (len(run[0]) - 1) + " ", shown)
    return f'<div class="PlainText">{shown}</div>'
