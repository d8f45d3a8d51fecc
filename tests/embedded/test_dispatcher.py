"""Tasks arrive, by the rules of Cloud Tasks."""

import logging
import multiprocessing
import queue
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event, Timer

import pytest

from infra.delivery.lanes import Limits
from infra.delivery.queue import Counts
from infra.embedded.dispatcher import Dispatcher
from infra.embedded.tasks import PendingTask, Tasks
from shared.domain.errors import ConfigurationError
from shared.ports.clock import Clock
from shared.ports.tasks import Task
from tests.embedded import workers
from tests.embedded.clocks import TurnedClock

LONG = 20.0
"""Seconds after which a test gives up waiting for what should come at once."""
QUICK = Limits(
    dispatches_per_second=500, concurrent=10, max_attempts=4, min_backoff=0.01, max_backoff=0.05
)
SLOW = Limits(
    dispatches_per_second=500, concurrent=2, max_attempts=4, min_backoff=60, max_backoff=60
)

Start = Callable[..., Dispatcher]


class Functions:
    """Stands for the functions: notes every call, and answers with the next of `answers`, then 200."""

    def __init__(self, *answers: int | Exception) -> None:
        self.calls: queue.Queue[PendingTask] = queue.Queue()
        self._answers = list(answers)

    def __call__(self, task: PendingTask) -> int:
        self.calls.put(task)
        answer = self._answers.pop(0) if self._answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer

    def next(self) -> PendingTask:
        return self.calls.get(timeout=LONG)


class Blocking(Functions):
    """Answers nothing until told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = Event()

    def __call__(self, task: PendingTask) -> int:
        answer = super().__call__(task)
        assert self.go_on.wait(LONG)
        return answer


@pytest.fixture
def tasks(tmp_path: Path) -> Iterator[Tasks]:
    made = Tasks(tmp_path)
    yield made
    made.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Dispatcher] = []

    def one(
        deliver: Callable[[PendingTask], int],
        limits: Limits = QUICK,
        clock: Clock | None = None,
    ) -> Dispatcher:
        made = Dispatcher(
            tmp_path,
            {"q": limits, "other": QUICK},
            queue_of={"f": "q", "g": "q", "h": "other"},
            deliver=deliver,
            clock=clock,
        )
        started.append(made)
        made.start()
        return made

    yield one
    for made in started:
        made.stop()


def soon(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + LONG
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


def test_a_task_is_delivered_once_and_is_done(tasks: Tasks, start: Start) -> None:
    functions = Functions()
    dispatcher = start(functions)
    tasks.enqueue(Task("f", {"id": "1"}, name="one"))
    assert functions.next() == PendingTask(1, "one", "f", {"id": "1"}, 1)
    assert soon(dispatcher.idle)
    assert dispatcher.pending() == Counts(0, 0, 0)
    assert functions.calls.empty()


def test_tasks_stored_before_the_start_are_delivered(tasks: Tasks, start: Start) -> None:
    tasks.enqueue(*(Task(function, {"n": str(n)}) for n in range(30) for function in "fgh"))
    functions = Functions()
    dispatcher = start(functions)
    assert soon(dispatcher.idle)
    assert functions.calls.qsize() == 90


@pytest.mark.parametrize(
    "failure", [500, 404, 302, 199, 300, ConnectionRefusedError("nobody there"), ValueError("odd")]
)
def test_whatever_is_not_2xx_is_tried_again(
    tasks: Tasks, start: Start, failure: int | Exception
) -> None:
    functions = Functions(failure, failure, 204)
    dispatcher = start(functions)
    tasks.enqueue(Task("f", {}, name="one"))
    assert [functions.next().attempt for _ in range(3)] == [1, 2, 3]
    assert soon(lambda: dispatcher.pending() == Counts(0, 0, 0))


def test_a_task_that_keeps_failing_is_dropped_aloud(
    tasks: Tasks, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    functions = Functions(*[500] * 9)
    dispatcher = start(functions)
    with caplog.at_level(logging.ERROR, "infra.embedded"):
        tasks.enqueue(Task("f", {"id": "1"}, name="hopeless"))
        assert soon(lambda: bool(caplog.records))
    assert soon(lambda: dispatcher.pending() == Counts(0, 0, 0))
    assert functions.calls.qsize() == QUICK.max_attempts
    (record,) = caplog.records
    assert record.getMessage() == "task hopeless of f is dropped: attempt 4 ended with status 500"


def test_a_failing_task_waits_as_long_as_its_queue_says(tasks: Tasks, start: Start) -> None:
    functions = Functions(500)
    dispatcher = start(functions, SLOW)
    tasks.enqueue(Task("f", {}))
    functions.next()
    assert soon(lambda: dispatcher.pending() == Counts(running=0, due=0, later=1))
    assert dispatcher.idle()


def test_a_scheduled_task_is_delivered_when_its_time_comes(tmp_path: Path, start: Start) -> None:
    clock = TurnedClock()
    tasks = Tasks(tmp_path, clock)
    functions = Functions()
    dispatcher = start(functions, QUICK, clock)
    tasks.enqueue(
        Task("f", {"n": "tomorrow"}, not_before=clock.now() + timedelta(days=1)),
        Task("f", {"n": "now"}),
    )
    assert functions.next().body == {"n": "now"}
    assert soon(lambda: dispatcher.pending() == Counts(running=0, due=0, later=1))
    clock.turn(timedelta(days=1))
    assert functions.next().body == {"n": "tomorrow"}
    tasks.close()


def test_no_more_than_the_queue_allows_run_at_once(tasks: Tasks, start: Start) -> None:
    functions = Blocking()
    dispatcher = start(functions, SLOW)
    tasks.enqueue(*(Task("f", {}) for _ in range(5)), Task("h", {}))
    first = sorted(functions.next().function for _ in range(3))
    assert first == ["f", "f", "h"]  # the other queue is not held up
    with pytest.raises(queue.Empty):
        functions.calls.get(timeout=0.4)
    assert dispatcher.pending() == Counts(running=3, due=3, later=0)
    functions.go_on.set()
    assert soon(dispatcher.idle)


def test_tasks_start_no_faster_than_the_queue_allows(tasks: Tasks, start: Start) -> None:
    functions = Functions()
    began = time.monotonic()
    dispatcher = start(functions, Limits(20, 100, 1, 1, 1))
    tasks.enqueue(*(Task("f", {}) for _ in range(12)))
    assert soon(dispatcher.idle)
    assert time.monotonic() - began >= (12 - 4) / 20  # four may start in one burst


@pytest.mark.parametrize("status", [429, 503])
def test_a_throttled_task_holds_its_queue_and_no_other(
    tasks: Tasks, start: Start, status: int
) -> None:
    functions = Functions(status)
    start(functions, SLOW)
    tasks.enqueue(Task("f", {"n": "throttled"}))
    functions.next()
    began = time.monotonic()
    tasks.enqueue(Task("f", {"n": "held"}), Task("h", {"n": "free"}))
    assert functions.next().body["n"] == "free"
    assert functions.next().body["n"] == "held"
    assert time.monotonic() - began >= 0.7


def test_what_ran_when_the_process_died_runs_again(
    tasks: Tasks, start: Start, tmp_path: Path
) -> None:
    tasks.enqueue(Task("f", {"id": "1"}))
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
    functions = Functions()
    dispatcher = start(functions)
    assert functions.next().attempt == 2
    assert soon(dispatcher.idle)


def test_a_folder_has_one_dispatcher(start: Start) -> None:
    first = start(Functions())
    with pytest.raises(ConfigurationError):
        start(Functions())
    first.stop()
    start(Functions())


def test_a_delivery_beyond_its_deadline_is_made_again(tmp_path: Path, start: Start) -> None:
    clock = TurnedClock()
    tasks = Tasks(tmp_path, clock)
    functions = Blocking()
    dispatcher = start(functions, QUICK, clock)
    tasks.enqueue(Task("f", {}))
    assert functions.next().attempt == 1
    clock.turn(timedelta(minutes=10))
    assert functions.next().attempt == 2
    functions.go_on.set()
    assert soon(lambda: dispatcher.pending() == Counts(0, 0, 0))
    tasks.close()


def test_stopping_waits_for_what_runs(tasks: Tasks, start: Start) -> None:
    functions = Blocking()
    dispatcher = start(functions)
    tasks.enqueue(Task("f", {}))
    functions.next()
    Timer(0.2, functions.go_on.set).start()
    dispatcher.stop(grace=LONG)
    assert functions.go_on.is_set()
    assert tasks.counts() == Counts(0, 0, 0)


def test_a_stopping_dispatcher_starts_nothing_new(tasks: Tasks, start: Start) -> None:
    functions = Blocking()
    dispatcher = start(functions, SLOW)
    tasks.enqueue(*(Task("f", {}) for _ in range(3)))
    for _ in range(2):
        functions.next()
    dispatcher.stop(grace=0.1)
    functions.go_on.set()
    assert soon(lambda: tasks.counts() == Counts(running=0, due=1, later=0))
    again = Functions()
    start(again)
    assert again.next().id == 3
