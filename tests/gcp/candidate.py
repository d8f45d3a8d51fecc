"""The Google Cloud backend as it sits the exams of tests/contracts."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from google.cloud.tasks_v2 import ListTasksRequest
from google.cloud.tasks_v2 import Task as StoredTask
from msgspec.structs import replace

from infra.cloud.secret_manager_server import State
from infra.embedded import Embedded
from shared.config import Settings
from shared.gcp import GoogleCloud
from shared.gcp.cloud_tasks import Tasks
from shared.gcp.secret_manager import Secrets
from shared.ports.documents import DocumentStore
from shared.ports.tasks import Task
from tests.gcp import emulator
from tests.gcp.cloud import INVOKER, QUEUE, backend, make_queue, parent, project, servers, settings


class GoogleCloudCandidate:
    def __init__(self, cloud: GoogleCloud, settings: Settings, spare: DocumentStore) -> None:
        """`spare` stands in where Google's emulator is missing, so that secrets are examined anyway."""
        self._cloud = cloud
        self._settings = settings
        documents = spare if emulator.missing() else cloud.documents
        self.secrets = Secrets(cloud.clients.secret_manager, settings, documents)
        self.tasks = AnyFunction(cloud, settings)

    @property
    def documents(self) -> DocumentStore:
        if why := emulator.missing():
            pytest.skip(why)
        return self._cloud.documents

    def versions_kept(self, secret: str) -> int:
        project, deployment = self._settings.google_cloud_project, self._settings.deployment
        name = f"projects/{project}/secrets/{deployment}-{secret}"
        kept = servers().secret_manager.versions(name)
        return sum(version.state != State.DESTROYED for version in kept)

    def stored_tasks(self, function: str) -> list[dict[str, str]]:
        queue = f"{parent(self._settings.google_cloud_project)}/queues/{QUEUE}"
        request = ListTasksRequest(parent=queue, response_view=StoredTask.View.FULL)
        calls = [
            task.http_request for task in self._cloud.clients.cloud_tasks().list_tasks(request)
        ]
        bodies = [call.body for call in calls if call.url.endswith(f"/{function}")]
        return [msgspec.json.decode(body, type=dict[str, str]) for body in bodies]


class AnyFunction:
    """The queue has room for the functions that an exam makes up."""

    def __init__(self, cloud: GoogleCloud, settings: Settings) -> None:
        self._cloud = cloud
        self._settings = settings

    def enqueue(self, *tasks: Task) -> None:
        queues = tuple({(task.function, QUEUE) for task in tasks})
        invokers = tuple((name, INVOKER) for name, _ in queues)
        made = replace(self._settings, tasks_queues=queues, tasks_invokers=invokers)
        Tasks(self._cloud.clients.cloud_tasks, made).enqueue(*tasks)


@contextmanager
def google_cloud(folder: Path) -> Iterator[GoogleCloudCandidate]:
    made = settings(project())
    make_queue(made.google_cloud_project)
    spare = Embedded(folder / "spare")
    with backend(made) as cloud:
        yield GoogleCloudCandidate(cloud, made, spare.documents)
    spare.close()
