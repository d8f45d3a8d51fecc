"""Delivers due tasks by the rules of Cloud Tasks, whatever keeps them."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import Generic

from infra.delivery.lanes import UNREACHABLE, Lane, Limits, delivered
from infra.delivery.queue import Queue, T
from shared.domain.errors import ProviderUnavailable

LOOK_SECONDS = 0.05
"""How soon a new task is noticed."""

_log = logging.getLogger(__name__)


class Dispatcher(Generic[T]):
    """Claims due tasks and hands each to `deliver`, which calls the function and returns the status.

    2xx ends a task. Anything else, an exception included, is tried again after a growing pause, up to
    the queue's `max_attempts`; then the task is dropped and logged as an error. 429 and 503 also hold
    the whole queue for a while. At least once: what ran when this process died runs again.
    """

    def __init__(
        self, queues: Callable[[], Mapping[str, Queue[T]]], deliver: Callable[[T], int]
    ) -> None:
        """`queues` gives them by name, at every look anew. `deliver` runs in threads, at most
        `concurrent` of a queue at once, and must give up by itself within a task's lease."""
        self._queues = queues
        self._deliver = deliver
        self._lanes: dict[str, Lane] = {}
        self._lock = Lock()
        self._look = Event()

    @contextmanager
    def running(self, grace: float = 10.0) -> Iterator[None]:
        """At the end no more tasks are started, and those that run have `grace` seconds. What takes
        longer goes on, and is due again when its lease ends."""
        stopping = Event()
        loop = Thread(target=self._run, args=(stopping,), name="dispatcher", daemon=True)
        loop.start()
        try:
            yield
        finally:
            stopping.set()
            self._look.set()
            loop.join()
            self._wait(time.monotonic() + grace)

    def _run(self, stopping: Event) -> None:
        while not stopping.is_set():
            self._look.clear()
            for name, queue in self._queues().items():
                try:
                    self._start_due(name, queue)
                except Exception:  # the next look may go well, and the other queues must not wait
                    _log.exception("no tasks of %s could be started", name)
            self._look.wait(LOOK_SECONDS)

    def _start_due(self, name: str, queue: Queue[T]) -> None:
        limits, now = queue.limits, time.monotonic()
        with self._lock:
            lane = self._lanes.setdefault(name, Lane(limits, now))
            lane.limits = limits
            room = lane.room(now)
        if room <= 0:
            return
        tasks = queue.claim(room)
        with self._lock:
            lane.started(len(tasks))
        for task in tasks:  # one that hangs must not keep the process
            Thread(target=self._work, args=(queue, lane, task), name=task.name, daemon=True).start()

    def _work(self, queue: Queue[T], lane: Lane, task: T) -> None:
        status = UNREACHABLE
        try:
            status = self._status(task)
            self._settle(queue, lane.limits, task, status)
        except ProviderUnavailable:
            _log.exception("task %s keeps its lease, and will run again when it ends", task.name)
        finally:
            with self._lock:
                lane.ended(status, time.monotonic())
            self._look.set()

    def _status(self, task: T) -> int:
        try:
            return self._deliver(task)
        except Exception as error:  # whatever went wrong, the task is not done
            _log.warning("task %s: %r", task.name, error)
            return UNREACHABLE

    def _settle(self, queue: Queue[T], limits: Limits, task: T, status: int) -> None:
        if delivered(status):
            queue.finish(task)
        elif limits.last(task.attempt):
            queue.finish(task)
            _log.error(
                "task %s is dropped: attempt %d ended with status %d",
                *(task.name, task.attempt, status),
            )
        else:
            queue.retry(task, limits.backoff(task.attempt))

    def _wait(self, until: float) -> None:
        while self._running() and self._look.wait(max(0.0, until - time.monotonic())):
            self._look.clear()

    def _running(self) -> int:
        with self._lock:
            return sum(lane.running for lane in self._lanes.values())
