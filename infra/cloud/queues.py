"""One queue of Cloud Tasks: what it holds, and what is due."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from heapq import nsmallest
from itertools import count
from threading import RLock

from google.cloud.tasks_v2 import types
from msgspec import Struct

from infra.cloud.grpc_server import Refused
from infra.delivery.lanes import Limits
from infra.delivery.queue import Claimed, Counts
from shared.ports.clock import Clock

NAME_KEPT = timedelta(hours=24)
"""How long a name stays taken once its task is done or deleted."""
LATE = timedelta(seconds=30)
"""A delivery ends at its deadline by itself; one that has not been settled so long after is dead."""

RUNNING = types.Queue.State(types.Queue.State.RUNNING)
PAUSED = types.Queue.State(types.Queue.State.PAUSED)

_numbers = count(1)


class Delivery(Struct, frozen=True):
    """A task to be delivered now."""

    name: str
    """In full, with its queue's."""
    attempt: int
    """1 for the first delivery."""
    call: types.HttpRequest
    deadline: timedelta
    headers: dict[str, str]
    """What the delivery says of itself."""


class Queue:
    """Implements `infra.delivery.queue.Queue`. Safe for several threads."""

    def __init__(self, message: types.Queue, clock: Clock) -> None:
        self.message = _with_defaults(message)
        self.clock = clock
        self._tasks: dict[str, types.Task] = {}
        self._due: dict[str, datetime] = {}
        """By name; of a running task, when its lease ends."""
        self._running: set[str] = set()
        self._responses: dict[str, int] = {}
        """The last one of each task that got any."""
        self._taken_until: dict[str, datetime] = {}
        self._lock = RLock()

    # -- what the API asks ------------------------------------------------------------------------

    def update(self, message: types.Queue, fields: Iterable[str]) -> None:
        for field in fields:
            setattr(self.message, field, getattr(message, field))
        _with_defaults(self.message)

    def add(self, task: types.Task) -> None:
        with self._lock:
            now = self.clock.now()
            task.name = task.name or f"{self.message.name}/tasks/{next(_numbers):019}"
            if task.name in self._tasks:
                raise Refused("ALREADY_EXISTS", "Requested entity already exists")
            if self._taken_until.get(task.name, now) > now:
                raise Refused("ALREADY_EXISTS", "A task with this name existed too recently.")
            task.create_time = now
            if "schedule_time" not in task or task.schedule_time < now:
                task.schedule_time = now
            self._tasks[task.name], self._due[task.name] = task, task.schedule_time

    def tasks(self) -> list[types.Task]:
        with self._lock:
            return list(self._tasks.values())

    def get(self, name: str) -> types.Task:
        with self._lock:
            if name not in self._tasks:
                raise Refused("NOT_FOUND", "Requested entity was not found.")
            return self._tasks[name]

    def delete(self, name: str) -> None:
        with self._lock:
            self._forget(self.get(name).name)

    def hurry(self, name: str) -> types.Task:
        """Due now, whatever was planned; one that runs already goes on."""
        with self._lock:
            task = self.get(name)
            if name not in self._running:
                self._due[name] = self.clock.now()
            return task

    def purge(self) -> None:
        with self._lock:
            for name in list(self._tasks):
                self._forget(name)
            self.message.purge_time = self.clock.now()

    def counts(self) -> Counts:
        with self._lock:
            now = self.clock.now()
            due = {name for name, at in self._due.items() if at <= now}
            running = len(self._running - due)
            return Counts(running, len(due), len(self._due) - len(due) - running)

    # -- what a dispatcher asks -------------------------------------------------------------------

    @property
    def limits(self) -> Limits:
        rates, retries = self.message.rate_limits, self.message.retry_config
        return Limits(
            dispatches_per_second=rates.max_dispatches_per_second,
            concurrent=rates.max_concurrent_dispatches,
            max_attempts=retries.max_attempts,
            min_backoff=retries.min_backoff.total_seconds(),
            max_backoff=retries.max_backoff.total_seconds(),
            max_doublings=retries.max_doublings,
        )

    def claim(self, limit: int) -> list[Delivery]:
        with self._lock:
            if self.message.state != RUNNING:
                return []
            now = self.clock.now()
            due = [name for name, at in self._due.items() if at <= now]
            longest_due = nsmallest(limit, due, key=self._due.__getitem__)
            return [self._begun(self._tasks[name], now) for name in longest_due]

    def finish(self, task: Claimed) -> None:
        with self._lock:
            if self._leased(task):
                self._forget(task.name)

    def retry(self, task: Claimed, after: timedelta) -> None:
        with self._lock:
            if self._leased(task):
                due = self.clock.now() + after
                self._due[task.name] = self._tasks[task.name].schedule_time = due
                self._running.discard(task.name)

    def answered(self, task: Claimed, status: int) -> None:
        """For the next delivery's headers."""
        with self._lock:
            if self._leased(task):
                self._tasks[task.name].response_count += 1
                self._responses[task.name] = status

    # -- within -----------------------------------------------------------------------------------

    def _begun(self, task: types.Task, now: datetime) -> Delivery:
        task.dispatch_count += 1
        deadline = task.dispatch_deadline
        headers = self._headers(task)
        self._running.add(task.name)
        self._due[task.name] = now + deadline + LATE
        return Delivery(task.name, task.dispatch_count, task.http_request, deadline, headers)

    def _headers(self, task: types.Task) -> dict[str, str]:
        facts = {
            "QueueName": self.message.name.rpartition("/")[2],
            "TaskName": task.name.rpartition("/")[2],
            "TaskRetryCount": task.dispatch_count - 1,
            "TaskExecutionCount": task.response_count,
            "TaskETA": f"{self._due[task.name].timestamp():.6f}",
        }
        if task.name in self._responses:
            facts["TaskPreviousResponse"] = self._responses[task.name]
        return {f"X-CloudTasks-{name}": str(fact) for name, fact in facts.items()}

    def _leased(self, task: Claimed) -> bool:
        """False when it was deleted, or claimed again, while it ran."""
        current = self._tasks.get(task.name)
        return current is not None and current.dispatch_count == task.attempt

    def _forget(self, name: str) -> None:
        now = self.clock.now()
        del self._tasks[name], self._due[name]
        self._running.discard(name)
        self._responses.pop(name, None)
        self._taken_until.pop(name, None)  # to the end: the oldest stand first
        self._taken_until[name] = now + NAME_KEPT
        while self._taken_until[oldest := next(iter(self._taken_until))] <= now:
            del self._taken_until[oldest]


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
