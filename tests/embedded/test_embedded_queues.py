"""What is special to the queues of one machine: whose they are, and what becomes of a dead one's tasks."""

import multiprocessing
from datetime import timedelta
from pathlib import Path

import pytest

from infra.embedded.queues import taken_over
from infra.embedded.tasks import Tasks
from shared.domain.errors import ConfigurationError
from shared.ports.tasks import Task
from tests.embedded import workers

LONG = 20.0
LEASE = timedelta(minutes=10)


def test_what_ran_when_the_process_died_is_due_again(tmp_path: Path) -> None:
    tasks = Tasks(tmp_path)
    tasks.enqueue(Task("f", {"id": "1"}))
    tasks.close()
    spawned = multiprocessing.get_context("spawn")
    reading, writing = spawned.Pipe(duplex=False)
    process = spawned.Process(target=workers.start_and_hang, args=(tmp_path, writing))
    process.start()
    assert reading.poll(LONG)
    assert reading.recv() == 1
    process.kill()
    process.join()
    reading.close()
    writing.close()
    with taken_over(tmp_path) as found:
        (task,) = found.claim(["f"], 9, LEASE)
        assert task.attempt == 2


def test_the_tasks_of_a_folder_are_one_dispatchers(tmp_path: Path) -> None:
    with taken_over(tmp_path), pytest.raises(ConfigurationError), taken_over(tmp_path):
        pass
    with taken_over(tmp_path):
        pass
