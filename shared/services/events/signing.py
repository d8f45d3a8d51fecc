"""The secrets that a destination's events are signed with: sealed where they lie, two of them for a day
after a rotation, sealed again before the key that sealed them is forgotten."""

from datetime import datetime, timedelta

from msgspec import structs

from shared import records
from shared.domain.destinations import OVERLAPPING, Destination, Secret
from shared.ports.destinations import Target
from shared.ports.world import World

SEALED_AGAIN = timedelta(days=30)


def _context(destination: Destination) -> str:
    return f"destination/{destination.team_id}/{destination.id}"


def sealed(world: World, destination: Destination, secret: str) -> Secret:
    text = world.sealer("destination").seal(secret.encode(), context=_context(destination))
    return Secret(sealed=text, sealed_at=world.clock.now())


def rotated(world: World, destination: Destination, secret: str) -> Destination:
    """With a new secret in front; the one before goes on signing for a day, older ones do not."""
    now = world.clock.now()
    before = [structs.replace(one, until=now + OVERLAPPING) for one in destination.secrets[:1]]
    fresh = sealed(world, destination, secret)
    return structs.replace(destination, secrets=(fresh, *before))


def target(world: World, destination: Destination) -> Target:
    """Raises InvalidRequest when a secret cannot be read any more."""
    return Target(destination.address, _opened(world, destination, world.clock.now()))


def _opened(world: World, destination: Destination, now: datetime) -> tuple[str, ...]:
    sealer, context = world.sealer("destination"), _context(destination)
    return tuple(
        sealer.open(one.sealed, context=context).decode()
        for one in destination.secrets
        if one.until is None or one.until > now
    )


def seal_again_if_old(world: World, destination: Destination) -> None:
    now = world.clock.now()
    if not any(now - one.sealed_at > SEALED_AGAIN for one in destination.secrets):
        return

    def decide(current: Destination) -> records.Change[Destination]:
        live = [one for one in current.secrets if one.until is None or one.until > now]
        texts = _opened(world, current, now)
        fresh = [
            structs.replace(sealed(world, current, text), until=one.until)
            for one, text in zip(live, texts, strict=True)
        ]
        return records.Change(structs.replace(current, secrets=tuple(fresh)))

    records.destinations(world.documents, destination.team_id).change(destination.id, decide)
