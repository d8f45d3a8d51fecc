"""Mails that were read already: building a message's JSON costs more than all the rest of a call."""

import threading
from collections import OrderedDict

from infra.simulator.google.payload import Reading, read
from infra.simulator.mail import Message
from infra.simulator.postoffice import PostOffice

_BUDGET = 256 * 1024 * 1024
"""Bytes kept; the least recently used go first."""


class Readings:
    """Thread safe. A message never changes what it says, so nothing here gets old."""

    def __init__(self, office: PostOffice) -> None:
        self._office = office
        self._kept: OrderedDict[str, Reading] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def of(self, message: Message) -> Reading:
        """Raises KeyError when the message was deleted meanwhile."""
        with self._lock:
            if found := self._kept.get(message.id):
                self._kept.move_to_end(message.id)
                return found
        reading = read(self._office.raw(message))
        with self._lock:
            if message.id not in self._kept:
                self._kept[message.id] = reading
                self._size += reading.size
            while self._size > _BUDGET and len(self._kept) > 1:
                self._size -= self._kept.popitem(last=False)[1].size
        return reading


class Candidate:
    """A message as a search looks at it."""

    def __init__(self, message: Message, readings: Readings) -> None:
        self.message = message
        self._readings = readings

    @property
    def text(self) -> str:
        return self._readings.of(self.message).text

    @property
    def has_attachment(self) -> bool:
        return self._readings.of(self.message).named
