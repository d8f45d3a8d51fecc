"""Gmail's JSON of a message to ours. Pure, and never raises on odd trees: what is missing is empty.

Gmail has unfolded and mostly decoded the headers and undone every transfer encoding; text parts are
UTF-8 under their old charset label.
"""

from datetime import UTC, datetime
from html import unescape
from typing import Any

from shared.domain.mail import Address, Envelope, Mail
from shared.mime import addresses, authors, charsets, content_type, headers, kinds
from shared.mime.build import MARK_HEADER
from shared.providers.google.content import Fetch, content

METADATA_HEADERS = (
    "From",
    "To",
    "Cc",
    "Bcc",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    MARK_HEADER,
    *authors.HEADERS,
    *kinds.HEADERS,
)
"""What `envelope` reads."""
_IGNORED = {"DRAFT": "draft", "SPAM": "spam", "TRASH": "trash", "CHAT": "chat"}
_EPOCH = datetime.fromtimestamp(0, UTC)

Headers = dict[str, list[str]]
"""Values by lower-case name, in the order of the mail."""


def mail(message: dict[str, Any], fetch: Fetch = lambda _: None) -> Mail:
    """Of format=full; `fetch` as in `content`."""
    return Mail(envelope(message), content(message.get("payload"), fetch))


def envelope(message: dict[str, Any]) -> Envelope:
    """Of format=metadata or full. Raises KeyError when even the id is missing."""
    fields = _headers(message)
    labels = message.get("labelIds")
    labels = labels if isinstance(labels, list) else []
    dated = headers.parse_date(_first(fields, "date"))
    outgoing = "SENT" in labels
    subject, from_ = _line(fields, "subject"), _people(fields, "from")
    reply_to = _people(fields, "reply-to")
    sender, sent_by = authors.authors(from_, reply_to, fields)
    return Envelope(
        provider_id=message["id"],
        thread_id=_text(message.get("threadId")),
        message_id=headers.message_id(_first(fields, "message-id")),
        subject=subject,
        snippet=charsets.clean(unescape(_text(message.get("snippet")))),
        at=_moment(message.get("internalDate")) or dated or _EPOCH,
        dated=dated,
        sender=sender,
        sent_by=sent_by,
        to=_people(fields, "to"),
        cc=_people(fields, "cc"),
        bcc=_people(fields, "bcc"),
        reply_to=reply_to,
        in_reply_to=headers.message_id(_first(fields, "in-reply-to")),
        references=headers.message_ids(_first(fields, "references")),
        outgoing=outgoing,
        ignored=next((word for label, word in _IGNORED.items() if label in labels), ""),
        # Our recipients' copies carry our mark too, and anybody can write it into a mail to us.
        mark=_mark(fields) if outgoing else "",
        kind=kinds.kind(fields, sender=_first(fields, "from"), subject=subject),
    )


def mark_of_draft(draft: dict[str, Any]) -> str:
    """The mark of a drafts.get answer, "" for a draft that is not ours."""
    message = draft.get("message")
    return _mark(_headers(message)) if isinstance(message, dict) else ""


def _headers(message: dict[str, Any]) -> Headers:
    payload = message.get("payload")
    listed = payload.get("headers") if isinstance(payload, dict) else None
    found: Headers = {}
    for header in listed if isinstance(listed, list) else ():
        if isinstance(header, dict):
            name, value = header.get("name"), header.get("value")
            if isinstance(name, str) and isinstance(value, str):
                found.setdefault(name.lower(), []).append(value)
    return found


def _line(fields: Headers, name: str) -> str:
    """Of raw bytes in a charset that nobody names here, the body's is the best guess."""
    value = headers.decode(_first(fields, name))
    return value if value.isascii() else charsets.reread(value, hint=_charset(fields))


def _charset(fields: Headers) -> str:
    return content_type.parameters(_first(fields, "content-type")).get("charset", "")


def _first(fields: Headers, name: str) -> str:
    values = fields.get(name)
    return values[0] if values else ""


def _people(fields: Headers, name: str) -> tuple[Address, ...]:
    """Of every line of that name: a repeated To is not allowed, and is written all the same."""
    values = fields.get(name)
    if not values:
        return ()
    hint = "" if all(value.isascii() for value in values) else _charset(fields)
    return tuple(
        person
        for value in values
        for person in addresses.parse_list(
            value if value.isascii() else charsets.reread(value, hint=hint)
        )
    )


def _mark(fields: Headers) -> str:
    return _first(fields, MARK_HEADER.lower()).strip()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _moment(milliseconds: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
