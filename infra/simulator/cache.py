"""A cache of what is costly to make, with a budget of bytes."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Sized(Protocol):
    @property
    def size(self) -> int:
        """About the bytes it holds in memory."""


S = TypeVar("S", bound=Sized)


class Cache(Generic[S]):
    """Thread safe. Only for what never changes; the least recently used goes first."""

    def __init__(self, budget: int = 256 * 1024 * 1024) -> None:
        """`budget` is in bytes."""
        self._budget = budget
        self._items: OrderedDict[str, S] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, key: str, make: Callable[[], S]) -> S:
        """What `make` raises is raised."""
        with self._lock:
            if found := self._items.get(key):
                self._items.move_to_end(key)
                return found
        made = make()
        with self._lock:
            if key not in self._items:
                self._items[key] = made
                self._size += made.size
            while self._size > self._budget and len(self._items) > 1:
                self._size -= self._items.popitem(last=False)[1].size
        return made
