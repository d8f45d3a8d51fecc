"""What is special to the queue of one machine: time, and the end that tasks are taken from."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from infra.delivery.queue import Counts
from infra.embedded.tasks import PendingTask, Tasks
from shared.ports.tasks import Task
from tests.embedded.clocks import TurnedClock

LEASE = timedelta(minutes=10)
HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def tasks(tmp_path: Path, clock: TurnedClock) -> Iterator[Tasks]:
    made = Tasks(tmp_path, clock)
    yield made
    made.close()


def claimed(tasks: Tasks, *functions: str, limit: int = 100) -> list[PendingTask]:
    return tasks.claim(functions or ("f",), limit, LEASE)


def test_tasks_survive_a_restart(tasks: Tasks, tmp_path: Path, clock: TurnedClock) -> None:
    tasks.enqueue(Task("f", {"id": "1"}, name="one"), Task("f", {"id": "2"}))
    tasks.close()
    again = Tasks(tmp_path, clock)
    assert claimed(again) == [
        PendingTask(1, "one", "f", {"id": "1"}, 1),
        PendingTask(2, "f-2", "f", {"id": "2"}, 1),
    ]
    again.close()


def test_a_claimed_task_is_nobody_elses_until_its_lease_ends(
    tasks: Tasks, clock: TurnedClock
) -> None:
    tasks.enqueue(Task("f", {}))
    assert [task.attempt for task in claimed(tasks)] == [1]
    assert claimed(tasks) == []
    clock.turn(LEASE)
    assert [task.attempt for task in claimed(tasks)] == [2]


def test_only_the_functions_asked_for_are_claimed(tasks: Tasks) -> None:
    tasks.enqueue(Task("f", {}), Task("g", {}), Task("h", {}))
    assert [task.function for task in claimed(tasks, "g", "h")] == ["g", "h"]
    assert claimed(tasks, "nobody") == []


def test_the_longest_due_are_claimed_first(tasks: Tasks, clock: TurnedClock) -> None:
    now = clock.now()
    tasks.enqueue(
        Task("f", {"n": "late"}, not_before=now + HOUR),
        Task("f", {"n": "early"}, not_before=now + HOUR / 2),
        Task("f", {"n": "later"}, not_before=now + 2 * HOUR),
    )
    assert claimed(tasks) == []
    clock.turn(HOUR)
    assert [task.body["n"] for task in claimed(tasks, limit=1)] == ["early"]
    assert [task.body["n"] for task in claimed(tasks)] == ["late"]


def test_a_settled_task_is_gone_or_waits(tasks: Tasks, clock: TurnedClock) -> None:
    tasks.enqueue(Task("f", {"n": "done"}), Task("f", {"n": "again"}))
    done, again = claimed(tasks)
    tasks.finish(done)
    tasks.retry(again, HOUR)
    assert tasks.counts() == Counts(running=0, due=0, later=1)
    clock.turn(HOUR)
    assert [(task.body["n"], task.attempt) for task in claimed(tasks)] == [("again", 2)]


def test_who_lost_the_lease_can_no_longer_settle(tasks: Tasks, clock: TurnedClock) -> None:
    tasks.enqueue(Task("f", {}))
    (late,) = claimed(tasks)
    clock.turn(LEASE)
    (owner,) = claimed(tasks)
    tasks.finish(late)
    tasks.retry(late, timedelta(0))
    assert tasks.counts() == Counts(running=1, due=0, later=0)
    tasks.finish(owner)
    assert tasks.counts() == Counts(running=0, due=0, later=0)


def test_released_tasks_are_due_at_once_and_keep_their_count(tasks: Tasks) -> None:
    tasks.enqueue(Task("f", {}))
    claimed(tasks)
    tasks.release()
    assert [task.attempt for task in claimed(tasks)] == [2]


def test_releasing_leaves_what_is_scheduled(tasks: Tasks, clock: TurnedClock) -> None:
    tasks.enqueue(Task("f", {}, not_before=clock.now() + HOUR))
    tasks.release()
    assert tasks.counts() == Counts(running=0, due=0, later=1)


def test_counts_tell_running_due_and_later_apart(tasks: Tasks, clock: TurnedClock) -> None:
    tasks.enqueue(Task("f", {}), Task("g", {}), Task("g", {}))
    tasks.enqueue(Task("f", {}, not_before=clock.now() + HOUR))
    claimed(tasks, "f")
    assert tasks.counts() == Counts(running=1, due=2, later=1)


def test_a_name_is_free_again_a_day_after_its_task_is_done(
    tasks: Tasks, clock: TurnedClock
) -> None:
    named = Task("f", {}, name="daily")
    tasks.enqueue(named)
    tasks.finish(*claimed(tasks))
    clock.turn(timedelta(hours=23, minutes=59))
    tasks.enqueue(named)
    assert claimed(tasks) == []
    clock.turn(timedelta(minutes=1))
    tasks.enqueue(named)
    assert [task.name for task in claimed(tasks)] == ["daily"]


def test_a_name_is_taken_as_long_as_its_task_waits(tasks: Tasks, clock: TurnedClock) -> None:
    tasks.enqueue(Task("f", {}, not_before=clock.now() + timedelta(days=29), name="monthly"))
    clock.turn(timedelta(days=20))
    tasks.enqueue(Task("f", {}, name="monthly"))
    assert tasks.counts() == Counts(running=0, due=0, later=1)


def test_an_unnamed_task_never_frees_the_name_of_another(tasks: Tasks, clock: TurnedClock) -> None:
    tasks.enqueue(Task("f", {}))
    tasks.enqueue(Task("g", {}, not_before=clock.now() + timedelta(days=9), name="f-1"))
    tasks.finish(*claimed(tasks))
    clock.turn(timedelta(days=2))
    tasks.enqueue(Task("g", {}, name="f-1"))
    assert tasks.counts().later == 1
    assert tasks.counts().due == 0
