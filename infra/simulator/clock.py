"""Time that can be moved forward, so that tests see tokens, history and quota windows expire."""

import time
from datetime import UTC, datetime, timedelta

from shared.ports.clock import Clock


class SystemClock:
    """The machine's own time. Satisfies `shared.ports.Clock`."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class MovableClock:
    """Another clock plus what it was advanced by. Satisfies `shared.ports.Clock`."""

    def __init__(self, base: Clock) -> None:
        self._base = base
        self._ahead = timedelta()

    def now(self) -> datetime:
        return self._base.now() + self._ahead

    def sleep(self, seconds: float) -> None:
        self._base.sleep(seconds)

    def advance(self, seconds: float) -> None:
        """Time only moves forward: a negative number raises ValueError."""
        if seconds < 0:
            raise ValueError("time only moves forward")
        self._ahead += timedelta(seconds=seconds)
