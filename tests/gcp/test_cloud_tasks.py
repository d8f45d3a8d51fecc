"""What the contract suite does not ask of the TaskQueue on Cloud Tasks: that tasks arrive, and how."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import msgspec
import pytest
import requests
from google.cloud.tasks_v2 import types
from msgspec.structs import replace

from infra.cloud.cloud_tasks_server import CloudTasks
from infra.cloud.http_target import dispatcher
from infra.cloud.queues import Queue
from shared.config import Settings
from shared.domain.errors import ConfigurationError, InvalidRequest, ProviderUnavailable
from shared.gcp import GoogleCloud, calls
from shared.gcp.cloud_tasks import Tasks
from shared.ports.tasks import Task
from tests.gcp.cloud import INVOKER, QUEUE, backend, make_queue, project, settings, wait_until_idle
from tests.gcp.functions import NAME, Function, function, issuer


class Stage:
    """A queue, the function that it calls, and the backend that fills it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        signer = issuer(folder)
        self.server = CloudTasks()
        self.function: Function = stack.enter_context(function(signer))
        self.dispatcher = dispatcher(self.server, signer)
        self.settings = replace(
            settings(project()),
            cloud_tasks_emulator_host=stack.enter_context(self.server.serving()),
            functions_url=self.function.url,
            tasks_queues=((NAME, QUEUE),),
            tasks_invokers=((NAME, INVOKER),),
        )
        self.queue: Queue = make_queue(self.settings.google_cloud_project, self.server)
        self.cloud: GoogleCloud = stack.enter_context(backend(self.settings))
        self.tasks: Tasks = self.cloud.tasks

    def deliver(self) -> None:
        """Everything, with its retries."""
        with self.dispatcher.running():
            wait_until_idle(self.server)

    def bodies(self) -> list[dict[str, str]]:
        found = [msgspec.json.decode(one.body) for one in self.function.deliveries]
        return sorted(found, key=str)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        yield Stage(tmp_path, stack)


def task(**body: str) -> Task:
    return Task(NAME, body)


def test_a_task_reaches_its_function_which_knows_the_caller(stage: Stage) -> None:
    stage.tasks.enqueue(task(mailbox_id="m1"))
    stage.deliver()
    (delivery,) = stage.function.deliveries
    assert (delivery.method, delivery.path) == ("POST", f"/{NAME}")
    assert msgspec.json.decode(delivery.body) == {"mailbox_id": "m1"}
    assert delivery.headers["content-type"] == "application/json"
    assert delivery.headers["x-cloudtasks-queuename"] == QUEUE
    assert delivery.headers["x-cloudtasks-taskretrycount"] == "0"


def test_headers_alone_let_nobody_in(stage: Stage) -> None:
    forged = {"X-CloudTasks-QueueName": QUEUE, "X-CloudTasks-TaskName": "1"}
    answer = requests.post(f"{stage.function.url}/{NAME}", headers=forged, timeout=10)
    assert (answer.status_code, stage.function.deliveries) == (401, [])


def test_another_service_account_is_not_let_in(stage: Stage) -> None:
    stranger = replace(
        stage.settings, tasks_invokers=((NAME, "other@project.iam.gserviceaccount.com"),)
    )
    Tasks(stage.cloud.clients.cloud_tasks, stranger).enqueue(task())
    stage.queue.message.retry_config.max_attempts = 2
    stage.deliver()
    assert stage.function.deliveries == []


def test_a_thousand_tasks_all_arrive(stage: Stage) -> None:
    stage.tasks.enqueue(*(task(n=str(n)) for n in range(1_000)))
    stage.deliver()
    assert {one["n"] for one in stage.bodies()} == {str(n) for n in range(1_000)}


@pytest.mark.parametrize("status", [500, 503, 429, 302, 0])
def test_what_failed_comes_again(stage: Stage, status: int) -> None:
    stage.function.answers = [status, status]
    stage.tasks.enqueue(task())
    stage.deliver()
    counts = [one.headers["x-cloudtasks-taskretrycount"] for one in stage.function.deliveries]
    assert counts == ["0", "1", "2"]
    previous = stage.function.deliveries[-1].headers.get("x-cloudtasks-taskpreviousresponse")
    assert previous == (str(status) if status else None)


def test_a_name_stays_taken_when_its_task_is_done(stage: Stage) -> None:
    stage.tasks.enqueue(Task(NAME, {"n": "1"}, name="sync/m1/now"))
    stage.deliver()
    stage.tasks.enqueue(Task(NAME, {"n": "2"}, name="sync/m1/now"))
    stage.deliver()
    assert stage.bodies() == [{"n": "1"}]


def test_a_name_may_be_any_text_and_is_hashed(stage: Stage) -> None:
    stage.tasks.enqueue(*(Task(NAME, {}, name=f"mailbox/é {n}" + "x" * 900) for n in range(3)))
    names = [stored.name.rpartition("/")[2] for stored in stage.queue.tasks()]
    assert len({name[:4] for name in names}) == 3
    assert all(name.isalnum() for name in names)


def test_a_task_waits_for_its_time(stage: Stage) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=0.6)
    stage.tasks.enqueue(Task(NAME, {}, not_before=soon))
    with stage.dispatcher.running():
        wait_until_idle(stage.server)
    assert stage.function.count() == 1
    assert datetime.now(UTC) >= soon


def test_deliveries_run_side_by_side(stage: Stage) -> None:
    meeting = Barrier(3, timeout=10)
    stage.function.work = meeting.wait
    stage.tasks.enqueue(task(n="1"), task(n="2"), task(n="3"))
    stage.deliver()
    assert stage.function.count() == 3


def test_what_is_asked_of_google(stage: Stage) -> None:
    """The one thing that these servers cannot show: what the real one is told."""
    at = datetime(2026, 12, 1, 12, 0, 0, 500_000, tzinfo=UTC)
    at = max(at, datetime.now(UTC).replace(microsecond=500_000) + timedelta(days=1))
    made = replace(stage.settings, functions_url="", google_cloud_project="acme")
    queue = make_queue("acme", stage.server)
    Tasks(stage.cloud.clients.cloud_tasks, made).enqueue(Task(NAME, {"id": "1"}, not_before=at))
    (stored,) = queue.tasks()
    url = f"https://europe-west1-acme.cloudfunctions.net/{NAME}"
    assert stored.http_request == types.HttpRequest(
        url=url,
        http_method=types.HttpMethod.POST,
        headers={"Content-Type": "application/json"},
        body=b'{"id":"1"}',
        oidc_token={"service_account_email": INVOKER, "audience": url},
    )
    assert stored.schedule_time == at
    assert stored.dispatch_deadline == timedelta(minutes=30)


def test_functions_with_a_prefix_are_called_by_their_own_url(stage: Stage) -> None:
    prefixed = f"{stage.function.url}/staging-{{function}}"
    made = replace(stage.settings, functions_url=prefixed)
    Tasks(stage.cloud.clients.cloud_tasks, made).enqueue(task())
    (stored,) = stage.queue.tasks()
    url = f"{stage.function.url}/staging-{NAME}"
    assert (stored.http_request.url, stored.http_request.oidc_token.audience) == (url, url)


def test_a_function_without_a_queue_is_our_fault(stage: Stage) -> None:
    with pytest.raises(ConfigurationError, match="TASKS_QUEUES has nothing for nobody"):
        stage.tasks.enqueue(Task("nobody", {}))


def test_a_queue_that_is_not_there_is_our_fault(stage: Stage) -> None:
    elsewhere = replace(stage.settings, tasks_queues=((NAME, "elsewhere"),))
    with pytest.raises(ConfigurationError, match="Cloud Tasks"):
        Tasks(stage.cloud.clients.cloud_tasks, elsewhere).enqueue(task())


def test_settings_that_are_missing_are_all_named() -> None:
    with pytest.raises(ConfigurationError, match="TASKS_LOCATION, TASKS_QUEUES, TASKS_INVOKERS"):
        GoogleCloud(Settings(google_cloud_project="p")).tasks.enqueue(task())


def test_an_outage_is_named(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "PATIENCE", 0.3)
    nowhere = replace(stage.settings, cloud_tasks_emulator_host="127.0.0.1:1")
    with backend(nowhere) as cloud, pytest.raises(ProviderUnavailable, match="Cloud Tasks"):
        cloud.tasks.enqueue(task(), task())


def test_headers_and_address_count_towards_the_limit(stage: Stage) -> None:
    with pytest.raises(InvalidRequest, match="bytes"):
        stage.tasks.enqueue(task(id="x" * (1024 * 1024 - 100)))
