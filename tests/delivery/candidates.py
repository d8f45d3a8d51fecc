"""The queues that one dispatcher works on, behind one face for its exam."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import msgspec
from google.cloud.tasks_v2 import CreateQueueRequest, CreateTaskRequest, UpdateQueueRequest
from msgspec import Struct

from infra.cloud.cloud_tasks_server import CloudTasks
from infra.cloud.queues import Delivery
from infra.delivery.dispatcher import Dispatcher
from infra.delivery.lanes import Limits
from infra.delivery.queue import Counts
from infra.embedded.queues import Queue, taken_over
from infra.embedded.tasks import PendingTask, Tasks
from shared.ports.clock import Clock
from shared.ports.tasks import Task

FUNCTIONS = {"q": ("f", "g"), "other": ("h",)}
"""By queue."""
QUICK = Limits(
    dispatches_per_second=500, concurrent=10, max_attempts=4, min_backoff=0.01, max_backoff=0.05
)


class Call(Struct, frozen=True):
    """What the dispatcher wants delivered."""

    function: str
    body: dict[str, str]
    attempt: int


Deliver = Callable[[Call], int]


class Candidate(Protocol):
    """The queue "q" has limits of its own, "other" those of QUICK."""

    def enqueue(self, *tasks: Task) -> None: ...
    def counts(self) -> Counts: ...
    def limit(self, limits: Limits) -> None:
        """Those of "q", from now on."""

    def dispatching(
        self, deliver: Deliver, *, grace: float = 10.0
    ) -> AbstractContextManager[None]: ...
    def close(self) -> None: ...


class OnEmbedded:
    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._limits = dict.fromkeys(FUNCTIONS, QUICK)
        self._queues: dict[str, Queue] = {}
        self._tasks = Tasks(folder, clock)
        self.enqueue = self._tasks.enqueue
        self.counts = self._tasks.counts
        self.close = self._tasks.close

    def limit(self, limits: Limits) -> None:
        self._limits["q"] = limits
        if self._queues:
            self._queues["q"].limits = limits

    @contextmanager
    def dispatching(self, deliver: Deliver, *, grace: float = 10.0) -> Iterator[None]:
        def call(task: PendingTask) -> int:
            return deliver(Call(task.function, task.body, task.attempt))

        with taken_over(self._folder, self._clock) as tasks:
            self._queues = {
                name: Queue(tasks, functions, self._limits[name])
                for name, functions in FUNCTIONS.items()
            }
            with Dispatcher(lambda: self._queues, call).running(grace):
                yield


class OnCloudTasks:
    def __init__(self, _folder: Path, clock: Clock) -> None:
        self._server = CloudTasks(clock)
        self.counts = self._server.counts
        for queue in FUNCTIONS:
            asked = CreateQueueRequest(
                parent="projects/p/locations/l", queue=_message(queue, QUICK)
            )
            self._server.create_queue(asked)

    def enqueue(self, *tasks: Task) -> None:
        for task in tasks:
            (queue,) = (name for name, functions in FUNCTIONS.items() if task.function in functions)
            request = {
                "url": f"http://functions/{task.function}",
                "body": msgspec.json.encode(task.body),
            }
            name = f"{_full(queue)}/tasks/{task.name}" if task.name else ""
            message = {"name": name, "http_request": request, "schedule_time": task.not_before}
            self._server.create_task(CreateTaskRequest(parent=_full(queue), task=message))

    def limit(self, limits: Limits) -> None:
        mask = {"paths": ["rate_limits", "retry_config"]}
        self._server.update_queue(UpdateQueueRequest(queue=_message("q", limits), update_mask=mask))

    def dispatching(self, deliver: Deliver, *, grace: float = 10.0) -> AbstractContextManager[None]:
        def call(delivery: Delivery) -> int:
            function = delivery.call.url.rpartition("/")[2]
            body = msgspec.json.decode(delivery.call.body, type=dict[str, str])
            return deliver(Call(function, body, delivery.attempt))

        return Dispatcher(lambda: self._server.queues, call).running(grace)

    def close(self) -> None:
        """All is in memory."""


CANDIDATES: Mapping[str, Callable[[Path, Clock], Candidate]] = {
    "embedded": OnEmbedded,
    "cloud": OnCloudTasks,
}


def _full(queue: str) -> str:
    return f"projects/p/locations/l/queues/{queue}"


def _message(queue: str, limits: Limits) -> dict[str, object]:
    return {
        "name": _full(queue),
        "rate_limits": {
            "max_dispatches_per_second": limits.dispatches_per_second,
            "max_concurrent_dispatches": limits.concurrent,
        },
        "retry_config": {
            "max_attempts": limits.max_attempts,
            "min_backoff": timedelta(seconds=limits.min_backoff),
            "max_backoff": timedelta(seconds=limits.max_backoff),
        },
    }
