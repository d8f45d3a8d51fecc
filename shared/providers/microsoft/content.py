"""Graph's body and attachments to the content of a mail.

Exchange has chosen the body, joined the texts and read the calendar. What it does not say stands in the
mail's own headers, where Graph shows them: not on sent mail.
https://learn.microsoft.com/graph/api/resources/message
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import unescape
from typing import Any

from shared.domain.mail import Attachment, Content, Invitation
from shared.mime import charsets, content_type, files, flowed, parts

Json = dict[str, Any]
Fields = Mapping[str, Sequence[str]]

EXPANDED = (
    "attachments($select=id,name,contentType,size,isInline,microsoft.graph.fileAttachment/contentId)",
    "microsoft.graph.eventMessage/event($select=subject,start,end,location,isAllDay)",
)
"""$expand for `content`. `contentId` is no property of attachments in general, hence its full name."""
_MAIL_ITEM = "#microsoft.graph.itemAttachment"
_METHODS = {
    "#microsoft.graph.eventMessageRequest": "request",
    "#microsoft.graph.eventMessageResponse": "reply",
    "#microsoft.graph.eventMessage": "cancel",
}
"""iTIP's word for the type of a mail about a meeting. `meetingMessageType` would say more, and comes
only without $select."""
_CONVERTED = re.compile(
    r'<!-- converted from (?:text|rtf) -->.*?<div class="PlainText">', re.DOTALL
)
_BREAK = re.compile(r"<br ?/?>(?:\r?\n)?|\r?\n", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")


def content(message: Json, fields: Fields) -> Content:
    """`fields` are the mail's own headers, as far as Graph shows them."""
    kind, parameters = _type(fields)
    plain, html = _body(message.get("body"))
    plain, html = charsets.reread(plain), charsets.reread(html)
    if plain and kind == "text/plain" and parameters.get("format", "").lower() == "flowed":
        plain = flowed.joined(plain, delsp=parameters.get("delsp", "").lower() == "yes")
    listed = _dicts(message.get("attachments"))
    closed = "encrypted" if kind == "multipart/encrypted" else ""
    for entry in listed:
        its_kind = _kind(entry)
        closed = closed or files.closed(its_kind, parameters if its_kind == kind else {})
    return parts.finished(
        plain,
        html,
        tuple(_attachments(listed)),
        invitation=_invitation(message),
        closed=closed,
        kind=kind,
    )


def _type(fields: Fields) -> tuple[str, dict[str, str]]:
    value = next(iter(fields.get("content-type", ())), "")
    return value.partition(";")[0].strip().lower(), content_type.parameters(value)


def _body(body: Any) -> tuple[str, str]:
    """Text and HTML. Of mail that has text alone Exchange makes HTML, which nobody wrote."""
    body = body if isinstance(body, dict) else {}
    written = charsets.clean(_text(body.get("content")))
    if _text(body.get("contentType")).lower() != "html":
        return written, ""
    made = _CONVERTED.search(written, 0, 20_000)
    return (_plain(written[made.end() :]), "") if made else ("", written)


def _plain(html: str) -> str:
    """The text that Exchange wrote out as HTML, its lines and spaces as they were."""
    text = _BREAK.sub(lambda found: "\n" if "<" in found[0] else "", html.partition("</div>")[0])
    return unescape(_TAG.sub("", text)).replace("\xa0", " ")


def _attachments(listed: Sequence[Json]) -> Iterator[Attachment]:
    for entry in listed:
        kind, size = _kind(entry), entry.get("size")
        yield Attachment(
            name=_name(entry, kind),
            mime_type=kind,
            size=size if isinstance(size, int) and size >= 0 else 0,
            content_id=_line(entry.get("contentId")).strip("<>"),
            inline=entry.get("isInline") is True,
        )


def _name(entry: Json, kind: str) -> str:
    """Graph calls an attached mail by its subject."""
    name = charsets.reread(charsets.clean(_text(entry.get("name")))).strip()
    if kind == "message/rfc822":
        return name if name.lower().endswith(".eml") else files.unnamed(kind, name)
    return name or files.unnamed(kind)


def _kind(entry: Json) -> str:
    kind = _text(entry.get("contentType")).lower()
    if entry.get("@odata.type") == _MAIL_ITEM:
        return kind or "message/rfc822"
    return kind or "application/octet-stream"


def _invitation(message: Json) -> Invitation | None:
    """Of a meeting's mail, whose text/calendar Exchange took out."""
    method = _METHODS.get(_text(message.get("@odata.type")))
    if method is None:
        return None
    event = message.get("event")
    event = event if isinstance(event, dict) else {}
    location = event.get("location")
    return Invitation(
        method=method,
        summary=_line(event.get("subject")) or _line(message.get("subject")),
        location=_line(location.get("displayName")) if isinstance(location, dict) else "",
        starts_at=_moment(event.get("start")),
        ends_at=_moment(event.get("end")),
        all_day=event.get("isAllDay") is True,
    )


def _moment(value: Any) -> datetime | None:
    """Graph's dateTimeTimeZone, which it writes in UTC unless it is asked for another."""
    value = value if isinstance(value, dict) else {}
    try:
        moment = datetime.fromisoformat(_text(value.get("dateTime"))[:26])
        return moment.replace(tzinfo=UTC) if value.get("timeZone") in {"UTC", None} else None
    except ValueError:
        return None


def _line(value: Any) -> str:
    return " ".join(charsets.clean(_text(value)).split())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _dicts(value: Any) -> list[Json]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
