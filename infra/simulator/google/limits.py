"""What Google allows: quota units, sending limits, lifetimes. All of it can be set."""

import threading
from collections import deque
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from infra.simulator.google import errors
from infra.simulator.http import Refused
from infra.simulator.meters import Meters
from shared.ports import Clock

Count = Annotated[int, Meta(ge=0)]
Limit = Count | None


class Limits(Struct, kw_only=True, forbid_unknown_fields=True):
    """Changed by assigning to its fields. None switches a limit off."""

    units_per_minute: Limit = 6_000
    """Per user: projects made since 2026-05-01; older ones have 15,000."""
    units_per_get: Count = 20
    """Of messages.get and attachments.get; 5 in older projects."""
    sends_per_day: Limit = 2_000
    recipients_per_message: Limit = 100
    message_bytes: Limit = 36_700_160
    access_token_seconds: Count = 3_599
    refresh_tokens_per_client: Limit = 100
    """Live ones per account and client; one more silently kills the oldest."""


def exceeds(number: int, limit: Limit) -> bool:
    return limit is not None and number > limit


UNITS = {
    "gmail.getProfile": 1,
    "gmail.labels.list": 1,
    "gmail.history.list": 2,
    "gmail.messages.list": 5,
    "gmail.threads.get": 40,
    "gmail.messages.send": 100,
    "gmail.drafts.create": 10,
    "gmail.drafts.get": 5,
    "gmail.drafts.list": 5,
    "gmail.drafts.delete": 10,
    "gmail.drafts.send": 100,
}
"""Quota units per call; messages.get and attachments.get are a limit of their own."""


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


class Quota:
    """Counts what each account uses and refuses what is too much."""

    def __init__(self, limits: Limits, clock: Clock, meters: Meters) -> None:
        self._limits = limits
        self._clock = clock
        self._meters = meters
        self._units = Window(60)
        self._sends = Window(86_400)

    def units(self, method: str) -> int:
        return UNITS.get(method, self._limits.units_per_get)

    def charge(self, account: str, method: str) -> None:
        """Raises Refused: 403 rateLimitExceeded with the seconds to wait."""
        units = self.units(method)
        wait = self._units.take(account, units, self._limits.units_per_minute, self._clock.now())
        if wait:
            message = (
                "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' "
                "of service 'gmail.googleapis.com'."
            )
            raise _later(errors.refuse(403, "rateLimitExceeded", message), wait)
        self._meters.count("units", account, units)

    def send(self, account: str) -> None:
        """Raises Refused: 429, for the rest of a day's window."""
        wait = self._sends.take(account, 1, self._limits.sends_per_day, self._clock.now())
        if wait:
            message = "User-rate limit exceeded. (Mail sending)"
            raise _later(errors.refuse(429, "userRateLimitExceeded", message), wait)


def _later(refused: Refused, seconds: float) -> Refused:
    headers = refused.response.headers
    refused.response.headers = headers | {"Retry-After": str(int(seconds) + 1)}
    return refused
