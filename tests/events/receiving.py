"""A receiver that is told what to answer, and remembers what it took."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

import msgspec
from msgspec import Struct

from shared.domain import ids
from shared.domain.caller import Caller
from shared.domain.errors import InvalidRequest
from shared.domain.events import KEPT, Event
from shared.ports.destinations import Outcome, Outgoing, Receiver, Target, Verdict
from shared.ports.world import World
from shared.records import events
from shared.services.events import destinations
from tests.world import LocalWorld

ADMIN = Caller("ana", "acme", admin=True)
TOOK, REFUSES = Outcome(Verdict.DELIVERED), Outcome(Verdict.REFUSED, "422 no")
DOWN, GONE = Outcome(Verdict.DOWN, "503"), Outcome(Verdict.GONE, "410")


class Told(Struct, frozen=True):
    address: str
    event: dict[str, Any]

    @property
    def what(self) -> tuple[str, int]:
        return self.event["subject"], int(self.event["sequence"])


class Scripted:
    """`answer` says what becomes of an event; what is taken is in `told`, in its order."""

    batch = 1

    def __init__(self) -> None:
        self.answer: Callable[[Told], Outcome] = lambda _: TOOK
        self.told: list[Told] = []
        self.asked: list[Told] = []
        self._lock = Lock()

    def new_secret(self) -> str:
        return "whsec_" + ids.random()

    def check(self, address: str) -> None:
        if not address.startswith("https://"):
            raise InvalidRequest.field("/address", "must be an https:// URL")

    def send(self, target: Target, outgoing: Sequence[Outgoing]) -> list[Outcome]:
        return [self._one(target, one) for one in outgoing]

    def _one(self, target: Target, outgoing: Outgoing) -> Outcome:
        told = Told(target.address, msgspec.json.decode(outgoing.body))
        with self._lock:
            outcome = self.answer(told)
            self.asked.append(told)
            if outcome.verdict is Verdict.DELIVERED:
                self.told.append(told)
        return outcome

    def got(self, address: str = "") -> list[tuple[str, int]]:
        return [one.what for one in self.told if address in {"", one.address}]


class Receivers:
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def get(self, kind: str) -> Receiver:  # noqa: ARG002
        return self._receiver


def installed(world: LocalWorld) -> Scripted:
    """In the place of every kind."""
    made = Scripted()
    world.__dict__["receivers"] = Receivers(made)
    return made


def a_destination(world: World, address: str = "https://crm.example.com", **more: Any) -> str:
    new = destinations.NewDestination("webhook", address, **more)
    return destinations.create(world, ADMIN, new).id


def happen(world: World, *subjects: str, sequence: int = 1, type: str = "contact.changed") -> None:
    """One event each, in one write."""
    log = events(world.documents, "acme")
    for subject in subjects:
        event = Event(
            id=ids.random(),
            team_id="acme",
            type=type,
            subject=subject,
            sequence=sequence,
            expires_at=world.clock.now() + KEPT,
        )
        world.documents.write(log.creating(event.id, event, stamped=("at",)))
