"""A stored message: a small document to list, and its body apart, in pieces a store can hold."""

from collections.abc import Iterator

from msgspec import Struct

from shared.domain import ids
from shared.domain.emails import Email
from shared.domain.mail import Attachment, Content, Envelope, Invitation, Kind, Mail, fingerprint

PIECE_BYTES = 700_000
"""UTF-8 bytes of one piece: below Firestore's 1 MiB a document, with room for the rest of it."""


class Message(Struct, kw_only=True):
    id: str
    team_id: str
    mailbox_id: str
    user_id: str
    """Who wrote it through us, or else whose mailbox it lies in."""
    fingerprint: str
    """What all copies of the mail have in common, in whichever mailbox; see `mail.fingerprint`."""
    envelope: Envelope
    thread: str = ""
    """Our id of its conversation, "" where an earlier release stored it."""
    email_id: str = ""
    """The email of ours that became this message, "" otherwise."""
    contact_ids: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    pieces: int = 0
    kind: Kind = Kind.PERSON
    invitation: Invitation | None = None
    closed: str = ""
    quoted_from: int | None = None
    cut: bool = False
    """These five as in `mail.Content`; an invitation is one however its headers look."""

    @property
    def in_thread(self) -> str:
        """Our id of its conversation."""
        return ids.derived("thread", self.mailbox_id, self.envelope.thread_id)


class BodyPiece(Struct, kw_only=True):
    """Concatenating the pieces in order gives the text and the HTML."""

    text: str = ""
    html: str = ""


def message_id(mailbox_id: str, provider_id: str) -> str:
    return ids.derived("message", mailbox_id, provider_id)


def from_mail(
    mail: Mail,
    *,
    team_id: str,
    mailbox_id: str,
    owner_id: str,
    author: Email | None,
    contact_ids: tuple[str, ...],
    pieces: int,
) -> Message:
    """`author` is the email of ours that the mail was, None for everybody else's mail."""
    return Message(
        id=message_id(mailbox_id, mail.envelope.provider_id),
        team_id=team_id,
        mailbox_id=mailbox_id,
        user_id=author.user_id if author else owner_id,
        fingerprint=fingerprint(mail.envelope, mailbox_id),
        envelope=mail.envelope,
        thread=ids.derived("thread", mailbox_id, mail.envelope.thread_id),
        email_id=author.id if author else "",
        contact_ids=contact_ids,
        attachments=mail.content.attachments,
        pieces=pieces,
        kind=Kind.INVITATION if mail.content.invitation else mail.envelope.kind,
        invitation=mail.content.invitation,
        closed=mail.content.closed,
        quoted_from=mail.content.quoted_from,
        cut=mail.content.cut,
    )


def body_pieces(content: Content) -> list[BodyPiece]:
    """One where both fit into it, as nearly always."""
    size = sum(len(part.encode("utf-8", "replace")) for part in (content.text, content.html))
    if 0 < size <= PIECE_BYTES:
        return [BodyPiece(text=content.text, html=content.html)]
    return [BodyPiece(text=part) for part in _cut(content.text)] + [
        BodyPiece(html=part) for part in _cut(content.html)
    ]


def _cut(text: str) -> Iterator[str]:
    """Pieces of at most PIECE_BYTES each, cut between characters."""
    data = text.encode("utf-8", "replace")
    if len(data) <= PIECE_BYTES:
        if text:
            yield text
        return
    start = 0
    while start < len(data):
        end = min(start + PIECE_BYTES, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        yield data[start:end].decode()
        start = end
