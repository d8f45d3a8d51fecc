"""A whole Mailbridge on the Google Cloud backend, in the place of `tests.world.LocalWorld`."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
from google.cloud.tasks_v2 import CloudTasksClient, types
from msgspec.structs import replace

from infra.cloud.queues import Queue
from infra.delivery.queue import Counts
from infra.embedded.tasks import PendingTask
from infra.simulator import Simulator
from shared.config import Settings
from shared.domain import ids
from shared.gcp import GoogleCloud
from shared.gcp.cloud_tasks import Tasks
from shared.ports.clock import Clock
from tests.gcp.cloud import QUEUE, make_queue, parent, servers, settings
from tests.world import TASKS, LocalWorld


class CloudWorld(LocalWorld):
    """Those of one folder share a project, as the functions of a deployment do."""

    def __init__(self, folder: Path, simulator: Simulator, clock: Clock) -> None:
        super().__init__(folder, simulator, clock)
        cloud = settings(f"test-{ids.derived(str(folder))}")
        self.backend = Cloud(cloud, clock)  # type: ignore[assignment]  # what tests need of it


class Cloud(GoogleCloud):
    def __init__(self, settings: Settings, clock: Clock) -> None:
        made = replace(settings, tasks_queues=tuple((name, QUEUE) for name in TASKS))
        super().__init__(made)
        self.tasks = DrivenTasks(self.clients.cloud_tasks, made, clock)


class DrivenTasks(Tasks):
    """Its queue has no dispatcher: the test takes tasks out, by its own clock."""

    def __init__(
        self, client: Callable[[], CloudTasksClient], settings: Settings, clock: Clock
    ) -> None:
        super().__init__(client, settings)
        self._clock = clock
        self._driven = _queue(settings.google_cloud_project)

    def claim(self, functions: Sequence[str], limit: int, _lease: timedelta) -> list[PendingTask]:
        claimed: list[PendingTask] = []
        while len(claimed) < limit and (task := self._driven.next_due(self._clock.now())):
            claimed.append(_pending(task))
            assert claimed[-1].function in functions
        return claimed

    def finish(self, task: PendingTask) -> None:
        self._driven.ended(self._driven.get(task.name), 200, self._clock.now())

    def retry(self, task: PendingTask, _after: timedelta) -> None:
        self._driven.ended(self._driven.get(task.name), 500, self._clock.now())

    def counts(self) -> Counts:
        return self._driven.counts(self._clock.now())


def _queue(project: str) -> Queue:
    """Made by the first of the project's worlds. Retries wait as those of the real queues."""
    name = f"{parent(project)}/queues/{QUEUE}"
    found = servers().cloud_tasks.queues.get(name)
    limits = {"max_dispatches_per_second": 100_000, "max_concurrent_dispatches": 100_000}
    retries = {"max_attempts": -1, "min_backoff": timedelta(seconds=5)}
    return found or make_queue(project, rate_limits=limits, retry_config=retries)


def _pending(task: types.Task) -> PendingTask:
    body = msgspec.json.decode(task.http_request.body, type=dict[str, str])
    function = task.http_request.url.rpartition("/")[2]
    return PendingTask(0, task.name, function, body, task.dispatch_count)
