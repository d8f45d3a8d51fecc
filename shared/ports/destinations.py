"""Where events go: one kind of receiver each, which takes events in its own way."""

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from msgspec import Struct


class Outgoing(Struct, frozen=True):
    """An event as it leaves: `body` is a CloudEvent 1.0 in structured JSON."""

    id: str
    type: str
    subject: str
    body: bytes


class Target(Struct, frozen=True):
    """One destination of a kind."""

    address: str
    """What the kind says."""
    secrets: tuple[str, ...] = ()
    """Each of them signs what is sent; the newest first."""


class Verdict(Enum):
    DELIVERED = "delivered"
    REFUSED = "refused"
    """It looked at this event and does not want it: others may fare better."""
    DOWN = "down"
    """It takes nothing now, or nothing from us. Whether this event arrived nobody knows."""
    GONE = "gone"
    """It says itself that it will never take anything again."""


class Outcome(Struct, frozen=True):
    verdict: Verdict
    answer: str = ""
    """What it said, for its admins: at most 500 characters, and no secret of ours."""
    retry_after: float | None = None
    """Seconds that it asks to be left alone."""


class Receiver(Protocol):
    """One kind of destination. Thread-safe."""

    batch: int
    """Events that `send` takes at most."""

    def new_secret(self) -> str:
        """What a new destination's events are signed with, "" where nothing is signed."""

    def check(self, address: str) -> None:
        """Raises InvalidRequest, with the pointer /address, unless events may be sent there."""

    def send(self, target: Target, events: Sequence[Outgoing]) -> Sequence[Outcome]:
        """One outcome an event, in their order. Sends each at most once, within about ten seconds;
        raises nothing for what the receiver or the network does."""


class Receivers(Protocol):
    def get(self, kind: str) -> Receiver:
        """Raises InvalidRequest for a kind that there is not."""
