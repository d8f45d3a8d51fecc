"""The embedded backend below a stack: SQLite in the stack's folder."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec.structs import asdict

from infra.delivery.invoker import Invoker
from infra.delivery.lanes import Limits
from infra.delivery.queue import Counts
from infra.embedded.dispatcher import Dispatcher
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
        tasks = self._functions.triggered_by(Trigger.TASK)
        self._dispatcher = Dispatcher(
            self._data,
            {name: Limits(**asdict(queue)) for name, queue in self._functions.queues.items()},
            queue_of={name: function.queue for name, function in tasks.items()},
            deliver=self._deliver,
        )
        self._dispatcher.start()
        try:
            yield
        finally:
            self._dispatcher.stop(grace=STOP_SECONDS)

    def counts(self) -> Counts:
        return self._dispatcher.pending()

    def _deliver(self, task: PendingTask) -> int:
        """As Cloud Tasks does, its headers included."""
        headers = {
            "Content-Type": "application/json",
            "X-CloudTasks-QueueName": self._functions.functions[task.function].queue,
            "X-CloudTasks-TaskName": task.name,
            "X-CloudTasks-TaskRetryCount": str(task.attempt - 1),
        }
        return self._invoker.call(task.function, msgspec.json.encode(task.body), headers)
