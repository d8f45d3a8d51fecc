"""What was asked of a simulator: calls, quota units, messages. Read by tests and benchmarks."""

import threading
from collections import Counter

from msgspec import Struct


class Counts(Struct):
    """Since the start or the last reset."""

    requests: int = 0
    """HTTP requests; a batch is one."""
    calls: dict[str, int] = {}
    """Per method, also those that failed; the items of a batch count one by one."""
    failures: dict[str, int] = {}
    """Per method and status, "gmail.messages.get 429"; a dropped connection is "dropped"."""
    units: dict[str, int] = {}
    """Quota units per account."""
    messages: dict[str, int] = {}
    """sent (by our users), delivered (into our accounts), left (to addresses elsewhere)."""


class Meters:
    """Thread safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        with self._lock:
            self._counters = {name: Counter[str]() for name in Counts.__struct_fields__}

    def count(self, kind: str, key: str, number: int = 1) -> None:
        """`kind` is a field of Counts."""
        with self._lock:
            self._counters[kind][key] += number

    def read(self) -> Counts:
        with self._lock:
            counters = {name: dict(counter) for name, counter in self._counters.items()}
        requests = counters.pop("requests").get("", 0)
        return Counts(requests, **counters)
