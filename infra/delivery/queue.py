"""What a dispatcher needs of a queue of tasks."""

from msgspec import Struct


class Counts(Struct, frozen=True):
    running: int
    due: int
    later: int
    """Scheduled, or waiting for another try."""
