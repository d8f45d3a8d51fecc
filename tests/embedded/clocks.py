"""A clock that tests turn."""

from datetime import UTC, datetime, timedelta


class TurnedClock:
    def __init__(self) -> None:
        self._now = datetime(2026, 5, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def sleep(self, seconds: float) -> None:
        self.turn(timedelta(seconds=seconds))

    def turn(self, by: timedelta) -> None:
        self._now += by
