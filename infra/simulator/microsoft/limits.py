"""What Microsoft allows and how it behaves on bad days. All of it can be set."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from typing import Literal

from msgspec import Struct

from infra.simulator.faults import Count
from infra.simulator.http import Refused
from infra.simulator.meters import Meters
from infra.simulator.microsoft import errors
from infra.simulator.quota import Limit, Window, exceeds
from shared.ports.clock import Clock


class Limits(Struct, kw_only=True, forbid_unknown_fields=True):
    """Changed by assigning to its fields. None switches a limit off."""

    requests_per_10_minutes: Limit = 10_000
    """Per app and mailbox, as `concurrent_requests`; the items of a batch count one by one."""
    concurrent_requests: Limit = 4
    request_bytes: Limit = 4 * 1024 * 1024
    attachment_bytes: Limit = 3 * 1024 * 1024
    """Of one attachment inside a request."""
    recipients_per_message: Limit = 500
    search_results: Limit = 1_000
    """No `$search` finds more, however many pages are asked for."""
    filtered_delta_messages: Limit = 5_000
    """No first round of a delta with `$filter` lists more; the newest are listed."""
    access_token_seconds: Count = 3_599
    refresh_token_seconds: Count = 90 * 86_400
    """Counted from its issue: every use makes a new one."""
    sent_items_delay_seconds: Count = 0
    """How long after a 202 the mail lies in Sent Items."""
    delta_empty_pages: Count = 0
    """So many pages with nothing but a nextLink begin every round."""
    delta_replays: Count = 0
    """So many messages of the folder come once more at the end of every round."""
    removed_reason: Literal["deleted", "changed"] = "deleted"
    """What `@removed` says of a message that lies in another folder now."""


class Throttle:
    """Counts what each app asks of each mailbox and refuses what is too much. Thread safe."""

    def __init__(self, limits: Limits, clock: Clock, meters: Meters) -> None:
        self._limits = limits
        self._clock = clock
        self._meters = meters
        self._requests = Window(600)
        self._running: Counter[str] = Counter()
        self._lock = threading.Lock()

    def charge(self, account: str, client: str) -> None:
        """Raises Refused: 429 with the seconds to wait."""
        limit, now = self._limits.requests_per_10_minutes, self._clock.now()
        if wait := self._requests.take(f"{client} {account}", 1, limit, now):
            raise _later("TooManyRequests", wait)
        self._meters.count("units", account)

    @contextmanager
    def place(self, account: str, client: str) -> Iterator[None]:
        """One of the places a mailbox has for an app. Raises Refused (429) when all are taken."""
        key = f"{client} {account}"
        with self._lock:
            if exceeds(self._running[key] + 1, self._limits.concurrent_requests):
                raise _later("ApplicationThrottled", 1)
            self._running[key] += 1
        try:
            yield
        finally:
            self._leave(key, 1)

    @contextmanager
    def neighbours(self, account: str, client: str, number: int) -> Iterator[None]:
        """A batch runs `number` items beside each of its items; taken whether or not there is room."""
        key = f"{client} {account}"
        with self._lock:
            self._running[key] += number
        try:
            yield
        finally:
            self._leave(key, number)

    def _leave(self, key: str, number: int) -> None:
        with self._lock:
            self._running[key] -= number


def _later(code: str, seconds: float) -> Refused:
    refused = errors.refuse(429, code)
    headers = refused.response.headers
    refused.response.headers = headers | {"Retry-After": str(ceil(seconds))}
    return refused
