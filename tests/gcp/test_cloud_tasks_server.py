"""Our own Cloud Tasks answers Google's client, and calls functions, as Google's does."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions as google
from google.cloud.tasks_v2 import CloudTasksClient, types

from infra.cloud.cloud_tasks_server import CloudTasks
from infra.cloud.dispatcher import Dispatcher
from infra.cloud.queues import Queue, backoff
from infra.delivery.queue import Counts
from shared.config import Settings
from shared.gcp.clients import Clients
from tests.gcp.cloud import wait_until_idle
from tests.gcp.functions import NAME, Function, function, issuer
from tests.world import FakeClock

PARENT = "projects/p/locations/l"
QUEUE = f"{PARENT}/queues/q"
DAY = 86_400


class Stage:
    def __init__(self, folder: Path, stack: ExitStack) -> None:
        signer = issuer(folder)
        self.clock = FakeClock()
        self.server = CloudTasks(self.clock)
        self.dispatcher = Dispatcher(self.server, signer)
        self.function: Function = stack.enter_context(function(signer, "a@b"))
        host = stack.enter_context(self.server.serving())
        clients = Clients(Settings(cloud_tasks_emulator_host=host))
        stack.callback(clients.close)
        self.client: CloudTasksClient = clients.cloud_tasks()
        self.client.create_queue(parent=PARENT, queue=types.Queue(name=QUEUE))

    @property
    def queue(self) -> Queue:
        return self.server.queues[QUEUE]

    def create(self, name: str = "", **fields: Any) -> types.Task:
        call = {
            "url": f"{self.function.url}/{NAME}",
            "headers": {"Content-Type": "application/json"},
            "body": b"{}",
            "oidc_token": {"service_account_email": "a@b"},
        }
        task = types.Task({"http_request": call} | fields)
        task.name = f"{QUEUE}/tasks/{name}" if name else ""
        return self.client.create_task(parent=QUEUE, task=task)

    def names(self) -> list[str]:
        return [task.name.rpartition("/")[2] for task in self.client.list_tasks(parent=QUEUE)]

    def deliver(self) -> None:
        with self.dispatcher.running():
            wait_until_idle(self.dispatcher)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        yield Stage(tmp_path, stack)


def test_a_queue_exists_once_and_tasks_need_one(stage: Stage) -> None:
    with pytest.raises(google.AlreadyExists):
        stage.client.create_queue(parent=PARENT, queue=types.Queue(name=QUEUE))
    with pytest.raises(google.NotFound):
        stage.client.create_task(parent=f"{PARENT}/queues/other", task=types.Task())


def test_a_name_is_taken_while_its_task_lives_and_for_a_day_after(stage: Stage) -> None:
    stage.create("t")
    with pytest.raises(google.AlreadyExists):
        stage.create("t")
    stage.client.delete_task(name=f"{QUEUE}/tasks/t")
    stage.clock.sleep(DAY - 60)
    with pytest.raises(google.AlreadyExists):
        stage.create("t")
    stage.clock.sleep(120)
    stage.create("t")


@pytest.mark.parametrize(
    "fields",
    [
        {"http_request": {"url": "ftp://example.com"}},
        {"http_request": {"url": "https://example.com", "body": b"x" * 1024 * 1024}},
        {"http_request": {"url": "https://example.com", "oidc_token": {"audience": "x"}}},
        {"http_request": {"url": "https://example.com", "http_method": "GET", "body": b"x"}},
        {"dispatch_deadline": timedelta(minutes=31)},
        {"dispatch_deadline": timedelta(seconds=1)},
    ],
)
def test_what_google_would_not_take_is_refused(stage: Stage, fields: dict[str, Any]) -> None:
    with pytest.raises(google.InvalidArgument):
        stage.create(**fields)


@pytest.mark.parametrize("name", ["a/b", "a.b", "x" * 501])
def test_a_bad_name_is_refused(stage: Stage, name: str) -> None:
    with pytest.raises(google.InvalidArgument):
        stage.create(name)


def test_a_task_may_wait_30_days_and_no_longer(stage: Stage) -> None:
    now = stage.clock.now()
    stage.create("near", schedule_time=now + timedelta(days=30))
    with pytest.raises(google.InvalidArgument):
        stage.create("far", schedule_time=now + timedelta(days=30, seconds=1))


def test_bodies_are_shown_only_when_asked_for(stage: Stage) -> None:
    stage.create(http_request={"url": "https://example.com", "body": b"x"})
    (basic,) = stage.client.list_tasks(parent=QUEUE)
    request = types.ListTasksRequest(parent=QUEUE, response_view=types.Task.View.FULL)
    (full,) = stage.client.list_tasks(request)
    assert (basic.http_request.body, full.http_request.body) == (b"", b"x")


def test_a_paused_queue_keeps_its_tasks(stage: Stage) -> None:
    stage.create("t")
    stage.client.pause_queue(name=QUEUE)
    assert stage.queue.next_due(stage.clock.now()) is None
    stage.client.resume_queue(name=QUEUE)
    stage.deliver()
    assert stage.function.count() == 1


def test_purging_empties_a_queue(stage: Stage) -> None:
    stage.create("a")
    stage.create("b")
    stage.client.purge_queue(name=QUEUE)
    assert stage.names() == []


def test_a_task_can_be_hurried(stage: Stage) -> None:
    stage.create("t", schedule_time=stage.clock.now() + timedelta(days=1))
    assert stage.queue.next_due(stage.clock.now()) is None
    stage.client.run_task(name=f"{QUEUE}/tasks/t")
    stage.deliver()
    assert stage.function.count() == 1


def test_the_last_attempt_ends_a_task(stage: Stage) -> None:
    queue = types.Queue(name=QUEUE, retry_config={"max_attempts": 3})
    stage.client.update_queue(queue=queue, update_mask={"paths": ["retry_config"]})
    queue_message = stage.client.get_queue(name=QUEUE)
    assert queue_message.retry_config.max_attempts == 3
    stage.function.answers = [500] * 9
    stage.create("t")
    with stage.dispatcher.running():
        while stage.dispatcher.counts() != Counts(0, 0, 0):
            stage.clock.sleep(60)
    assert stage.function.count() == 3
    with pytest.raises(google.AlreadyExists):
        stage.create("t")


def test_waits_double_and_then_grow_evenly_up_to_the_longest() -> None:
    """Google's own example."""
    config = types.RetryConfig(
        min_backoff=timedelta(seconds=10), max_backoff=timedelta(seconds=300), max_doublings=3
    )
    waits = [backoff(config, attempt).total_seconds() for attempt in range(1, 9)]
    assert waits == [10, 20, 40, 80, 160, 240, 300, 300]


def test_no_more_run_at_once_than_the_queue_allows(stage: Stage) -> None:
    limits = types.Queue(name=QUEUE, rate_limits={"max_concurrent_dispatches": 2})
    limits.rate_limits.max_dispatches_per_second = 500
    stage.client.update_queue(queue=limits, update_mask={"paths": ["rate_limits"]})
    for _ in range(3):
        stage.create()
    now = stage.clock.now()
    first = stage.queue.next_due(now)
    assert first
    assert stage.queue.next_due(now)
    assert stage.queue.next_due(now) is None
    stage.queue.ended(first, 200, now)
    assert stage.queue.next_due(now)


def test_the_right_to_speak_for_cloud_tasks_is_not_for_sale(stage: Stage) -> None:
    call = {
        "url": f"{stage.function.url}/{NAME}",
        "headers": {
            "Content-Type": "application/json",
            "X-CloudTasks-TaskName": "forged",
            "X-Own": "kept",
        },
        "body": b"{}",
        "oidc_token": {"service_account_email": "a@b"},
    }
    stage.create("t", http_request=call)
    stage.deliver()
    (delivery,) = stage.function.deliveries
    assert delivery.headers["x-cloudtasks-taskname"] == "t"
    assert delivery.headers["x-own"] == "kept"
