"""A whole Mailbridge on the Google Cloud backend, in the place of `tests.world.LocalWorld`."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
from google.cloud.tasks_v2 import CloudTasksClient
from msgspec.structs import replace

from infra.cloud.queues import Delivery, Queue
from infra.delivery.queue import Counts
from infra.embedded.tasks import PendingTask
from infra.simulator import Simulator
from shared.config import Settings
from shared.domain import ids
from shared.gcp import GoogleCloud
from shared.gcp.cloud_tasks import Tasks
from shared.ports.clock import Clock
from tests.gcp.cloud import INVOKER, QUEUE, make_queue, parent, servers, settings
from tests.world import TASKS, LocalWorld


class CloudWorld(LocalWorld):
    """Those of one folder share a project, as the functions of a deployment do."""

    def __init__(self, folder: Path, simulator: Simulator, clock: Clock) -> None:
        super().__init__(folder, simulator, clock)
        cloud = settings(f"test-{ids.derived(str(folder))}")
        self.backend = Cloud(cloud, clock)  # type: ignore[assignment]  # what tests need of it


class Cloud(GoogleCloud):
    def __init__(self, settings: Settings, clock: Clock) -> None:
        made = replace(
            settings,
            tasks_queues=tuple((name, QUEUE) for name in TASKS),
            tasks_invokers=tuple((name, INVOKER) for name in TASKS),
        )
        super().__init__(made)
        self.tasks = DrivenTasks(self.clients.cloud_tasks, made, clock)


class DrivenTasks(Tasks):
    """Its queue has no dispatcher: the test takes tasks out, by its own clock."""

    def __init__(
        self, client: Callable[[], CloudTasksClient], settings: Settings, clock: Clock
    ) -> None:
        super().__init__(client, settings)
        self._driven = _queue(settings.google_cloud_project)
        self._driven.clock = clock

    def claim(self, functions: Sequence[str], limit: int, _lease: timedelta) -> list[PendingTask]:
        claimed = [_pending(delivery) for delivery in self._driven.claim(limit)]
        assert {task.function for task in claimed} <= set(functions)
        return claimed

    def finish(self, task: PendingTask) -> None:
        self._driven.finish(task)

    def retry(self, task: PendingTask, after: timedelta) -> None:
        self._driven.retry(task, after)

    def counts(self) -> Counts:
        return self._driven.counts()


def _queue(project: str) -> Queue:
    """Made by the first of the project's worlds."""
    name = f"{parent(project)}/queues/{QUEUE}"
    return servers().cloud_tasks.queues.get(name) or make_queue(project)


def _pending(delivery: Delivery) -> PendingTask:
    body = msgspec.json.decode(delivery.call.body, type=dict[str, str])
    function = delivery.call.url.rpartition("/")[2]
    return PendingTask(0, delivery.name, function, body, delivery.attempt)
