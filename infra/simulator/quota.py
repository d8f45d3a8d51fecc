"""Limits over a sliding window of time, which every vendor has in a form of its own."""

import threading
from collections import deque
from datetime import datetime

from infra.simulator.faults import Count

Limit = Count | None
"""None is no limit."""


def exceeds(number: int, limit: Limit) -> bool:
    return limit is not None and number > limit


class Window:
    """How much was used within the last `seconds`, per key. Thread safe."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._used: dict[str, deque[tuple[float, int]]] = {}
        self._sums: dict[str, int] = {}
        self._lock = threading.Lock()

    def take(self, key: str, amount: int, limit: Limit, now: datetime) -> float:
        """0 if `amount` more was free, and is used now; otherwise the seconds until it will be."""
        time = now.timestamp()
        with self._lock:
            used = self._used.setdefault(key, deque())
            while used and used[0][0] <= time - self._seconds:
                self._sums[key] -= used.popleft()[1]
            total = self._sums.get(key, 0)
            if limit is not None and (excess := total + amount - limit) > 0:
                return self._wait(used, excess, time)
            used.append((time, amount))
            self._sums[key] = total + amount
        return 0.0

    def _wait(self, used: deque[tuple[float, int]], excess: int, time: float) -> float:
        for at, amount in used:
            excess -= amount
            if excess <= 0:
                return at + self._seconds - time
        return self._seconds
