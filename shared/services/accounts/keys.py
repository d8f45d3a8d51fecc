"""The deployment's own sealing keys: made on first use, kept in the SecretStore as one ring, rotated.

A new key opens at once and seals an hour later: by then every instance has read the ring again and can
open what others seal with it. The old ones go on opening what they sealed.
"""

from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from shared.ports.clock import Clock
from shared.ports.secrets import SecretStore
from shared.ports.world import World
from shared.sealing import Sealer, new_key

NAME = "sealing-keys"
LEAD = timedelta(hours=1)
"""How long a new key waits before it seals."""
READ_EVERY = timedelta(minutes=10)
"""How long an instance believes the ring it read; well below LEAD."""
KEY_AGE = timedelta(days=90)
KEPT = 3
"""Keys of a ring. What the oldest sealed is half a year old then: nothing sealed lives so long."""


class Key(Struct, frozen=True):
    key: bytes
    seals_from: datetime


class Ring(Struct, frozen=True):
    keys: tuple[Key, ...]
    """Newest first."""

    def sealer(self, now: datetime) -> Sealer:
        sealing = next((one for one in self.keys if one.seals_from <= now), self.keys[-1])
        return Sealer([sealing.key, *(one.key for one in self.keys if one is not sealing)])


class Keyring:
    """The ring as one instance knows it."""

    def __init__(self, secrets: SecretStore, clock: Clock) -> None:
        self._secrets = secrets
        self._clock = clock
        self._known: tuple[datetime, Sealer] | None = None

    def sealer(self) -> Sealer:
        """Seals with the key that is due, opens with all of them."""
        now = self._clock.now()
        if self._known is None or now >= self._known[0]:
            self._known = (now + READ_EVERY, _ring(self._secrets, now).sealer(now))
        return self._known[1]


def rotate_if_old(world: World) -> None:
    """Adds a key once the newest is KEY_AGE old. Two at once: the ring written last is the one."""
    now = world.clock.now()
    ring = _ring(world.secrets, now)
    if now - ring.keys[0].seals_from >= KEY_AGE:
        keys = (Key(new_key(), now + LEAD), *ring.keys)[:KEPT]
        world.secrets.put(NAME, msgspec.json.encode(Ring(keys)))


def _ring(secrets: SecretStore, now: datetime) -> Ring:
    """Two instances that start at once agree on one key: the store keeps the first."""
    value = secrets.get(NAME)
    if value is None:
        value = secrets.create(NAME, msgspec.json.encode(Ring((Key(new_key(), now),))))
    return msgspec.json.decode(value, type=Ring)
