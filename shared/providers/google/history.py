"""Gmail's history: where a walk stands, and what one page of it says."""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from shared.domain.errors import CursorExpired

_HIDING = frozenset({"DRAFT", "SPAM", "TRASH"})
"""Labels under which a message is no mail for a timeline, until they are taken off."""


MOST_WITHOUT_PROGRESS = 20
"""Pages behind one start; a page of real records has an id that serves as the next."""


class Cursor(Struct, frozen=True):
    """Everything up to history id `start` is known. `page` goes on within a walk that began there:
    a page may hold no record whose id could serve as the next start."""

    start: int
    page: str = ""
    pages: int = 0
    """How many lie between `start` and `page`."""

    def __str__(self) -> str:
        return f"{self.start}:{self.page} {self.pages}" if self.page else str(self.start)

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        start, _, rest = text.partition(":")
        page, counted, pages = rest.rpartition(" ")
        if not (start.isascii() and start.isdecimal()):
            raise CursorExpired("This is no position in a Gmail mailbox.")
        return cls(int(start), page, number(pages)) if counted else cls(int(start), rest)


def page_ids(answer: dict[str, Any]) -> tuple[str, ...]:
    """Ids of the messages of a page that came, or left draft, spam or trash; each once, in order.

    A message that came as draft or spam is not among them: if it ever becomes mail, its leaving that
    label is a record of its own.
    """
    return tuple(dict.fromkeys(id_ for record in _records(answer) for id_ in _arrived(record)))


def after(cursor: Cursor, answer: dict[str, Any]) -> Cursor:
    """Where to go on after a page.

    Ids are uint64 in text: as floats they would collide. The last record of a page is a safe start,
    which a page token, short-lived and Gmail's own, is not.
    """
    token = answer.get("nextPageToken")
    if not isinstance(token, str) or not token:
        return Cursor(max(cursor.start, number(answer.get("historyId"))))
    last = max((number(record.get("id")) for record in _records(answer)), default=0)
    return Cursor(last) if last > cursor.start else Cursor(cursor.start, token, cursor.pages + 1)


def leads_nowhere(before: Cursor, after: Cursor) -> bool:
    """Pages that go on without a record: the same again, or too many."""
    again = bool(after.page) and (after.start, after.page) == (before.start, before.page)
    return again or after.pages >= MOST_WITHOUT_PROGRESS


def _arrived(record: dict[str, Any]) -> Iterator[str]:
    for entry in _dicts(record.get("messagesAdded")):
        message = entry.get("message")
        if isinstance(message, dict) and not _HIDING & _labels(message):
            yield from _id(message)
    for entry in _dicts(record.get("labelsRemoved")):
        message = entry.get("message")
        if isinstance(message, dict) and _HIDING & _labels(entry):
            yield from _id(message)


def _id(message: dict[str, Any]) -> Iterator[str]:
    if isinstance(message.get("id"), str):
        yield message["id"]


def _labels(entry: dict[str, Any]) -> set[str]:
    labels = entry.get("labelIds")
    return (
        {label for label in labels if isinstance(label, str)} if isinstance(labels, list) else set()
    )


def _records(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return _dicts(answer.get("history"))


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def number(value: Any) -> int:
    """A history id; 0, which is none, for anything else."""
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() else 0
