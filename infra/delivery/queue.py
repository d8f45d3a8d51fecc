"""What a dispatcher needs of a queue of tasks."""

from datetime import timedelta
from typing import Protocol, TypeVar

from msgspec import Struct

from infra.delivery.lanes import Limits


class Counts(Struct, frozen=True):
    running: int
    due: int
    later: int
    """Scheduled, or waiting for another try."""


class Claimed(Protocol):
    """A task to be delivered now."""

    @property
    def name(self) -> str: ...
    @property
    def attempt(self) -> int:
        """1 for the first delivery."""


T = TypeVar("T", bound=Claimed)


class Queue(Protocol[T]):
    """Tasks, each of which is kept until it is due.

    A claimed task is leased: whoever claimed it settles it by `finish` or `retry`, or it becomes due
    again when the lease ends. Settling after that has no effect: the attempt's number is a fence.
    Each raises ProviderUnavailable when the queue cannot be reached now.
    """

    @property
    def limits(self) -> Limits:
        """They may change at any time."""

    def claim(self, limit: int) -> list[T]:
        """At most `limit` due tasks, the longest due first; none while the queue is paused."""

    def finish(self, task: T) -> None:
        """Done, or given up."""

    def retry(self, task: T, after: timedelta) -> None:
        """Due again after this time."""
