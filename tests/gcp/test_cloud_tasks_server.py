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
from infra.cloud.http_target import dispatcher
from infra.cloud.queues import Queue
from infra.delivery.lanes import Limits
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
        self.dispatcher = dispatcher(self.server, signer)
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
            wait_until_idle(self.server)


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
    assert stage.queue.claim(1) == []
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
    assert stage.queue.claim(1) == []
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
        while (counts := stage.server.counts()) != Counts(0, 0, 0):
            if counts.later:
                stage.clock.sleep(60)
    assert stage.function.count() == 3
    with pytest.raises(google.AlreadyExists):
        stage.create("t")


def test_what_is_not_said_anew_of_a_queue_is_as_google_has_it(stage: Stage) -> None:
    queue = types.Queue(name=QUEUE, rate_limits={"max_concurrent_dispatches": 2})
    stage.client.update_queue(queue=queue, update_mask={"paths": ["rate_limits"]})
    assert stage.queue.limits == Limits(
        dispatches_per_second=500,
        concurrent=2,
        max_attempts=100,
        min_backoff=0.1,
        max_backoff=3600,
        max_doublings=16,
    )


def test_a_task_deleted_while_it_runs_is_gone(stage: Stage) -> None:
    stage.create("t")
    (delivery,) = stage.queue.claim(1)
    stage.client.purge_queue(name=QUEUE)
    stage.queue.answered(delivery, 500)
    stage.queue.retry(delivery, timedelta(0))
    stage.queue.finish(delivery)
    assert stage.server.counts() == Counts(0, 0, 0)


def test_who_lost_the_lease_can_no_longer_settle(stage: Stage) -> None:
    stage.create("t")
    (late,) = stage.queue.claim(1)
    stage.clock.sleep(DAY)
    (owner,) = stage.queue.claim(1)
    stage.queue.finish(late)
    stage.queue.retry(late, timedelta(0))
    assert stage.server.counts() == Counts(running=1, due=0, later=0)
    stage.queue.finish(owner)
    assert stage.names() == []


def test_a_running_task_cannot_be_hurried(stage: Stage) -> None:
    stage.create("t")
    stage.queue.claim(1)
    stage.client.run_task(name=f"{QUEUE}/tasks/t")
    assert stage.queue.claim(1) == []


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
