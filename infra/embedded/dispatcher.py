"""Delivers the tasks of the one-machine queue, by the rules of Cloud Tasks."""

import fcntl
import logging
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from threading import Event, Lock, Thread
from typing import BinaryIO

from infra.delivery.lanes import Lane, Limits
from infra.delivery.queue import Counts
from infra.embedded.tasks import PendingTask, Tasks
from shared.domain.errors import ConfigurationError, ProviderUnavailable
from shared.ports.clock import Clock

DISPATCH_DEADLINE = timedelta(minutes=10)
"""Cloud Tasks' default: a delivery that takes longer counts as failed, and the task is due again."""
LOOK_SECONDS = 0.1
"""How soon a task that another process stored is noticed."""
UNREACHABLE = 0
"""Stands for the status when no answer came."""

Deliver = Callable[[PendingTask], int]

_log = logging.getLogger(__name__)


class Dispatcher:
    """Takes due tasks and hands each to `deliver`, which calls the function and returns the status.

    2xx ends a task. Anything else, an exception included, is tried again after a growing pause, up to
    the queue's `max_attempts`; then the task is dropped and logged as an error. 429 and 503 also hold
    the whole queue for a while. At least once: what ran when this process died runs again.
    """

    def __init__(
        self,
        folder: Path,
        queues: Mapping[str, Limits],
        *,
        queue_of: Mapping[str, str],
        deliver: Deliver,
        clock: Clock | None = None,
        deadline: timedelta = DISPATCH_DEADLINE,
    ) -> None:
        """`queue_of` maps each task function to its queue. `deliver` runs in threads, at most
        `concurrent` of a queue at once, and must give up by itself within the `deadline`."""
        self._lock_file = folder / "dispatcher.lock"
        self._tasks = Tasks(folder, clock, durable=False)  # a lost claim or ending is done again
        now = time.monotonic()
        self._lanes = {name: Lane(limits, now) for name, limits in queues.items()}
        self._functions = {name: [f for f in queue_of if queue_of[f] == name] for name in queues}
        self._deliver = deliver
        self._deadline = deadline
        self._lanes_lock = Lock()
        self._look = Event()
        self._stopping = False
        self._loop = Thread(target=self._run, name="dispatcher", daemon=True)
        self._held: BinaryIO | None = None

    def start(self) -> None:
        """ConfigurationError when another dispatcher works on this folder."""
        self._held = _held(self._lock_file)
        self._tasks.release()
        self._loop.start()

    def stop(self, grace: float = 10.0) -> None:
        """Starts no more tasks, and waits up to `grace` seconds for those that run. Whatever runs
        longer will be run again by the next dispatcher."""
        if self._held is None:
            return
        self._stopping = True
        self._look.set()
        self._loop.join()
        until = time.monotonic() + grace
        while self._running() and self._look.wait(max(0.0, until - time.monotonic())):
            self._look.clear()
        if not self._running():
            self._tasks.close()
        self._held.close()

    def pending(self) -> Counts:
        return self._tasks.counts()

    def idle(self) -> bool:
        """Nothing runs or is due; something may be scheduled for later."""
        counts = self.pending()
        return not counts.running and not counts.due

    def _run(self) -> None:
        while not self._stopping:
            self._look.clear()
            try:
                self._start_due()
            except Exception:  # the next look may go well
                _log.exception("no tasks could be started")
            self._look.wait(LOOK_SECONDS)

    def _start_due(self) -> None:
        for queue, lane in self._lanes.items():
            with self._lanes_lock:
                room = lane.room(time.monotonic())
            if room <= 0:
                continue
            tasks = self._tasks.claim(self._functions[queue], room, self._deadline)
            with self._lanes_lock:
                lane.started(len(tasks))
            for task in tasks:
                Thread(target=self._work, args=(lane, task), name=task.name, daemon=True).start()

    def _work(self, lane: Lane, task: PendingTask) -> None:
        status = UNREACHABLE
        try:
            status = self._status(task)
            self._settle(lane.limits, task, status)
        except ProviderUnavailable:
            _log.exception("task %s keeps its lease, and will run again when it ends", task.name)
        finally:
            with self._lanes_lock:
                lane.ended(status, time.monotonic())
            self._look.set()

    def _status(self, task: PendingTask) -> int:
        try:
            return self._deliver(task)
        except Exception as error:  # whatever went wrong, the task is not done
            _log.warning("task %s of %s: %r", task.name, task.function, error)
            return UNREACHABLE

    def _settle(self, limits: Limits, task: PendingTask, status: int) -> None:
        if 200 <= status < 300:
            self._tasks.finish(task)
        elif task.attempt < limits.max_attempts:
            self._tasks.retry(task, limits.backoff(task.attempt))
        else:
            self._tasks.finish(task)
            _log.error(
                "task %s of %s is dropped: attempt %d ended with status %d",
                *(task.name, task.function, task.attempt, status),
            )

    def _running(self) -> int:
        with self._lanes_lock:
            return sum(lane.running for lane in self._lanes.values())


def _held(file: Path) -> BinaryIO:
    """The lock ends with this process, however that ends. Whatever was claimed without it is dead."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    held = file.open("wb")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held.close()
        raise ConfigurationError(f"The tasks in {file.parent} are being run already.") from None
    return held
