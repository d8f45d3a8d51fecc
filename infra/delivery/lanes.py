"""The pace of one queue: how many tasks may start now, and when a failed one is tried again.

Times are seconds of a clock that never runs backwards.
"""

from datetime import timedelta

from msgspec import Struct

UNREACHABLE = 0
"""Stands for the status when no answer came."""
FIRST_BRAKE = 1.0
LONGEST_BRAKE = 60.0
_SLOW_DOWN = {429, 503}


def delivered(status: int) -> bool:
    return 200 <= status < 300


class Limits(Struct, frozen=True):
    """Of a queue, by the names of terraform/functions.yaml. Backoffs in seconds."""

    dispatches_per_second: float
    concurrent: int
    max_attempts: int
    """-1 for no limit."""
    min_backoff: float
    max_backoff: float
    max_doublings: int = 16
    """Cloud Tasks' default."""

    def last(self, attempt: int) -> bool:
        """Whether nothing follows the attempt of this number (from 1)."""
        return 0 < self.max_attempts <= attempt

    def backoff(self, attempt: int) -> timedelta:
        """How long to wait after the attempt of this number (from 1) has failed: doubled
        `max_doublings` times, then longer by the last wait each time, and never above the longest
        (https://cloud.google.com/tasks/docs/reference/rpc/google.cloud.tasks.v2#retryconfig)."""
        doublings = min(attempt - 1, self.max_doublings)
        wait = self.min_backoff * 2**doublings * (attempt - doublings)
        return timedelta(seconds=min(wait, self.max_backoff))


class Lane:
    """Not for use by several threads at once."""

    def __init__(self, limits: Limits, now: float) -> None:
        self.limits = limits
        self.running = 0
        self._tokens = self._burst
        self._counted = now
        self._brake = 0.0
        self._held_until = now

    def room(self, now: float) -> int:
        """How many tasks may start at `now`."""
        if now < self._held_until:
            return 0
        gained = (now - self._counted) * self.limits.dispatches_per_second
        self._tokens = min(self._tokens + gained, self._burst)
        self._counted = now
        return min(int(self._tokens), self.limits.concurrent - self.running)

    def started(self, count: int) -> None:
        self.running += count
        self._tokens -= count

    def ended(self, status: int, now: float) -> None:
        """429 and 503 hold the whole queue: 1 s at first, twice as long each time it goes on so."""
        self.running -= 1
        if delivered(status):
            self._brake = 0.0
        elif status in _SLOW_DOWN and now >= self._held_until:
            self._brake = min(max(2 * self._brake, FIRST_BRAKE), LONGEST_BRAKE)
            self._held_until = now + self._brake

    @property
    def _burst(self) -> float:
        """A fifth of a second's worth at once, and never less than one."""
        return max(1.0, self.limits.dispatches_per_second / 5)
