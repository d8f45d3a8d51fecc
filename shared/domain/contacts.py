"""Contacts, the addresses that find them, and the lines of their timelines."""

from datetime import datetime
from enum import Enum

from msgspec import Struct, field, structs

from shared.domain import ids
from shared.domain.mail import Kind, sent_at
from shared.domain.messages import Message


class Contact(Struct, kw_only=True):
    id: str
    team_id: str
    name: str = ""
    addresses: tuple[str, ...] = ()
    """Normalised, at least one; each belongs to this contact alone within the team."""
    created_at: datetime
    revision: int = 0
    """How many events told of it."""
    created_by: str = ""
    """The user who added it, "" where an earlier release did not ask."""


class ContactAddress(Struct, kw_only=True):
    """The index entry that turns an address into contacts with one read."""

    address: str
    team_id: str
    contact_ids: tuple[str, ...]
    added_at: datetime


class Direction(Enum):
    INCOMING = "incoming"
    OUTGOING = "outgoing"


class Activity(Struct, kw_only=True):
    """One mail on one contact's timeline, however many of the team's mailboxes hold a copy of it."""

    id: str
    team_id: str
    contact_id: str
    kind: str = "email"
    direction: Direction
    at: datetime
    user_id: str
    """Who wrote it, or in whose mailbox it arrived."""
    mailbox_id: str
    message_id: str
    """Our message that the line links to."""
    subject: str = ""
    snippet: str = ""
    mail_kind: Kind = Kind.PERSON
    revision: int = 0
    """How many events told of it."""
    author_id: str = ""
    """Who wrote it through us, "" where nobody did."""
    copies: dict[str, str] = field(default_factory=dict)
    """Every stored copy: a place (mailbox, and whether sent or received) → our message id."""
    threads: dict[str, str] = field(default_factory=dict)
    """Place → the provider's thread id of that copy."""

    @property
    def leading(self) -> str:
        """The place of the copy that it links to."""
        return next((place for place, id in self.copies.items() if id == self.message_id), "")


def activity_id(contact_id: str, fingerprint: str, *more: str) -> str:
    return ids.derived("activity", contact_id, fingerprint, *more)


def copy_place(mailbox_id: str, outgoing: bool) -> str:
    """Where a copy lies. Mail to oneself lies in one mailbox twice, sent and received."""
    return f"{mailbox_id}/{'sent' if outgoing else 'received'}"


def mailbox_of_place(place: str) -> str:
    return place.partition("/")[0]


def is_sent(place: str) -> bool:
    return place.endswith("/sent")


def activity_of(message: Message, contact_id: str) -> Activity:
    """The line of a mail of which this is the only copy."""
    envelope = message.envelope
    place = copy_place(message.mailbox_id, envelope.outgoing)
    return Activity(
        id=activity_id(contact_id, message.fingerprint),
        team_id=message.team_id,
        contact_id=contact_id,
        direction=Direction.OUTGOING if envelope.outgoing else Direction.INCOMING,
        at=sent_at(envelope),
        user_id=message.user_id,
        mailbox_id=message.mailbox_id,
        message_id=message.id,
        subject=envelope.subject,
        snippet=envelope.snippet,
        mail_kind=message.kind,
        author_id=message.user_id if message.email_id else "",
        copies={place: message.id},
        threads={place: envelope.thread_id},
    )


def with_copy(held: Activity | None, fresh: Activity) -> Activity:
    """The line once another copy of its mail is known.

    Who wrote the mail says more than who received it, so a sent copy takes the line over; between
    equals the first one stays.
    """
    if held is None:
        return fresh
    sent_now = fresh.direction is Direction.OUTGOING and held.direction is Direction.INCOMING
    return structs.replace(
        fresh if sent_now else held,
        id=held.id,
        revision=held.revision,
        copies=held.copies | fresh.copies,
        threads=held.threads | fresh.threads,
    )


def address_id(address: str) -> str:
    return ids.derived("address", address)
