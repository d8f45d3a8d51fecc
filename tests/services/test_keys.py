"""Sealing keys: one ring for all instances, and a rotation that no instance notices."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.simulator import Simulator
from shared.domain.errors import InvalidRequest
from shared.sealing import Sealer
from shared.services.accounts import keys
from shared.services.accounts.keys import KEY_AGE, LEAD, Keyring
from tests.world import FakeClock, LocalWorld

DAY = 24 * 3600


@pytest.fixture
def simulator(clock: FakeClock) -> Iterator[Simulator]:
    """Once is enough: no provider is asked."""
    with Simulator.start(clock=clock) as running:
        yield running


def instance(world: LocalWorld) -> Keyring:
    return Keyring(world.secrets, world.clock, "page")


def opens(ring: Keyring, sealed: str) -> bool:
    try:
        return ring.sealer().open(sealed, context="test") == b"plain"
    except InvalidRequest:
        return False


def seal(ring: Keyring) -> str:
    return ring.sealer().seal(b"plain", context="test")


def test_instances_that_start_at_once_share_one_key(world: LocalWorld) -> None:
    one, other = instance(world), instance(world)
    assert opens(other, seal(one))
    assert opens(one, seal(other))


def test_a_key_is_replaced_when_it_is_old_and_not_before(world: LocalWorld) -> None:
    ring = instance(world)
    before = sealing_key(ring, world)
    for _ in range(KEY_AGE.days - 1):
        world.clock.sleep(DAY)
        keys.rotate_if_old(world)
    assert sealing_key(ring, world) == before
    world.clock.sleep(2 * DAY)
    keys.rotate_if_old(world)
    world.clock.sleep(DAY)
    keys.rotate_if_old(world)
    after = sealing_key(ring, world)
    assert after != before
    world.clock.sleep(DAY)
    keys.rotate_if_old(world)
    assert sealing_key(ring, world) == after


def sealing_key(ring: Keyring, world: LocalWorld) -> str:
    """The key id that a sealed text begins with; instances look for news every few minutes."""
    world.clock.sleep(601)
    return seal(ring)[:5]


def test_whatever_one_instance_seals_every_other_opens_at_every_moment_of_a_rotation(
    world: LocalWorld,
) -> None:
    """Each read the ring at a moment of its own."""
    rings = []
    for _ in range(6):
        rings.append(instance(world))
        seal(rings[-1])
        world.clock.sleep(97)
    old = seal(rings[0])
    world.clock.sleep(KEY_AGE.total_seconds())
    keys.rotate_if_old(world)
    seen = set()
    for _ in range(int(LEAD.total_seconds()) // 60 * 2):
        sealed = [seal(ring) for ring in rings]
        seen |= {text[:5] for text in sealed}
        assert all(opens(ring, text) for ring in rings for text in sealed)
        world.clock.sleep(60)
    assert len(seen) == 2
    assert all(opens(ring, old) for ring in rings)


def test_a_key_from_before_the_last_two_rotations_is_gone(world: LocalWorld) -> None:
    ring = instance(world)
    old = seal(ring)
    for rotation in range(3):
        assert opens(ring, old), f"after {rotation} rotations"
        world.clock.sleep(KEY_AGE.total_seconds() + DAY)
        keys.rotate_if_old(world)
        world.clock.sleep(DAY)
    assert not opens(instance(world), old)


def test_a_world_uses_the_ring(world: LocalWorld, tmp_path: Path, clock: FakeClock) -> None:
    other = LocalWorld(tmp_path, world.simulator, clock)
    sealed = world.sealer("page").seal(b"plain", context="test")
    assert isinstance(other.sealer("page"), Sealer)
    assert other.sealer("page").open(sealed, context="test") == b"plain"
    with pytest.raises(InvalidRequest):
        other.sealer("state").open(sealed, context="test")
    other.backend.close()
