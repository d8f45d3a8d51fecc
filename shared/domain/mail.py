"""Mail as every provider must hand it to us, and as we hand outgoing mail to a provider."""

import re
from datetime import datetime, timedelta
from enum import Enum

from msgspec import Struct

from shared.domain import ids

MOST_PEOPLE = 2_000
"""Of one mail; Google lets one have 2,000 recipients, Exchange 1,000. Each is looked up among contacts."""
MOST_ATTACHMENTS = 1_000
CLOCKS_APART = timedelta(minutes=5)
LONGEST_WAY = timedelta(days=5)


class Address(Struct, frozen=True):
    """`address` is normalised by `shared.mime.addresses`; `name` is what the sender wrote, "" if nothing."""

    address: str
    name: str = ""


class Kind(Enum):
    """Who or what wrote a mail; see `shared.mime.kinds`."""

    PERSON = "person"
    BULK = "bulk"
    """To many, or by a program that nobody's mail brought about."""
    AUTO_REPLY = "auto_reply"
    BOUNCE = "bounce"
    INVITATION = "invitation"
    """To a meeting, or its change, cancellation or answer."""

    @classmethod
    def _missing_(cls, _value: object) -> "Kind":
        return cls.PERSON


class Envelope(Struct, frozen=True, kw_only=True):
    """The headers of one message: all that matching a contact needs, and no content."""

    provider_id: str
    thread_id: str = ""
    message_id: str = ""
    """RFC 5322 Message-ID with its angle brackets, "" when the mail has none."""
    subject: str = ""
    snippet: str = ""
    at: datetime
    """When the provider received or sent it (Gmail's internalDate, Graph's receivedDateTime), UTC."""
    dated: datetime | None = None
    """The Date header, UTC; None when absent or unreadable."""
    sender: tuple[Address, ...] = ()
    """Who wrote it: From, or whom a mailing list that put itself there names as the author."""
    sent_by: Address | None = None
    """Who sent it for them: Sender, or the list that rewrote From; None when they did themselves."""
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    outgoing: bool = False
    """True when it lies among the mailbox's sent mail."""
    ignored: str = ""
    """Why it is no mail for a timeline (draft, spam, trash, chat); "" for ordinary mail."""
    mark: str = ""
    """The id of the email of ours that this is, "" for everything else."""
    kind: Kind = Kind.PERSON

    def participants(self) -> tuple[Address, ...]:
        """Everybody whom the headers name, whatever for."""
        sent_by = (self.sent_by,) if self.sent_by else ()
        return self.sender + sent_by + self.to + self.cc + self.bcc + self.reply_to

    def answered_to(self) -> tuple[Address, ...]:
        """Whom an answer goes to. To one's own mail it goes where that went."""
        return self.to if self.outgoing else self.reply_to or self.sender


class Attachment(Struct, frozen=True):
    """Size in bytes, decoded."""

    name: str
    mime_type: str
    size: int
    content_id: str = ""
    """What the HTML calls it after `cid:`, "" when it has no name there."""
    inline: bool = False
    """It belongs into the text, as a logo does, and is no file that somebody attached."""


class Invitation(Struct, frozen=True, kw_only=True):
    """A meeting that a mail is about. Times are aware UTC; of an all-day one its dates at midnight."""

    method: str = ""
    """iTIP's word (RFC 5546): request, reply, cancel …"""
    summary: str = ""
    location: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    all_day: bool = False


class Content(Struct, frozen=True, kw_only=True):
    """What a mail client shows. `html` is as it came: hostile until sanitised."""

    text: str = ""
    html: str = ""
    attachments: tuple[Attachment, ...] = ()
    quoted_from: int | None = None
    """The offset in `text`, in characters, from which on an earlier mail speaks; None when none does."""
    invitation: Invitation | None = None
    closed: str = ""
    """Why we cannot show what was written: "encrypted", "signed" (opaque S/MIME), "winmail" (Outlook's own
    format); "" for what everybody can read."""
    cut: bool = False
    """Text or HTML was longer than we keep."""


class Mail(Struct, frozen=True):
    envelope: Envelope
    content: Content


class OutgoingMail(Struct, frozen=True, kw_only=True):
    """A mail to be sent as the user. `mark` is our email's id: the provider keeps it on the mail."""

    mark: str
    sender: Address
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    subject: str = ""
    html: str = ""
    text: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    thread_id: str = ""


_ANSWERS = re.compile(
    r"\s*(?:re|aw|sv|vs|antw|odp|rif|ynt|回复|答复)\s*(?:\[\d+\])?\s*[:：]", re.IGNORECASE
)


def reply_subject(subject: str) -> str:
    """Of an answer to a mail with this subject, as mail programs write it. Gmail keeps an answer in its
    thread only with the same subject."""
    return subject if _ANSWERS.match(subject) else f"Re: {subject}".rstrip()


def sent_at(envelope: Envelope) -> datetime:
    """When a mail was sent, the same for all its copies: its Date header, where that agrees with the
    provider's own time of this copy. Anybody can write a Date; no mail travels for longer than a few
    days (RFC 5321, 4.5.4.1), or arrives before it leaves."""
    on_the_way = envelope.at - envelope.dated if envelope.dated else None
    if envelope.dated and on_the_way is not None and -CLOCKS_APART <= on_the_way <= LONGEST_WAY:
        return envelope.dated
    return envelope.at


def fingerprint(envelope: Envelope, mailbox_id: str) -> str:
    """The same for every copy of one mail, in whichever mailbox it lies.

    The Message-ID alone is not enough: real archives hold different mails under one. A mail without
    a Message-ID cannot be recognised elsewhere, so its fingerprint is its place in its mailbox.
    """
    if not envelope.message_id:
        return ids.derived("mail", mailbox_id, envelope.provider_id)
    dated = envelope.dated.isoformat() if envelope.dated else ""
    sender = envelope.sender[0].address if envelope.sender else ""
    subject = " ".join(envelope.subject.split())
    return ids.derived("mail", envelope.message_id, dated, sender, subject)


def too_costly(found: object) -> str:
    """Why an envelope or a mail is not taken in, "" for nearly all: each person is looked up, and
    each attachment is kept."""
    envelope = found.envelope if isinstance(found, Mail) else found
    if isinstance(envelope, Envelope) and len(envelope.participants()) > MOST_PEOPLE:
        return f"It names more than {MOST_PEOPLE:,} people."
    if isinstance(found, Mail) and len(found.content.attachments) > MOST_ATTACHMENTS:
        return f"It has more than {MOST_ATTACHMENTS:,} attachments."
    return ""
