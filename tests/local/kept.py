"""All that a stack ever wrote down, whatever its backend: for tests of what must not be among it."""

from collections.abc import Iterator
from pathlib import Path

from google.cloud.firestore_v1.types import Document
from google.cloud.tasks_v2 import types

from infra.cloud.cloud_tasks_server import CloudTasks
from infra.functions_map import CLOUD
from infra.local.stack import Stack
from shared import bootstrap
from shared.config import Settings
from shared.gcp.clients import Clients

_SEEN: list[types.CreateTaskRequest] = []


class RememberingTasks(CloudTasks):
    """Keeps every request for a task, whatever became of it."""

    def create_task(self, request: types.CreateTaskRequest) -> types.Task:
        _SEEN.append(request)
        return super().create_task(request)


def kept(stack: Stack, data: Path) -> Iterator[tuple[str, bytes]]:
    """By name: our files, and on the cloud every document and every task that there ever was. The
    simulator's own files and the stack's keys are meant to hold secrets."""
    for path in data.rglob("*"):
        mine = not path.name.startswith("simulator") and path.suffix != ".pem"
        if path.is_file() and mine:
            yield path.name, path.read_bytes()
    if stack.settings["BACKEND"] == CLOUD:
        yield from _documents(bootstrap.settings(stack.settings))
        for request in _SEEN:
            yield "a task", types.CreateTaskRequest.serialize(request)


def _documents(settings: Settings) -> Iterator[tuple[str, bytes]]:
    """Of all collections, at any depth."""
    clients = Clients(settings)
    root = f"projects/{settings.google_cloud_project}/databases/(default)/documents"
    everything = {"from_": [{"all_descendants": True}]}
    try:
        answers = clients.firestore().run_query({"parent": root, "structured_query": everything})
        for answer in answers:
            yield answer.document.name, Document.serialize(answer.document)
    finally:
        clients.close()
