"""The TaskQueue on Cloud Tasks."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from shared.config import Pairs, Settings, function_url
from shared.domain import ids
from shared.domain.errors import ConfigurationError, InvalidRequest
from shared.gcp.calls import TIMEOUT, ask
from shared.ports.tasks import Task

if TYPE_CHECKING:
    from google.cloud.tasks_v2 import CloudTasksClient, CreateTaskRequest

MAX_TASK_BYTES = 1024 * 1024
MAX_DELAY = timedelta(days=30)
DISPATCH_DEADLINE = timedelta(minutes=30)
"""The most there is: a delivery ends by the function's own timeout, never before it."""
THREADS = 16
"""Tasks are made one by one, each in some 30 ms; 200 of them at once are done in half a second."""


class Tasks:
    """Implements `shared.ports.TaskQueue`: each task a POST of its body to its function, signed with an
    OIDC token of its one of TASKS_INVOKERS whose audience is the function's own URL."""

    def __init__(self, client: Callable[[], "CloudTasksClient"], settings: Settings) -> None:
        self._client = client
        self._settings = settings

    def enqueue(self, *tasks: Task) -> None:
        """All are checked before the first is stored."""
        requests = _distinct(map(self._request, tasks))
        if len(requests) == 1:
            self._create(requests[0])
        elif requests:
            with ThreadPoolExecutor(min(THREADS, len(requests)), "enqueue") as pool:
                list(pool.map(self._create, requests))  # an error cancels those not begun yet

    def _create(self, request: "CreateTaskRequest") -> None:
        """A name that is taken (for a day after its task is done) is fine: so is asking again."""
        from google.api_core.exceptions import AlreadyExists

        def create() -> None:
            with suppress(AlreadyExists):
                self._client().create_task(request, retry=None, timeout=TIMEOUT)

        ask("Cloud Tasks", create)

    def _request(self, task: Task) -> "CreateTaskRequest":
        from google.cloud.tasks_v2 import CreateTaskRequest

        queue = self._queue(task.function)
        fields = {"http_request": self._call(task), "dispatch_deadline": DISPATCH_DEADLINE}
        if task.name:
            # Hashed: names that resemble each other slow a queue down.
            fields["name"] = f"{queue}/tasks/{ids.derived('task', task.function, task.name)}"
        if task.not_before:
            fields["schedule_time"] = _checked(task.not_before)
        request = CreateTaskRequest(parent=queue, task=fields)
        if (size := CreateTaskRequest.pb(request).task.ByteSize()) > MAX_TASK_BYTES:
            raise InvalidRequest(f"A task of {size} bytes; at most {MAX_TASK_BYTES} are taken.")
        return request

    def _call(self, task: Task) -> dict[str, Any]:
        url = function_url(self._functions_url, task.function)
        invoker = self._named(self._settings.tasks_invokers, "TASKS_INVOKERS", task.function)
        return {
            "url": url,
            "headers": {"Content-Type": "application/json"},
            "body": msgspec.json.encode(task.body),
            "oidc_token": {"service_account_email": invoker, "audience": url},
        }

    def _queue(self, function: str) -> str:
        """The queue's full name. ConfigurationError when none is set."""
        settings = self._settings
        settings.require("TASKS_LOCATION", "TASKS_QUEUES", "TASKS_INVOKERS")
        queue = self._named(settings.tasks_queues, "TASKS_QUEUES", function)
        location = f"projects/{settings.google_cloud_project}/locations/{settings.tasks_location}"
        return f"{location}/queues/{queue}"

    def _named(self, pairs: Pairs, setting: str, function: str) -> str:
        if (value := dict(pairs).get(function)) is None:
            raise ConfigurationError(f"Settings: {setting} has nothing for {function}.")
        return value

    @property
    def _functions_url(self) -> str:
        settings = self._settings
        host = f"{settings.tasks_location}-{settings.google_cloud_project}.cloudfunctions.net"
        return settings.functions_url or f"https://{host}"


def _distinct(requests: Iterable["CreateTaskRequest"]) -> list["CreateTaskRequest"]:
    """Of those with one name the first: they are sent at once, and any could win."""
    by_name: dict[str, CreateTaskRequest] = {}
    for number, request in enumerate(requests):
        by_name.setdefault(request.task.name or str(number), request)
    return list(by_name.values())


def _checked(not_before: datetime) -> datetime:
    if not_before > datetime.now(UTC) + MAX_DELAY:
        raise InvalidRequest(f"A task cannot wait more than {MAX_DELAY.days} days.")
    return not_before
