"""Tasks arrive, by the rules of Cloud Tasks, whatever keeps them."""

import logging
import queue
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from threading import Event, Timer

import pytest

from infra.delivery.dispatcher import Dispatcher
from infra.delivery.lanes import Limits
from infra.delivery.queue import Counts
from infra.embedded.tasks import PendingTask
from shared.bootstrap import SystemClock
from shared.ports.clock import Clock
from shared.ports.tasks import Task
from tests.delivery.candidates import CANDIDATES, QUICK, Call, Candidate
from tests.embedded.clocks import TurnedClock

LONG = 20.0
"""Seconds after which a test gives up waiting for what should come at once."""
SLOW = Limits(
    dispatches_per_second=500, concurrent=2, max_attempts=4, min_backoff=60, max_backoff=60
)
NOTHING = Counts(running=0, due=0, later=0)

Make = Callable[[Clock], Candidate]
Start = Callable[..., None]


class Functions:
    """Stands for the functions: notes every call, and answers with the next of `answers`, then 200."""

    def __init__(self, *answers: int | Exception) -> None:
        self.calls: queue.Queue[Call] = queue.Queue()
        self._answers = list(answers)

    def __call__(self, call: Call) -> int:
        self.calls.put(call)
        answer = self._answers.pop(0) if self._answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer

    def next(self) -> Call:
        return self.calls.get(timeout=LONG)


class Blocking(Functions):
    """Answers nothing until told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = Event()

    def __call__(self, call: Call) -> int:
        answer = super().__call__(call)
        assert self.go_on.wait(LONG)
        return answer


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as closing:
        yield closing


@pytest.fixture(params=CANDIDATES)
def make(request: pytest.FixtureRequest, tmp_path: Path, stack: ExitStack) -> Make:
    def made(clock: Clock) -> Candidate:
        candidate = CANDIDATES[request.param](tmp_path, clock)
        stack.callback(candidate.close)
        return candidate

    return made


@pytest.fixture
def tasks(make: Make) -> Candidate:
    return make(SystemClock())


@pytest.fixture
def start(stack: ExitStack) -> Start:
    def started(tasks: Candidate, deliver: Callable[[Call], int], limits: Limits = QUICK) -> None:
        tasks.limit(limits)
        stack.enter_context(tasks.dispatching(deliver))

    return started


def soon(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + LONG
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


def test_a_task_is_delivered_once_and_is_done(tasks: Candidate, start: Start) -> None:
    functions = Functions()
    start(tasks, functions)
    tasks.enqueue(Task("f", {"id": "1"}, name="one"))
    assert functions.next() == Call("f", {"id": "1"}, 1)
    assert soon(lambda: tasks.counts() == NOTHING)
    assert functions.calls.empty()


def test_tasks_stored_before_the_start_are_delivered(tasks: Candidate, start: Start) -> None:
    tasks.enqueue(*(Task(function, {"n": str(n)}) for n in range(30) for function in "fgh"))
    functions = Functions()
    start(tasks, functions)
    assert soon(lambda: tasks.counts() == NOTHING)
    assert functions.calls.qsize() == 90


@pytest.mark.parametrize(
    "failure", [500, 404, 302, 199, 300, ConnectionRefusedError("nobody there"), ValueError("odd")]
)
def test_whatever_is_not_2xx_is_tried_again(
    tasks: Candidate, start: Start, failure: int | Exception
) -> None:
    functions = Functions(failure, failure, 204)
    start(tasks, functions)
    tasks.enqueue(Task("f", {}, name="one"))
    assert [functions.next().attempt for _ in range(3)] == [1, 2, 3]
    assert soon(lambda: tasks.counts() == NOTHING)


def test_a_task_that_keeps_failing_is_dropped_aloud(
    tasks: Candidate, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    functions = Functions(*[500] * 9)
    start(tasks, functions)
    with caplog.at_level(logging.ERROR, "infra.delivery"):
        tasks.enqueue(Task("f", {"id": "1"}, name="hopeless"))
        assert soon(lambda: bool(caplog.records))
    assert soon(lambda: tasks.counts() == NOTHING)
    assert functions.calls.qsize() == QUICK.max_attempts
    (record,) = caplog.records
    assert record.getMessage().endswith("hopeless is dropped: attempt 4 ended with status 500")


def test_a_failing_task_waits_as_long_as_its_queue_says(make: Make, start: Start) -> None:
    clock = TurnedClock()
    tasks, functions = make(clock), Functions(500)
    start(tasks, functions, SLOW)
    tasks.enqueue(Task("f", {}))
    functions.next()
    assert soon(lambda: tasks.counts() == Counts(running=0, due=0, later=1))
    clock.turn(timedelta(seconds=SLOW.min_backoff - 1))
    assert tasks.counts() == Counts(running=0, due=0, later=1)
    clock.turn(timedelta(seconds=1))
    assert functions.next().attempt == 2


def test_a_scheduled_task_is_delivered_when_its_time_comes(make: Make, start: Start) -> None:
    clock = TurnedClock()
    tasks, functions = make(clock), Functions()
    start(tasks, functions)
    tasks.enqueue(
        Task("f", {"n": "tomorrow"}, not_before=clock.now() + timedelta(days=1)),
        Task("f", {"n": "now"}),
    )
    assert functions.next().body == {"n": "now"}
    assert soon(lambda: tasks.counts() == Counts(running=0, due=0, later=1))
    clock.turn(timedelta(days=1))
    assert functions.next().body == {"n": "tomorrow"}


def test_no_more_than_the_queue_allows_run_at_once(tasks: Candidate, start: Start) -> None:
    functions = Blocking()
    start(tasks, functions, SLOW)
    tasks.enqueue(*(Task("f", {}) for _ in range(5)), Task("h", {}))
    first = sorted(functions.next().function for _ in range(3))
    assert first == ["f", "f", "h"]  # the other queue is not held up
    with pytest.raises(queue.Empty):
        functions.calls.get(timeout=0.4)
    assert tasks.counts() == Counts(running=3, due=3, later=0)
    functions.go_on.set()
    assert soon(lambda: tasks.counts() == NOTHING)


def test_new_limits_hold_at_once_and_count_what_runs(tasks: Candidate, start: Start) -> None:
    functions = Blocking()
    start(tasks, functions, SLOW)
    tasks.enqueue(*(Task("f", {}) for _ in range(9)))
    assert soon(lambda: tasks.counts() == Counts(running=2, due=7, later=0))
    tasks.limit(Limits(500, 5, 4, 60, 60))
    for _ in range(5):
        functions.next()
    with pytest.raises(queue.Empty):
        functions.calls.get(timeout=0.4)
    assert tasks.counts() == Counts(running=5, due=4, later=0)
    functions.go_on.set()
    assert soon(lambda: tasks.counts() == NOTHING)


def test_tasks_start_no_faster_than_the_queue_allows(tasks: Candidate, start: Start) -> None:
    functions = Functions()
    began = time.monotonic()
    start(tasks, functions, Limits(20, 100, 1, 1, 1))
    tasks.enqueue(*(Task("f", {}) for _ in range(12)))
    assert soon(lambda: tasks.counts() == NOTHING)
    assert time.monotonic() - began >= (12 - 4) / 20  # four may start in one burst


@pytest.mark.parametrize("status", [429, 503])
def test_a_throttled_task_holds_its_queue_and_no_other(
    tasks: Candidate, start: Start, status: int
) -> None:
    functions = Functions(status)
    start(tasks, functions, SLOW)
    tasks.enqueue(Task("f", {"n": "throttled"}))
    functions.next()
    began = time.monotonic()
    tasks.enqueue(Task("f", {"n": "braked"}), Task("h", {"n": "free"}))
    assert functions.next().body["n"] == "free"
    assert functions.next().body["n"] == "braked"
    assert time.monotonic() - began >= 0.7


def test_a_delivery_beyond_its_deadline_is_made_again(make: Make, start: Start) -> None:
    clock = TurnedClock()
    tasks, functions = make(clock), Blocking()
    start(tasks, functions)
    tasks.enqueue(Task("f", {}))
    assert functions.next().attempt == 1
    clock.turn(timedelta(minutes=11))
    assert functions.next().attempt == 2
    functions.go_on.set()
    assert soon(lambda: tasks.counts() == NOTHING)


def test_the_end_waits_for_what_runs(tasks: Candidate) -> None:
    functions = Blocking()
    with tasks.dispatching(functions, grace=LONG):
        tasks.enqueue(Task("f", {}))
        functions.next()
        Timer(0.2, functions.go_on.set).start()
    assert functions.go_on.is_set()
    assert tasks.counts() == NOTHING


def test_at_the_end_nothing_new_is_started(tasks: Candidate, start: Start) -> None:
    functions = Blocking()
    tasks.limit(SLOW)
    with tasks.dispatching(functions, grace=0.1):
        tasks.enqueue(*(Task("f", {"n": str(n)}) for n in range(3)))
        for _ in range(2):
            functions.next()
    functions.go_on.set()
    assert soon(lambda: tasks.counts() == Counts(running=0, due=1, later=0))
    again = Functions()
    start(tasks, again)
    assert again.next().body == {"n": "2"}


def test_a_queue_in_trouble_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Idle):
        def claim(self, _limit: int) -> list[PendingTask]:
            raise RuntimeError("on fire")

    class Fine(Idle):
        def __init__(self) -> None:
            self.asked = Event()

        def claim(self, _limit: int) -> list[PendingTask]:
            self.asked.set()
            return []

    fine = Fine()
    queues = {"broken": Broken(), "fine": fine}
    with Dispatcher(lambda: queues, lambda _task: 200).running():
        assert fine.asked.wait(LONG)
    assert "no tasks of broken could be started" in caplog.text


class Idle:
    limits = QUICK

    def claim(self, _limit: int) -> list[PendingTask]:
        return []

    def finish(self, task: PendingTask) -> None: ...
    def retry(self, task: PendingTask, after: timedelta) -> None: ...
