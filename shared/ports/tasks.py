"""Work for later: a queue of calls of our own task functions."""

from datetime import datetime
from typing import Protocol

from msgspec import Struct


class Task(Struct, frozen=True):
    """A call of one of our task functions. At least once, possibly late, possibly twice at once."""

    function: str
    body: dict[str, str]
    """Ids only: a task body is no place for content or tokens."""
    not_before: datetime | None = None
    """At most 30 days ahead."""
    name: str = ""
    """A second task of the same name within a day is dropped silently."""


class TaskQueue(Protocol):
    def enqueue(self, *tasks: Task) -> None:
        """Stored when it returns. Raises ProviderUnavailable; some may then be stored."""
