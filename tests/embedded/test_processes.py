"""A dozen function processes use the same files at once, and any of them may die anywhere."""

import multiprocessing
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.embedded import Embedded, backend
from shared.config import Settings
from shared.ports.documents import Query, Where
from shared.ports.tasks import Task
from tests.embedded import workers

SPAWNED = multiprocessing.get_context("spawn")
FORKED = multiprocessing.get_context("fork")
PROCESSES, ROUNDS = 8, 12


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Embedded]:
    made = backend(Settings(embedded_data=str(tmp_path / "data")))
    yield made
    made.close()


def test_eight_processes_at_once_lose_nothing_and_lock_nobody_out(
    here: Embedded, tmp_path: Path
) -> None:
    """From the very beginning: all of them find an empty folder."""
    processes = [
        SPAWNED.Process(target=workers.hammer, args=(tmp_path / "data", me, ROUNDS))
        for me in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(90)
    assert [process.exitcode for process in processes] == [0] * PROCESSES

    counter = here.documents.get(workers.COUNTER)
    assert counter is not None
    assert counter.data["n"] == PROCESSES * ROUNDS
    things = Query("things", (Where("i", "==", 1),), ("-n",), limit=1000, group=True)
    assert here.documents.count(things) == PROCESSES * ROUNDS
    assert here.secrets.get("shared") in [str(me).encode() for me in range(PROCESSES)]
    assert here.secrets.get("own-7") == str(ROUNDS - 1).encode()
    assert here.tasks.counts().due == ROUNDS + PROCESSES * ROUNDS


def test_a_process_that_is_killed_while_writing_leaves_whole_batches(
    here: Embedded, tmp_path: Path
) -> None:
    for wanted in (5, 60, 200):
        reading, writing = SPAWNED.Pipe(duplex=False)
        process = SPAWNED.Process(target=workers.write_pairs, args=(tmp_path / "data", writing))
        process.start()
        writing.close()
        written = [reading.recv() for _ in range(wanted)]
        process.kill()
        process.join()
        try:
            while True:
                written.append(reading.recv())
        except EOFError:
            reading.close()
        pair = here.documents.get_many(["pairs/left", "pairs/right"])
        left, right = pair["pairs/left"].data["n"], pair["pairs/right"].data["n"]
        assert left == right
        assert written[-1] <= left <= written[-1] + 1


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # threads of a test runner
def test_what_was_open_before_a_fork_works_on_both_sides(here: Embedded, tmp_path: Path) -> None:
    here.documents.transaction(workers.increment)
    here.secrets.put("parent", b"value")
    here.tasks.enqueue(Task("f", {"by": "parent"}))
    children = [FORKED.Process(target=workers.use, args=(here,)) for _ in range(3)]
    for child in children:
        child.start()
    assert here.documents.transaction(workers.increment) >= 2
    for child in children:
        child.join(30)
    assert [child.exitcode for child in children] == [0, 0, 0]
    assert here.documents.transaction(workers.increment) == 6
    assert (here.secrets.get("parent"), here.secrets.get("child")) == (b"value", b"value")
    assert here.tasks.counts().due == 4
    for file in (tmp_path / "data").glob("*.sqlite3"):
        connection = sqlite3.connect(file)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()


def test_making_a_backend_touches_nothing(tmp_path: Path) -> None:
    made = backend(Settings(embedded_data=str(tmp_path / "data")))
    made.close()
    assert list(tmp_path.iterdir()) == []
