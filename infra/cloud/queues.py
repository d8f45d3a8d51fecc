"""One queue of Cloud Tasks: what it holds, what is due, and when a failed task is tried again."""

import logging
import time
from datetime import datetime, timedelta
from itertools import count
from threading import RLock

from google.cloud.tasks_v2 import types

from infra.cloud.grpc_server import Refused
from infra.delivery.lanes import Lane, Limits
from infra.delivery.queue import Counts

NAME_KEPT = timedelta(hours=24)
"""How long a name stays taken once its task is done or deleted."""
UNREACHABLE = 0
"""Stands for the status when no answer came."""

RUNNING = types.Queue.State(types.Queue.State.RUNNING)
PAUSED = types.Queue.State(types.Queue.State.PAUSED)

_numbers = count(1)
_log = logging.getLogger(__name__)


class Queue:
    """Safe for several threads."""

    def __init__(self, message: types.Queue) -> None:
        self.message = _with_defaults(message)
        self._tasks: dict[str, types.Task] = {}
        self._eta: dict[str, datetime] = {}
        self._responses: dict[str, int] = {}
        self._running: set[str] = set()
        self._taken_until: dict[str, datetime] = {}
        self._lock = RLock()
        self.pace()

    def pace(self) -> None:
        """Follows the message's limits."""
        rates, retries = self.message.rate_limits, self.message.retry_config
        limits = Limits(
            dispatches_per_second=rates.max_dispatches_per_second,
            concurrent=rates.max_concurrent_dispatches,
            max_attempts=retries.max_attempts,
            min_backoff=retries.min_backoff.total_seconds(),
            max_backoff=retries.max_backoff.total_seconds(),
        )
        self._lane = Lane(limits, time.monotonic())

    # -- what the API asks ------------------------------------------------------------------------

    def add(self, task: types.Task, now: datetime) -> None:
        with self._lock:
            task.name = task.name or f"{self.message.name}/tasks/{next(_numbers):019}"
            if task.name in self._tasks:
                raise Refused("ALREADY_EXISTS", "Requested entity already exists")
            if self._taken_until.get(task.name, now) > now:
                raise Refused(
                    "ALREADY_EXISTS",
                    "A task with this name existed too recently.",
                )
            task.create_time = now
            if "schedule_time" not in task or task.schedule_time < now:
                task.schedule_time = now
            self._tasks[task.name], self._eta[task.name] = task, task.schedule_time

    def tasks(self) -> list[types.Task]:
        with self._lock:
            return list(self._tasks.values())

    def get(self, name: str) -> types.Task:
        with self._lock:
            if name not in self._tasks:
                raise Refused("NOT_FOUND", "Requested entity was not found.")
            return self._tasks[name]

    def delete(self, name: str, now: datetime) -> None:
        with self._lock:
            self.get(name)
            self._forget(name, now)

    def hurry(self, name: str, now: datetime) -> types.Task:
        """Due now, whatever was planned."""
        with self._lock:
            self._eta[self.get(name).name] = now
            return self._tasks[name]

    def purge(self, now: datetime) -> None:
        with self._lock:
            for name in list(self._tasks):
                self._forget(name, now)

    # -- what the dispatcher asks -----------------------------------------------------------------

    @property
    def paused(self) -> bool:
        return bool(self.message.state != RUNNING)

    def counts(self, now: datetime) -> Counts:
        with self._lock:
            running = len(self._running & self._tasks.keys())
            waiting = [eta for name, eta in self._eta.items() if name not in self._running]
            due = sum(eta <= now for eta in waiting)
            return Counts(running, due, len(waiting) - due)

    def next_due(self, now: datetime) -> types.Task | None:
        """The task that has been due longest, now running; None when there is none, or no room."""
        with self._lock:
            due = [name for name in self._eta if self._eta[name] <= now]
            waiting = [name for name in due if name not in self._running]
            if not waiting or self.paused or self._lane.room(time.monotonic()) < 1:
                return None
            task = self._tasks[min(waiting, key=lambda name: self._eta[name])]
            self._lane.started(1)
            self._running.add(task.name)
            task.dispatch_count += 1
            return task

    def headers(self, task: types.Task) -> dict[str, str]:
        """What a delivery says of itself."""
        previous = self._responses.get(task.name)
        facts = {
            "QueueName": self.message.name.rpartition("/")[2],
            "TaskName": task.name.rpartition("/")[2],
            "TaskRetryCount": task.dispatch_count - 1,
            "TaskExecutionCount": task.response_count,
            "TaskETA": f"{self._eta[task.name].timestamp():.6f}",
        }
        if previous is not None:
            facts["TaskPreviousResponse"] = previous
        return {f"X-CloudTasks-{name}": str(fact) for name, fact in facts.items()}

    def ended(self, task: types.Task, status: int, now: datetime) -> None:
        """Done with a 2xx, else tried again while its attempts last."""
        with self._lock:
            self._lane.ended(status, time.monotonic())
            self._running.discard(task.name)
            if task.name not in self._tasks:
                return  # deleted while it ran
            if status != UNREACHABLE:
                task.response_count += 1
                self._responses[task.name] = status
            attempts = self.message.retry_config.max_attempts
            if 200 <= status < 300:
                self._forget(task.name, now)
            elif 0 < attempts <= task.dispatch_count:
                self._forget(task.name, now)
                _log.error("task %s is dropped: its last attempt ended with %d", task.name, status)
            else:
                wait = backoff(self.message.retry_config, task.dispatch_count)
                task.schedule_time = self._eta[task.name] = now + wait

    def _forget(self, name: str, now: datetime) -> None:
        del self._tasks[name], self._eta[name]
        self._responses.pop(name, None)
        self._taken_until.pop(name, None)  # to the end: the oldest stand first
        self._taken_until[name] = now + NAME_KEPT
        while self._taken_until[oldest := next(iter(self._taken_until))] <= now:
            del self._taken_until[oldest]


def backoff(config: types.RetryConfig, attempt: int) -> timedelta:
    """The wait after the attempt of this number (from 1): doubled `max_doublings` times, then longer by
    the last one each time, and never above the maximum
    (https://cloud.google.com/tasks/docs/reference/rpc/google.cloud.tasks.v2#retryconfig)."""
    doublings = min(attempt - 1, config.max_doublings)
    wait: timedelta = config.min_backoff * 2**doublings * (attempt - doublings)
    longest: timedelta = config.max_backoff
    return min(wait, longest)


def _with_defaults(message: types.Queue) -> types.Queue:
    rates, retries = message.rate_limits, message.retry_config
    rates.max_dispatches_per_second = rates.max_dispatches_per_second or 500
    rates.max_concurrent_dispatches = rates.max_concurrent_dispatches or 1000
    retries.max_attempts = retries.max_attempts or 100
    retries.min_backoff = retries.min_backoff or timedelta(seconds=0.1)
    retries.max_backoff = retries.max_backoff or timedelta(hours=1)
    retries.max_doublings = retries.max_doublings or 16
    message.state = types.Queue.State(message.state or RUNNING)
    return message
