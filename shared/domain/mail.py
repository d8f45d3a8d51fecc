"""Mail as every provider must hand it to us, and as we hand outgoing mail to a provider."""

from datetime import datetime

from msgspec import Struct

from shared.domain import ids

MOST_PEOPLE = 2_000
"""Of one mail; Google lets one have 2,000 recipients, Exchange 1,000. Each is looked up among contacts."""
MOST_ATTACHMENTS = 1_000


class Address(Struct, frozen=True):
    """`address` is normalised by `shared.mime.addresses`; `name` is what the sender wrote, "" if nothing."""

    address: str
    name: str = ""


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

    def participants(self) -> tuple[Address, ...]:
        return self.sender + self.to + self.cc + self.bcc + self.reply_to


class Attachment(Struct, frozen=True):
    """Size in bytes, decoded."""

    name: str
    mime_type: str
    size: int


class Content(Struct, frozen=True, kw_only=True):
    """What a mail client shows. `html` is as it came: hostile until sanitised."""

    text: str = ""
    html: str = ""
    attachments: tuple[Attachment, ...] = ()


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
