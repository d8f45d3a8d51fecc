"""Mails that were read already: building a message's JSON costs more than all the rest of a call."""

from infra.simulator.cache import Cache
from infra.simulator.google.payload import Reading, read
from infra.simulator.mail import Message
from infra.simulator.postoffice import PostOffice


class Readings:
    """Thread safe. A message never changes what it says, so nothing here gets old."""

    def __init__(self, office: PostOffice) -> None:
        self._office = office
        self._cache = Cache[Reading]()

    def of(self, message: Message) -> Reading:
        """Raises KeyError when the message was deleted meanwhile."""
        return self._cache.get(message.id, lambda: read(self._office.raw(message)))


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
