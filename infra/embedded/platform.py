"""The embedded backend below a stack: SQLite in the stack's folder."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec.structs import asdict

from infra.delivery.dispatcher import Dispatcher
from infra.delivery.invoker import Invoker
from infra.delivery.lanes import Limits
from infra.delivery.queue import Counts
from infra.embedded.queues import Queue, taken_over
from infra.embedded.tasks import PendingTask
from infra.functions_map import FunctionsMap, Trigger
from infra.processes.process import STOP_SECONDS, Report


class OnEmbedded:
    """Implements `infra.local.platform.Platform`."""

    keeps = "what is stored stays"
    inherits = ()

    def __init__(
        self, functions: FunctionsMap, data: Path, invoker: Invoker, _report: Report
    ) -> None:
        self._functions = functions
        self._data = data
        self._invoker = invoker

    @contextmanager
    def serving(self) -> Iterator[Mapping[str, str]]:
        """Nothing runs beside the functions: each opens the files itself."""
        yield {"EMBEDDED_DATA": str(self._data)}

    @contextmanager
    def dispatching(self) -> Iterator[None]:
        with taken_over(self._data) as self._tasks:
            queues = {name: self._queue(name) for name in self._functions.queues}
            with Dispatcher(lambda: queues, self._deliver).running(STOP_SECONDS):
                yield

    def counts(self) -> Counts:
        return self._tasks.counts()

    def _queue(self, name: str) -> Queue:
        tasks = self._functions.triggered_by(Trigger.TASK)
        called = [task for task, function in tasks.items() if function.queue == name]
        return Queue(self._tasks, called, Limits(**asdict(self._functions.queues[name])))

    def _deliver(self, task: PendingTask) -> int:
        """As Cloud Tasks does, its headers included."""
        headers = {
            "Content-Type": "application/json",
            "X-CloudTasks-QueueName": self._functions.functions[task.function].queue,
            "X-CloudTasks-TaskName": task.name,
            "X-CloudTasks-TaskRetryCount": str(task.attempt - 1),
        }
        return self._invoker.call(task.function, msgspec.json.encode(task.body), headers)
