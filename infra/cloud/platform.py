"""BACKEND=shared.gcp below a stack: documents and secrets on emulators or in a real project, tasks in a
queue of our own, since Cloud Tasks cannot reach this machine."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from google.cloud.tasks_v2 import CreateQueueRequest

from infra.cloud.cloud_tasks_server import CloudTasks
from infra.cloud.emulators import FIRESTORE, SECRETS, Emulators
from infra.cloud.http_target import dispatcher
from infra.cloud.real_project import RealProject
from infra.delivery.invoker import EMAIL, Invoker
from infra.delivery.queue import Counts
from infra.functions_map import FunctionsMap, Queue, Trigger
from infra.processes.process import STOP_SECONDS, Report
from shared.domain.errors import ConfigurationError

LOCATION = "europe-west1"
_TASKS = "CLOUD_TASKS_EMULATOR_HOST"


class Stores(Protocol):
    """Where documents and secrets are; for the rest as a Platform."""

    project: str

    @property
    def keeps(self) -> str: ...
    @property
    def inherits(self) -> tuple[str, ...]: ...
    def serving(self, logs: Path, report: Report) -> AbstractContextManager[Mapping[str, str]]:
        """As `Platform.serving`; `logs` is a folder."""


def platform_for(
    settings: Mapping[str, str], *, simulated: bool
) -> Callable[[FunctionsMap, Path, Invoker, Report], "OnGoogleCloud"]:
    """Emulators unless GOOGLE_CLOUD_PROJECT is set; also then if one of them is asked for by its
    *_EMULATOR_HOST. For the rest as `infra.local.platform.platform_for`."""
    if _TASKS in settings:
        raise ConfigurationError(
            f"{_TASKS} cannot be chosen here: the stack has a task queue of its own, whose tokens its "
            "functions accept. Unset it."
        )
    if "GOOGLE_CLOUD_PROJECT" in settings and not {FIRESTORE, SECRETS} & settings.keys():
        return partial(OnGoogleCloud, RealProject(settings, simulated=simulated))
    return partial(OnGoogleCloud, Emulators(settings))


class OnGoogleCloud:
    """Implements `infra.local.platform.Platform`. The queues are those of terraform/functions.yaml."""

    def __init__(
        self,
        stores: Stores,
        functions: FunctionsMap,
        data: Path,
        invoker: Invoker,
        report: Report,
    ) -> None:
        self.keeps = stores.keeps
        self.inherits = stores.inherits
        self._stores = stores
        self._functions = functions
        self._data = data
        self._invoker = invoker
        self._report = report
        self._server = CloudTasks()

    @contextmanager
    def serving(self) -> Iterator[Mapping[str, str]]:
        logs = self._data / "logs"
        logs.mkdir(exist_ok=True)
        self._make_queues()
        with (
            self._stores.serving(logs, self._report) as found,
            self._server.serving() as host,
        ):
            yield {**found, **self._queue_settings(), _TASKS: host}

    def dispatching(self) -> AbstractContextManager[None]:
        deliveries = dispatcher(self._server, self._invoker.issuer, self._behind_the_gateway)
        return deliveries.running(STOP_SECONDS)

    def counts(self) -> Counts:
        return self._server.counts()

    def _make_queues(self) -> None:
        parent = f"projects/{self._stores.project}/locations/{LOCATION}"
        for name, queue in self._functions.queues.items():
            message = {"name": f"{parent}/queues/{_queue_id(name)}"} | _limits(queue)
            self._server.create_queue(CreateQueueRequest(parent=parent, queue=message))

    def _queue_settings(self) -> Mapping[str, str]:
        called = self._functions.triggered_by(Trigger.TASK)
        queues = [f"{name}={_queue_id(function.queue)}" for name, function in called.items()]
        return {
            "FUNCTIONS_URL": self._invoker.url,
            "TASKS_LOCATION": LOCATION,
            "TASKS_INVOKERS": ",".join(f"{name}={EMAIL}" for name in called),
            "TASKS_QUEUES": ",".join(queues),
        }

    def _behind_the_gateway(self, url: str) -> str:
        return self._invoker.address(urlsplit(url).path.strip("/"))


def _queue_id(name: str) -> str:
    return f"mailbridge-{name}"


def _limits(queue: Queue) -> dict[str, object]:
    return {
        "rate_limits": {
            "max_dispatches_per_second": queue.dispatches_per_second,
            "max_concurrent_dispatches": queue.concurrent,
        },
        "retry_config": {
            "max_attempts": queue.max_attempts,
            "min_backoff": timedelta(seconds=queue.min_backoff),
            "max_backoff": timedelta(seconds=queue.max_backoff),
        },
    }
