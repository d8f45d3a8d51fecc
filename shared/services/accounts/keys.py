"""The deployment's own sealing keys: made on first use, kept in the SecretStore, a ring for each purpose,
rotated.

A new key opens at once and seals an hour later: by then every instance has read the ring again and can
open what others seal with it. The old ones go on opening what they sealed.
"""

from datetime import datetime, timedelta
from typing import get_args

import msgspec
from msgspec import Struct

from shared.ports.clock import Clock
from shared.ports.secrets import Ring, SecretStore
from shared.ports.world import World
from shared.sealing import Sealer, new_key

RINGS: tuple[Ring, ...] = get_args(Ring)
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


class Keys(Struct, frozen=True):
    """A ring as it is stored."""

    keys: tuple[Key, ...]
    """Newest first."""

    def sealer(self, now: datetime) -> Sealer:
        sealing = next((one for one in self.keys if one.seals_from <= now), self.keys[-1])
        return Sealer([sealing.key, *(one.key for one in self.keys if one is not sealing)])


class Keyring:
    """The ring as one instance knows it."""

    def __init__(self, secrets: SecretStore, clock: Clock, ring: Ring) -> None:
        self._secrets = secrets
        self._clock = clock
        self._ring = ring
        self._known: tuple[datetime, Sealer] | None = None

    def sealer(self) -> Sealer:
        """Seals with the key that is due, opens with all of them."""
        now = self._clock.now()
        if self._known is None or now >= self._known[0]:
            self._known = (now + READ_EVERY, _read(self._secrets, self._ring, now).sealer(now))
        return self._known[1]


def secret_name(ring: Ring) -> str:
    return f"sealing-keys-{ring}"


def rotate_if_old(world: World) -> None:
    """Adds a key to each ring whose newest is KEY_AGE old. Two at once: the ring written last is the one."""
    now = world.clock.now()
    for name in RINGS:
        ring = _read(world.secrets, name, now)
        if now - ring.keys[0].seals_from >= KEY_AGE:
            keys = (Key(new_key(), now + LEAD), *ring.keys)[:KEPT]
            world.secrets.put(secret_name(name), msgspec.json.encode(Keys(keys)))


def _read(secrets: SecretStore, ring: Ring, now: datetime) -> Keys:
    """Two instances that start at once agree on one key: the store keeps the first."""
    value = secrets.get(secret_name(ring))
    if value is None:
        first = Keys((Key(new_key(), now),))
        value = secrets.create(secret_name(ring), msgspec.json.encode(first))
    return msgspec.json.decode(value, type=Keys)
