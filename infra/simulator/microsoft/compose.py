"""From Graph's JSON of a message to the mail that leaves."""

import re
from collections.abc import Iterable
from email.header import Header
from email.message import Message as Part
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import formataddr
from typing import Any

from msgspec import Struct, field

from infra.simulator import headers
from infra.simulator.microsoft.reading import plain_text

_ADDRESS = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+")
_LINK = re.compile(r'<a\b[^>]*?href="([^"]*)"[^>]*>(.*?)</a\s*>', re.DOTALL | re.IGNORECASE)
_POLICY = compat32.clone(linesep="\r\n", max_line_length=998)
_THREADING = (("In-Reply-To", "string 0x1042"), ("References", "string 0x1039"))
"""What Exchange writes into the head from PidTagInReplyToId and PidTagInternetReferences."""


class Mailbox(Struct):
    address: str = ""
    name: str | None = None


class Recipient(Struct, rename="camel"):
    email_address: Mailbox

    @property
    def address(self) -> str:
        return self.email_address.address.strip()

    @property
    def valid(self) -> bool:
        return bool(_ADDRESS.fullmatch(self.address)) and self.address.isascii()

    def __str__(self) -> str:
        return formataddr((_line(self.email_address.name or ""), self.address))


class BodyIn(Struct, frozen=True, rename="camel"):
    content: str = ""
    content_type: str = "text"


class HeaderIn(Struct):
    name: str
    value: str


class PropertyIn(Struct):
    id: str
    value: str


class AttachmentIn(Struct, rename="camel"):
    name: str
    content_bytes: bytes
    content_type: str | None = None
    content_id: str | None = None
    is_inline: bool = False


class MessageIn(Struct, rename="camel", forbid_unknown_fields=True):
    """What of a message a program may set when it sends one; the untyped are taken and not used."""

    subject: str = ""
    body: BodyIn = BodyIn()
    to_recipients: list[Recipient] = []
    cc_recipients: list[Recipient] = []
    bcc_recipients: list[Recipient] = []
    reply_to: list[Recipient] = []
    sender_from: Recipient | None = field(name="from", default=None)
    sender: Recipient | None = None
    internet_message_headers: list[HeaderIn] = []
    single_value_extended_properties: list[PropertyIn] = []
    attachments: list[AttachmentIn] = []
    importance: str = "normal"
    categories: Any = None
    flag: Any = None
    is_delivery_receipt_requested: Any = None
    is_read_receipt_requested: Any = None
    internet_message_id: Any = None
    conversation_id: Any = None

    @property
    def recipients(self) -> list[Recipient]:
        return [*self.to_recipients, *self.cc_recipients, *self.bcc_recipients]

    @property
    def properties(self) -> dict[str, str]:
        return {given.id: given.value for given in self.single_value_extended_properties}


def mail(message: MessageIn) -> bytes:
    """Without From, Date and Message-ID, which are not the program's to say."""
    return headers.edited(_body(message).as_bytes(policy=_POLICY), add=list(_headers(message)))


def _headers(message: MessageIn) -> Iterable[tuple[str, str]]:
    people = (
        ("To", message.to_recipients),
        ("Cc", message.cc_recipients),
        ("Bcc", message.bcc_recipients),
        ("Reply-To", message.reply_to),
    )
    yield from ((name, ", ".join(map(str, group))) for name, group in people if group)
    yield "Subject", _words(message.subject)
    lowered = {key.lower(): value for key, value in message.properties.items()}
    yield from ((name, _line(lowered[key])) for name, key in _THREADING if key in lowered)
    if message.importance.lower() in {"low", "high"}:
        yield "Importance", message.importance.lower()
    yield from ((given.name, _words(given.value)) for given in message.internet_message_headers)


def _body(message: MessageIn) -> Part:
    if message.body.content_type.lower() == "html":
        text: Part = MIMEMultipart(
            "alternative",
            _subparts=[
                MIMEText(_text_beside(message.body.content), "plain", "utf-8"),
                MIMEText(message.body.content, "html", "utf-8"),
            ],
        )
    else:
        text = MIMEText(message.body.content, "plain", "utf-8")
    if not message.attachments:
        return text
    return MIMEMultipart("mixed", _subparts=[text, *map(_attached, message.attachments)])


def _text_beside(html: str) -> str:
    """Exchange's own: where a link leads stands behind its label."""
    return plain_text(_LINK.sub(r"\2&lt;\1&gt;", html))


def _attached(given: AttachmentIn) -> Part:
    part = MIMEApplication(given.content_bytes)
    kind = _line(given.content_type or "application/octet-stream")
    part.replace_header("Content-Type", kind)
    disposition = "inline" if given.is_inline else "attachment"
    part.add_header("Content-Disposition", disposition, filename=("utf-8", "", _line(given.name)))
    if given.content_id:
        part.add_header("Content-ID", f"<{_line(given.content_id)}>")
    return part


def _words(value: str) -> str:
    """RFC 2047 where it is not ASCII."""
    line = _line(value)
    return line if line.isascii() else Header(line, "utf-8").encode(linesep="\r\n")


def _line(value: str) -> str:
    return re.sub(r"[\r\n\x00]+", " ", value)
