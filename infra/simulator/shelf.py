"""What was made once at a cost and is kept while there is room."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Sized(Protocol):
    @property
    def size(self) -> int:
        """About the bytes it holds in memory."""


S = TypeVar("S", bound=Sized)


class Shelf(Generic[S]):
    """Thread safe. Only for what never changes; the least recently used goes first."""

    def __init__(self, budget: int = 256 * 1024 * 1024) -> None:
        """`budget` is in bytes."""
        self._budget = budget
        self._kept: OrderedDict[str, S] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, key: str, make: Callable[[], S]) -> S:
        """What `make` raises is raised."""
        with self._lock:
            if found := self._kept.get(key):
                self._kept.move_to_end(key)
                return found
        made = make()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = made
                self._size += made.size
            while self._size > self._budget and len(self._kept) > 1:
                self._size -= self._kept.popitem(last=False)[1].size
        return made
