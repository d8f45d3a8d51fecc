"""An event that is stored wakes the destinations that want it.

Hints are best effort: what is lost with a process or a queue, the schedule finds within a minute. A team
without destinations costs a read a minute and instance, and only while something happens in it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from shared import logs, records
from shared.domain.destinations import LIVE, Destination, DestinationState, hinted
from shared.domain.errors import MailbridgeError, PreconditionFailed
from shared.ports.documents import Write
from shared.ports.tasks import Task
from shared.ports.world import World

KNOWN = timedelta(minutes=1)
"""How long an instance believes what it read of a team's destinations."""
TEAMS = 10_000
"""That an instance remembers."""
AT_MOST = 100
TRIES = 5


def task(
    team_id: str,
    destination_id: str,
    lane: str = LIVE,
    *,
    name: str = "",
    not_before: datetime | None = None,
) -> Task:
    body = {"team_id": team_id, "destination_id": destination_id, "lane": lane}
    return Task("relay_events", body, not_before, name)


class Hints:
    """What one instance knows of who wants events."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[str, tuple[datetime, list[Destination]]] = {}

    def after(self, writes: Iterable[Write]) -> None:
        """Never raises for what can be done later."""
        happened: dict[str, set[str]] = {}
        for write in writes:
            if write.kind == "create" and write.path.split("/")[-2] == "events":
                happened.setdefault(write.data["team_id"], set()).add(write.data["type"])
        for team_id, types in happened.items():
            try:
                self._wake(team_id, types)
            except MailbridgeError as error:
                logs.warning("events left to the schedule", team=team_id, error=str(error))

    def _wake(self, team_id: str, types: set[str]) -> None:
        for destination in self._destinations(team_id):
            if any(map(destination.wants, types)):
                soon(self._world, destination)

    def _destinations(self, team_id: str) -> list[Destination]:
        now = self._world.clock.now()
        until, known = self._known.get(team_id, (now, []))
        if until <= now:
            if len(self._known) >= TEAMS:
                self._known.clear()
            all_, _ = records.destinations(self._world.documents, team_id).page(limit=AT_MOST)
            known = [one for one in all_ if one.state is DestinationState.ENABLED]
            self._known[team_id] = now + KNOWN, known
        return known


def soon(world: World, destination: Destination, lane: str = LIVE) -> None:
    """One task waits, however many ask. Raises ProviderUnavailable when the queue does not answer."""
    lanes = records.lanes(world.documents, destination.team_id, destination.id)
    for _ in range(TRIES):
        found = lanes.find(lane)
        if found is None or (after := hinted(found.record, world.clock.now())) is None:
            return
        try:
            lanes.replace(lane, found, after[0])
        except PreconditionFailed:  # a run or another hint came between
            continue
        if after[1]:
            world.tasks.enqueue(task(destination.team_id, destination.id, lane))
        return
