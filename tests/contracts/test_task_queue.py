"""The exam of `shared.ports.TaskQueue`: what is taken in. That tasks arrive is each backend's own test."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from shared.domain import ids
from shared.domain.errors import InvalidRequest
from shared.ports.tasks import Task
from tests.contracts.backends import Candidate


@pytest.fixture
def function() -> str:
    return f"f_{ids.random()}"


def in_days(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def test_a_task_is_stored_with_its_body(candidate: Candidate, function: str) -> None:
    body = {"mailbox": "m1", "reason": 'é "\0" \U0001f600'}
    candidate.tasks.enqueue(Task(function, body))
    assert candidate.stored_tasks(function) == [body]


def test_many_tasks_are_stored_in_one_call(candidate: Candidate, function: str) -> None:
    bodies = [{"n": str(n)} for n in range(250)]
    candidate.tasks.enqueue(*(Task(function, body) for body in bodies))
    stored = candidate.stored_tasks(function)
    assert sorted(stored, key=lambda body: int(body["n"])) == bodies


def test_no_task_at_all_is_fine(candidate: Candidate, function: str) -> None:
    candidate.tasks.enqueue()
    assert candidate.stored_tasks(function) == []


def test_tasks_without_a_name_are_never_taken_for_each_other(
    candidate: Candidate, function: str
) -> None:
    candidate.tasks.enqueue(Task(function, {"id": "1"}), Task(function, {"id": "1"}))
    assert len(candidate.stored_tasks(function)) == 2


def test_a_second_task_of_a_name_is_dropped_silently(candidate: Candidate, function: str) -> None:
    name = ids.random()
    candidate.tasks.enqueue(Task(function, {"n": "1"}, name=name))
    candidate.tasks.enqueue(Task(function, {"n": "2"}, name=name))
    assert candidate.stored_tasks(function) == [{"n": "1"}]


def test_a_taken_name_does_not_stop_the_other_tasks_of_a_call(
    candidate: Candidate, function: str
) -> None:
    name = ids.random()
    candidate.tasks.enqueue(
        Task(function, {"n": "1"}, name=name),
        Task(function, {"n": "2"}, name=name),
        Task(function, {"n": "3"}),
    )
    stored = sorted(body["n"] for body in candidate.stored_tasks(function))
    assert stored == ["1", "3"]


def test_of_many_at_once_with_one_name_one_is_stored(candidate: Candidate, function: str) -> None:
    name = ids.random()
    with ThreadPoolExecutor(6) as pool:
        tasks = [Task(function, {"n": str(n)}, name=name) for n in range(6)]
        list(pool.map(candidate.tasks.enqueue, tasks))
    assert len(candidate.stored_tasks(function)) == 1


def test_a_task_may_wait_for_almost_a_month(candidate: Candidate, function: str) -> None:
    candidate.tasks.enqueue(Task(function, {}, not_before=in_days(29.9)))
    assert candidate.stored_tasks(function) == [{}]


def test_a_time_in_the_past_means_now(candidate: Candidate, function: str) -> None:
    candidate.tasks.enqueue(Task(function, {}, not_before=in_days(29) - timedelta(days=60)))
    assert candidate.stored_tasks(function) == [{}]


def test_a_task_cannot_wait_longer_than_30_days(candidate: Candidate, function: str) -> None:
    with pytest.raises(InvalidRequest):
        candidate.tasks.enqueue(Task(function, {}, not_before=in_days(30.1)))
    assert candidate.stored_tasks(function) == []


def test_a_body_of_more_than_a_mebibyte_is_refused(candidate: Candidate, function: str) -> None:
    with pytest.raises(InvalidRequest):
        candidate.tasks.enqueue(Task(function, {"id": "x" * 1024 * 1024}))
    assert candidate.stored_tasks(function) == []


def test_a_refused_task_takes_the_others_of_its_call_with_it(
    candidate: Candidate, function: str
) -> None:
    with pytest.raises(InvalidRequest):
        candidate.tasks.enqueue(Task(function, {}), Task(function, {}, not_before=in_days(31)))
    assert candidate.stored_tasks(function) == []
