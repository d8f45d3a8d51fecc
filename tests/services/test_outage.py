"""A provider's outage of two hours: it is asked less while it lasts, not more, tasks do not pile up, and
everybody is up to date soon after it."""

from datetime import timedelta

import pytest

from infra.simulator import Fault, Simulator
from shared.providers.http import Http
from shared.services import schedule
from shared.services.accounts import mailboxes
from tests.vendors import Vendor
from tests.world import ANA, LocalWorld, connect_account, work

MAILBOXES = 6
UP_TO_DATE = mailboxes.SyncPhase.UP_TO_DATE


@pytest.fixture(autouse=True)
def _without_waiting(world: LocalWorld, vendor: Vendor) -> None:
    """The pauses between two tries of one request would only take real time."""
    for part in vars(world.providers.get(vendor.name)).values():
        if isinstance(part, Http):
            part.sleep = lambda _: None


def tasks_and_requests(world: LocalWorld, simulator: Simulator, *, minutes: int) -> tuple[int, int]:
    """The most tasks that ever waited, and the requests a mailbox and hour."""
    simulator.meters.reset()
    most = 0
    end = world.clock.now() + timedelta(minutes=minutes)
    while world.clock.now() < end:
        world.clock.sleep(20)
        schedule.dispatch(world)
        counts = world.backend.tasks.counts()
        most = max(most, counts.due + counts.later)
        work(world)
    return most, simulator.meters.read().requests * 60 // (minutes * MAILBOXES)


@pytest.mark.parametrize("what", ["mail", "login", "both"])
def test_two_hours_without_the_provider(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, what: str
) -> None:
    made = []
    for number in range(MAILBOXES):
        simulator.add_account(f"ana{number}@example.com")
        made.append(connect_account(world, ANA, f"ana{number}@example.com").id)
    work(world)
    _, before = tasks_and_requests(world, simulator, minutes=60)

    for method in {"mail": [vendor.api], "login": [vendor.token]}.get(
        what, [vendor.api, vendor.token]
    ):
        simulator.faults.add(Fault(method=method, status=503, times=None))
    waiting, during = tasks_and_requests(world, simulator, minutes=120)
    assert waiting <= 2 * MAILBOXES
    assert during <= 3 * before

    simulator.faults.clear()
    tasks_and_requests(world, simulator, minutes=15)
    assert {mailboxes.show(world, ANA, id).sync.phase for id in made} == {UP_TO_DATE}
    counts = world.backend.tasks.counts()
    assert counts.due == 0
    _, after = tasks_and_requests(world, simulator, minutes=60)
    assert after <= before + 10
