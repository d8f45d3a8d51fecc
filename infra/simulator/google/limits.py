"""What Google allows: quota units, sending limits, lifetimes. All of it can be set."""

from msgspec import Struct

from infra.simulator.faults import Count
from infra.simulator.google import errors
from infra.simulator.http import Refused
from infra.simulator.meters import Meters
from infra.simulator.quota import Limit, Window
from shared.ports.clock import Clock


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
