"""The right to work on something for a while, one worker at a time.

A lease names its holder at random and counts: the fence grows with every taking, so that whoever lost
the lease finds out before anything of theirs is written, however long they slept (Kleppmann, "How to do
distributed locking"). Both are compared: a record that was deleted and made again counts from zero, and
a release that knows only one of the two moves that one.
"""

from datetime import datetime, timedelta
from typing import Self

from msgspec import Struct, structs

from shared.domain import ids
from shared.domain.errors import Busy, LeaseLost


class Lease(Struct, kw_only=True, frozen=True):
    holder: str = ""
    """Random, "" while nobody holds it."""
    fence: int = 0
    """How many times it was taken."""
    until: datetime | None = None

    def runs(self, now: datetime) -> bool:
        return self.until is not None and self.until > now

    def taken(self, now: datetime, length: timedelta) -> "Lease":
        """Raises Busy while it runs."""
        if self.until and self.until > now:
            raise Busy("Somebody else is at work on this.", until=self.until)
        return Lease(holder=ids.random(), fence=self.fence + 1, until=now + length)

    def renewed(self, now: datetime, length: timedelta) -> "Lease":
        return structs.replace(self, until=now + length)

    def released(self) -> "Lease":
        return Lease(fence=self.fence)

    def broken(self) -> "Lease":
        """Whoever holds it has lost it, and may be writing a last time until it would have ended."""
        return structs.replace(self, holder="", fence=self.fence + 1)

    def check(self, mine: "Lease") -> None:
        """Raises LeaseLost unless `mine` is this one, renewed or not."""
        if (self.holder, self.fence) != (mine.holder, mine.fence):
            raise LeaseLost("Somebody else took this over.", reason="lease_lost")


class Leasable(Struct):
    """A record that one worker at a time works on. Where its lease lies in the document is its own."""

    @property
    def lease(self) -> Lease:
        raise NotImplementedError

    def with_lease(self, lease: Lease) -> Self:
        raise NotImplementedError
