"""Accounts and their mail, whichever vendor serves them: messages, labels, changes, delivery.

Labels are INBOX, SENT, DRAFT, TRASH, SPAM, UNREAD …; a vendor that thinks in folders derives them.
A label that is none of these names a folder of the owner's own, "Customers" or "Customers/Harbor".
"""

from bisect import bisect_right, insort
from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

from msgspec import Struct

from infra.simulator import headers

Kind = Literal["added", "deleted", "labels_added", "labels_removed"]


class Account(Struct, frozen=True):
    address: str
    name: str
    provider: str
    id: str
    """21 digits that never change, as Google's `sub`."""
    tenant: str = ""
    """The organisation it belongs to, where the vendor has such; "" leaves it to the vendor."""


class Message(Struct, frozen=True, kw_only=True):
    id: str
    account: str
    thread: str
    at: int
    """ms since 1970, what lists are ordered by."""
    labels: tuple[str, ...]
    size: int
    change: int
    """The number of the last change to it."""
    facts: headers.Facts
    properties: dict[str, str] = {}
    """What its owner's programs keep on it beside the mail, where the vendor has such."""


class Change(Struct, frozen=True, kw_only=True):
    number: int
    at: int
    kind: Kind
    message: str
    thread: str
    labels: tuple[str, ...]
    """The message's labels after the change (before it, for deleted)."""
    moved: tuple[str, ...] = ()
    """The labels that were added or removed."""


class Place(Struct, frozen=True):
    """A label that says where mail lies: it stays when no mail carries it any more."""

    account: str
    label: str


class Later(Struct, frozen=True, kw_only=True):
    """A mail that will lie in its mailbox only when its time has come."""

    account: str
    raw: bytes
    labels: tuple[str, ...]
    properties: dict[str, str]
    due: int


class Position(Struct, frozen=True):
    """Where an account's log of changes stands. Numbers only grow, with gaps."""

    last: int
    floor: int
    """Changes up to here are forgotten."""


class Left(Struct, frozen=True):
    """A mail to somebody outside of the simulator, as it left."""

    sender: str
    to: str
    at: int
    raw: bytes


PLACES = ("DRAFT", "TRASH", "SPAM", "SENT", "INBOX", "ARCHIVE")
"""Labels that say where a mail lies; every other but MARKS is a folder of the owner's own."""
MARKS = ("UNREAD", "STARRED", "IMPORTANT", "CHAT")
"""Labels that say something else; and so do Gmail's CATEGORY_…."""
FIRST_CHANGE = 2**53 + 1
"""Gmail's history ids are uint64: a client that reads them as floating point shall notice here."""
HISTORY_LIFETIME = timedelta(days=7)


def is_place(label: str) -> bool:
    """Whether a label says where a mail lies, in a folder of the owner's or another."""
    return label not in MARKS and not label.startswith("CATEGORY_")


class Mailbox:
    """One account's mail, in memory; the PostOffice stores what it changes."""

    def __init__(self, account: Account, position: Position) -> None:
        self.account = account
        self.position = position
        self.messages: dict[str, Message] = {}
        self.changes: list[Change] = []
        self.places: set[str] = set()
        self._order: list[tuple[int, str]] = []
        self._by_message_id: dict[str, list[str]] = {}

    def put(self, message: Message) -> None:
        if message.id not in self.messages:
            insort(self._order, (message.at, message.id))
            self._by_message_id.setdefault(message.facts.message_id, []).append(message.id)
        self.messages[message.id] = message
        self.places.update(filter(is_place, message.labels))

    def remove(self, message: Message) -> None:
        del self.messages[message.id]
        self._order.remove((message.at, message.id))
        self._by_message_id[message.facts.message_id].remove(message.id)

    def newest_first(self, before: tuple[int, str] | None = None) -> Iterator[Message]:
        """`before` is the (at, id) of the last message of an earlier page."""
        end = len(self._order) if before is None else bisect_right(self._order, before)
        for at_id in reversed(self._order[:end]):
            if at_id != before:
                yield self.messages[at_id[1]]

    def thread(self, thread: str) -> list[Message]:
        """Oldest first."""
        return [m for _, key in self._order if (m := self.messages[key]).thread == thread]

    def conversation(self, facts: headers.Facts, *, prefer: str = "") -> str:
        """The thread this mail answers: it names one of its messages and keeps the subject. "" if none.

        Of several, `prefer` wins, then the latest reference.
        """
        subject = headers.base_subject(facts.subject)
        threads = [
            message.thread
            for reference in reversed(facts.references)
            for message in map(self.messages.__getitem__, self._by_message_id.get(reference, ()))
            if headers.base_subject(message.facts.subject) == subject
        ]
        return prefer if prefer in threads else next(iter(threads), "")

    def changes_after(self, number: int) -> list[Change]:
        """Raises LookupError for a position that is forgotten or was never reached."""
        if not self.position.floor <= number <= self.position.last:
            raise LookupError(number)
        return self.changes[bisect_right(self.changes, number, key=lambda change: change.number) :]
