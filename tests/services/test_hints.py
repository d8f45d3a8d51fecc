"""Hints lose nothing and pile nothing up: pushes, users and new contacts may ask at any moment of a run,
workers may die between state and queue, and a queue may be purged."""

from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from infra.simulator import Simulator
from shared import metering, records
from shared.domain.errors import ProviderUnavailable
from shared.domain.sync import BELIEVED, SyncState
from shared.ports.tasks import Task
from shared.services import schedule
from shared.services.accounts import mailboxes
from shared.services.syncing import engine
from tests.gremlin import Gremlin, Killed
from tests.world import (
    ANA,
    FakeClock,
    LocalWorld,
    add_contact,
    connect_account,
    mail,
    settle,
    timeline,
    work,
)

CARL = "carl@client.example"


@pytest.fixture(autouse=True)
def carl(world: LocalWorld, simulator: Simulator) -> str:
    simulator.add_account("ana@example.com")
    return add_contact(world, ANA, CARL)


@pytest.fixture
def mailbox(world: LocalWorld) -> str:
    mailbox_id = connect_account(world, ANA, "ana@example.com").id
    work(world)
    world.clock.sleep(30)
    return mailbox_id


def arrive(simulator: Simulator, subject: str) -> None:
    simulator.deliver(mail(CARL, "ana@example.com", subject), to="ana@example.com")


def waiting(world: LocalWorld) -> int:
    counts = world.backend.tasks.counts()
    return counts.due + counts.later


def subjects(world: LocalWorld, carl: str) -> set[str]:
    return {line.subject for line in timeline(world, ANA, carl)}


def state(world: LocalWorld, mailbox: str) -> SyncState:
    return records.syncs(world.documents).get(mailbox)


class Interrupted:
    """A mail provider during whose n-th call something happens."""

    def __init__(self, inner: Any, at: int, happens: Any) -> None:
        self._inner, self._at, self._happens = inner, at, happens
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            result = found(*args, **kwargs)
            self.calls += 1
            if self.calls == self._at:
                self._happens()
            return result

        return call


def test_a_hundred_hints_are_one_task(world: LocalWorld, mailbox: str) -> None:
    for _ in range(100):
        mailboxes.sync_now(world, ANA, mailbox)
    assert waiting(world) == 1
    assert state(world, mailbox).wanted >= 100


def interrupt(
    monkeypatch: pytest.MonkeyPatch, world: LocalWorld, mailbox: str, at: int, happens: Any
) -> list[Interrupted]:
    """Of the next run alone."""
    provider = world.providers.get(mailboxes.show(world, ANA, mailbox).provider)
    real = provider.mail
    interrupted: list[Interrupted] = []

    def mail_of(*args: Any) -> Any:
        if interrupted:
            return real(*args)
        interrupted.append(Interrupted(real(*args), at, happens))
        return interrupted[0]

    monkeypatch.setattr(provider, "mail", mail_of)
    return interrupted


def test_a_hint_at_every_step_of_a_run_is_answered(
    world: LocalWorld,
    simulator: Simulator,
    mailbox: str,
    carl: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def during() -> None:
        arrive(simulator, f"during {step}")
        for _ in range(3):
            schedule.soon(world, mailbox)
            assert waiting(world) <= 2

    for step in count(1):
        arrive(simulator, f"before {step}")
        with monkeypatch.context() as patch:
            interrupted = interrupt(patch, world, mailbox, step, during)
            schedule.soon(world, mailbox)
            work(world)
        world.clock.sleep(20)
        if interrupted[0].calls < step:
            break
        assert f"during {step}" in subjects(world, carl), "no schedule ran: the hint alone did it"
        assert waiting(world) == 0
    assert step > 2


def test_a_crash_between_state_and_queue_heals(
    world: LocalWorld, simulator: Simulator, mailbox: str, carl: str
) -> None:
    for kill_at in count(1):
        gremlin = Gremlin(kill_at)
        arrive(simulator, f"{kill_at}")
        try:
            schedule.soon(gremlin.haunt(world), mailbox)
        except Killed:
            schedule.soon(world, mailbox)
            settle(world)
            assert f"{kill_at}" in subjects(world, carl)
            assert waiting(world) <= 2
        else:
            break
    assert kill_at > 3


def test_a_purged_queue_heals(
    world: LocalWorld, simulator: Simulator, mailbox: str, carl: str, clock: FakeClock
) -> None:
    arrive(simulator, "purged")
    schedule.soon(world, mailbox)
    for task in world.backend.tasks.claim(["sync_mailbox"], 10, timedelta(minutes=1)):
        world.backend.tasks.finish(task)
    assert waiting(world) == 0
    minutes = int(BELIEVED.total_seconds() // 60) + 6
    for _ in range(minutes):
        clock.sleep(60)
        schedule.dispatch(world)
        work(world)
    assert subjects(world, carl) == {"purged"}


def test_a_queue_that_does_not_answer_leaves_it_to_the_schedule(
    world: LocalWorld,
    simulator: Simulator,
    mailbox: str,
    carl: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arrive(simulator, "late")

    def down(*_tasks: Task) -> None:
        raise ProviderUnavailable("no queue")

    with monkeypatch.context() as patch:
        patch.setattr(world.backend.tasks, "enqueue", down)
        with pytest.raises(ProviderUnavailable):
            schedule.soon(world, mailbox)
    settle(world)
    assert subjects(world, carl) == {"late"}


def test_a_worker_with_a_slower_clock_silences_no_hint(
    world: LocalWorld,
    simulator: Simulator,
    mailbox: str,
    carl: str,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It runs what the schedule just enqueued before the schedule has noted that."""
    clock.sleep(400)
    real = world.backend.tasks.enqueue

    def enqueue_and_run(*tasks: Task) -> None:
        real(*tasks)
        clock.sleep(-5)
        engine.run(world, mailbox)
        clock.sleep(5)

    with monkeypatch.context() as patch:
        patch.setattr(world.backend.tasks, "enqueue", enqueue_and_run)
        schedule.dispatch(world)
    for task in world.backend.tasks.claim(["sync_mailbox"], 10, timedelta(minutes=1)):
        world.backend.tasks.finish(task)
    arrive(simulator, "hinted")
    schedule.soon(world, mailbox)
    work(world)
    assert subjects(world, carl) == {"hinted"}


def test_a_task_that_meets_a_worker_waits_for_its_lease_once(
    world: LocalWorld, mailbox: str, clock: FakeClock
) -> None:
    held = engine.take(world, mailbox, clock.now())
    for _ in range(5):
        engine.run(world, mailbox)
    assert waiting(world) == 1
    held.release()


def test_a_dead_workers_feed_goes_on_when_its_lease_ends(
    world: LocalWorld, simulator: Simulator, mailbox: str, carl: str, clock: FakeClock
) -> None:
    arrive(simulator, "after a death")
    engine.take(world, mailbox, clock.now())
    engine.run(world, mailbox)
    clock.sleep(46)
    work(world)
    assert subjects(world, carl) == {"after a death"}


def test_a_disconnected_mailbox_is_not_woken(world: LocalWorld, mailbox: str) -> None:
    records.syncs(world.documents).update(mailbox, next_sync_at=None)
    schedule.soon(world, mailbox)
    assert waiting(world) == 0


def test_an_idle_sync_costs_five_reads_and_one_write(world: LocalWorld, mailbox: str) -> None:
    with metering.measured() as meter:
        engine.run(world, mailbox)
    assert (meter.store_reads, meter.store_writes, meter.tasks) == (5, 1, 0)


def test_an_idle_look_that_meets_a_hint_looks_again(
    world: LocalWorld, simulator: Simulator, mailbox: str, carl: str
) -> None:
    """The hint comes between the provider's answer and the one write of the idle path."""
    seen = records.syncs(world.documents).versioned(mailbox)
    box = records.mailboxes(world.documents, "acme").get(mailbox)
    arrive(simulator, "in between")
    schedule.soon(world, mailbox)
    engine.Run(world, box, mailbox, seen).run()
    assert subjects(world, carl) == {"in between"}
