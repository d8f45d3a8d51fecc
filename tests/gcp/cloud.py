"""A Google Cloud on this machine, one for all tests of a process. Who wants to be alone in it takes a
project of their own."""

import atexit
import functools
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from google.cloud.tasks_v2 import CreateQueueRequest

from infra.cloud.cloud_tasks_server import CloudTasks
from infra.cloud.queues import Queue
from infra.cloud.secret_manager_server import SecretManager
from infra.delivery.queue import Counts
from shared.config import Settings
from shared.domain import ids
from shared.gcp import GoogleCloud
from tests.gcp import emulator

LOCATION = "europe-west1"
INVOKER = "invoker@project.iam.gserviceaccount.com"
QUEUE = "tests"


class Servers:
    """Those of our own; Google's emulator is started when somebody first needs it."""

    def __init__(self, stack: ExitStack) -> None:
        self.secret_manager = SecretManager()
        self.cloud_tasks = CloudTasks()
        self.secret_manager_host = stack.enter_context(self.secret_manager.serving())
        self.cloud_tasks_host = stack.enter_context(self.cloud_tasks.serving())


@functools.cache
def servers() -> Servers:
    stack = ExitStack()
    atexit.register(stack.close)
    return Servers(stack)


def settings(project: str) -> Settings:
    """Of a backend on this machine."""
    local = servers()
    return Settings(
        google_cloud_project=project,
        tasks_location=LOCATION,
        firestore_emulator_host="" if emulator.missing() else emulator.host(),
        secret_manager_emulator_host=local.secret_manager_host,
        cloud_tasks_emulator_host=local.cloud_tasks_host,
    )


def project() -> str:
    """The id of a project that nobody else uses."""
    return f"test-{ids.random()}"


def parent(project: str) -> str:
    return f"projects/{project}/locations/{LOCATION}"


def make_queue(project: str, server: CloudTasks | None = None, **limits: Any) -> Queue:
    """The queue of the tests; on the shared server nobody dispatches."""
    server = server or servers().cloud_tasks
    name = f"{parent(project)}/queues/{QUEUE}"
    queue = {"name": name, **limits}
    server.create_queue(CreateQueueRequest(parent=parent(project), queue=queue))
    return server.queues[name]


def wait_until_idle(server: CloudTasks, seconds: float = 60.0) -> None:
    """Returns when no task is left, not even one for later."""
    end = time.monotonic() + seconds
    while server.counts() != Counts(0, 0, 0):
        assert time.monotonic() < end, "tasks are left"
        time.sleep(0.02)


@contextmanager
def backend(made: Settings) -> Iterator[GoogleCloud]:
    cloud = GoogleCloud(made)
    try:
        yield cloud
    finally:
        cloud.close()
