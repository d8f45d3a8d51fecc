"""What lies below the functions of a stack: BACKEND as it runs on this machine."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec.structs import asdict

from infra.embedded.dispatcher import Dispatcher
from infra.embedded.lanes import Limits
from infra.embedded.tasks import Counts, PendingTask
from infra.functions_map import CLOUD, EMBEDDED, FunctionsMap, Trigger
from infra.local.invoker import Invoker
from infra.local.processes import STOP_SECONDS, Report
from shared.domain.errors import ConfigurationError


class Platform(Protocol):
    """Keeps documents, secrets and tasks, and delivers the tasks. Both contexts are entered once,
    `serving` first and around the functions, `dispatching` within, when all of them answer."""

    @property
    def keeps(self) -> str:
        """For whoever starts it: what stays when the stack stops."""

    @property
    def inherits(self) -> tuple[str, ...]:
        """Variables of this process's environment that functions need besides their settings."""

    def serving(self) -> AbstractContextManager[Mapping[str, str]]:
        """The settings by which functions find it. Raises ConfigurationError or ChildProcessError."""

    def dispatching(self) -> AbstractContextManager[None]:
        """Tasks are delivered meanwhile. At the end no more are begun, and those that run have
        STOP_SECONDS."""

    def counts(self) -> Counts:
        """Of the tasks. To be asked while dispatching."""


MakePlatform = Callable[[FunctionsMap, Path, Invoker, Report], Platform]
"""Of the functions, the stack's folder, who calls the functions, and who is told of trouble."""


def platform_for(settings: Mapping[str, str], *, simulated: bool) -> MakePlatform:
    """The one for these settings; `simulated` says that the providers are. ConfigurationError when it
    cannot run here."""
    backend = settings.get("BACKEND", EMBEDDED)
    if backend == EMBEDDED:
        return OnEmbedded
    if backend != CLOUD:
        raise ConfigurationError(
            f"BACKEND names {backend!r}; this machine has {EMBEDDED} and {CLOUD}."
        )
    from infra.cloud import platform  # Google's libraries take half a second to load

    return platform.platform_for(settings, simulated=simulated)


class OnEmbedded:
    """SQLite in the stack's folder."""

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
