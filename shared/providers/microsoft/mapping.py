"""Graph's messages to ours. Pure, and nothing a message holds or lacks makes it raise.

https://learn.microsoft.com/graph/api/resources/message
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from shared.domain.mail import Address, Envelope, Mail
from shared.mime import addresses, authors, charsets, headers, kinds
from shared.providers.microsoft.content import EXPANDED, content
from shared.providers.microsoft.folders import Folders

MARK = "String {8f5e2c0a-3d0f-4b7e-9d6b-51c3f1a7e2d4} Name MailbridgeEmail"
"""The property of our own that carries an email's id. Only we and the mailbox's owner can write it."""
IN_REPLY_TO = "String 0x1042"
"""PidTagInReplyToId. Exchange reads the header into it and writes the header from it."""
REFERENCES = "String 0x1039"
"""PidTagInternetReferences, likewise."""

HEADERS = (
    "id,parentFolderId,conversationId,internetMessageId,subject,from,sender,toRecipients,ccRecipients,"
    "bccRecipients,replyTo,receivedDateTime,sentDateTime,isDraft"
)
"""$select for all that matching a contact needs."""
_PROPERTIES = quote(" or ".join(f"id eq '{id_}'" for id_ in (MARK, IN_REPLY_TO, REFERENCES)))
_EXTENDED = f"singleValueExtendedProperties($filter={_PROPERTIES})"
_MORE = f"{HEADERS},bodyPreview,internetMessageHeaders"
ENVELOPE_QUERY = f"$select={_MORE}&$expand={_EXTENDED}"
MAIL_QUERY = f"$select={_MORE},body&$expand={','.join(EXPANDED)},{_EXTENDED}"
_EPOCH = datetime.fromtimestamp(0, UTC)

Json = dict[str, Any]


def mail(message: Json, folders: Folders) -> Mail:
    """Of MAIL_QUERY."""
    return Mail(envelope(message, folders), content(message, _headers(message)))


def envelope(message: Json, folders: Folders) -> Envelope:
    """Of ENVELOPE_QUERY, or of HEADERS, which say nothing of snippet, mark, references and kind."""
    properties, fields = _properties(message), _headers(message)
    dated = _moment(message.get("sentDateTime"))
    folder = _text(message.get("parentFolderId"))
    from_ = _people(message.get("from")) or _people(message.get("sender"))
    reply_to, subject = _people(message.get("replyTo")), _line(message.get("subject"))
    sender, sent_by = authors.authors(from_, reply_to, _with_sender(fields, message))
    to, cc = _people(message.get("toRecipients")), _people(message.get("ccRecipients"))
    filed = folder != folders.inbox and _is_own(from_, to + cc, folders.owner)
    return Envelope(
        provider_id=_text(message.get("id")),
        thread_id=_text(message.get("conversationId")),
        message_id=headers.message_id(_text(message.get("internetMessageId"))),
        subject=subject,
        snippet=_line(message.get("bodyPreview")),
        at=_moment(message.get("receivedDateTime")) or dated or _EPOCH,
        dated=dated,
        sender=sender,
        sent_by=sent_by,
        to=to,
        cc=cc,
        bcc=_people(message.get("bccRecipients")),
        reply_to=reply_to,
        in_reply_to=headers.message_id(properties.get(IN_REPLY_TO.lower(), "")),
        references=headers.message_ids(properties.get(REFERENCES.lower(), "")),
        outgoing=folder == folders.sent or filed,
        ignored=ignored(message, folders),
        # A colleague's Exchange may hand our property over; among sent mail it is the owner's own.
        mark=properties.get(MARK.lower(), "") if folder == folders.sent else "",
        kind=kinds.kind(fields, sender=_written(message.get("from")), subject=subject),
    )


def ignored(message: Json, folders: Folders) -> str:
    """Why it is no mail for a timeline, "" when it is."""
    if message.get("isDraft") is True:
        return "draft"
    return folders.ignored(_text(message.get("parentFolderId")))


def is_whole(message: Json) -> bool:
    """Whether a page of changes holds all that matching needs. Of a changed message it may hold the change
    alone; and whom a mailing list hides only the mail's own headers tell."""
    held = all(name in message for name in ("parentFolderId", "receivedDateTime", "toRecipients"))
    return held and not authors.is_rewritten(_people(message.get("from")))


def _is_own(sender: Sequence[Address], recipients: Sequence[Address], owner: str) -> bool:
    """Sent mail that its owner filed elsewhere. A copy to oneself is another message, which arrived."""
    authors = {person.address for person in sender}
    return owner in authors and owner not in {person.address for person in recipients}


def _headers(message: Json) -> dict[str, list[str]]:
    """The mail's own, by lower-case name; none of sent mail, where Graph does not show them."""
    found: dict[str, list[str]] = {}
    for header in _dicts(message.get("internetMessageHeaders")):
        found.setdefault(_text(header.get("name")).lower(), []).append(_text(header.get("value")))
    return found


def _with_sender(fields: dict[str, list[str]], message: Json) -> dict[str, list[str]]:
    """Exchange reads Sender itself, and answers From where there is none."""
    return fields | {"sender": [_written(message.get("sender"))]}


def _written(recipient: Any) -> str:
    entry = recipient.get("emailAddress") if isinstance(recipient, dict) else None
    entry = entry if isinstance(entry, dict) else {}
    name = _line(entry.get("name")).replace("\\", "").replace('"', "")
    return f'"{name}" <{_text(entry.get("address"))}>'


def _properties(message: Json) -> dict[str, str]:
    """Extended properties by lower-case id: Graph answers GUIDs in letters of its own choice."""
    return {
        _text(entry.get("id")).lower(): _text(entry.get("value"))
        for entry in _dicts(message.get("singleValueExtendedProperties"))
    }


def _people(recipients: Any) -> tuple[Address, ...]:
    """Of one recipient or a list. What is no address (X.500 names within an organisation) gives nobody."""
    listed = [recipients] if isinstance(recipients, dict) else recipients
    people: list[Address] = []
    for recipient in _dicts(listed):
        entry = recipient.get("emailAddress")
        if isinstance(entry, dict):
            people += _person(_text(entry.get("address")), _line(entry.get("name")))
    return tuple(people)


def _person(address: str, name: str) -> Iterator[Address]:
    """Graph repeats the address as the name where the mail gives none."""
    for found in addresses.parse_list(address)[:1]:
        unnamed = name.strip("<>'\" ").lower() == address.strip("<>'\" ").lower()
        yield Address(found.address, "" if unnamed else name)


def _line(value: Any) -> str:
    return " ".join(charsets.reread(charsets.clean(_text(value))).split())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _dicts(value: Any) -> list[Json]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _moment(value: Any) -> datetime | None:
    """Whole seconds, as in a Date header, so that copies elsewhere have the same. .NET writes the
    year 1 where it knows of no time."""
    try:
        moment = datetime.fromisoformat(_text(value))
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return moment.replace(microsecond=0) if moment.year > 1 else None
