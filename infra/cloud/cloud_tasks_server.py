"""Cloud Tasks, in memory: https://docs.cloud.google.com/tasks/docs/reference/rpc."""

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from copy import deepcopy
from datetime import timedelta
from threading import RLock
from typing import Any

from google.cloud.tasks_v2 import types
from google.protobuf.empty_pb2 import Empty  # type: ignore[import-untyped]

from infra.cloud.grpc_server import Refused, page, serving
from infra.cloud.queues import PAUSED, RUNNING, Delivery, Queue
from infra.delivery.queue import Counts
from shared.bootstrap import SystemClock
from shared.ports.clock import Clock

MAX_TASK_BYTES = 1024 * 1024
MAX_DELAY = timedelta(days=30)
DEADLINES = timedelta(seconds=15), timedelta(minutes=30)
DEFAULT_DEADLINE = timedelta(minutes=10)

_TASK_NAME = re.compile(r"(projects/[^/]+/locations/[^/]+/queues/[^/]+)/tasks/[A-Za-z0-9_-]{1,500}")
_QUEUE_NAME = re.compile(r"projects/[^/]+/locations/[^/]+/queues/[A-Za-z0-9-]{1,100}")
_Method = types.HttpMethod


class CloudTasks:
    """Answers as Google's. `infra.cloud.http_target` delivers what it takes in."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self._queues: dict[str, Queue] = {}
        self._lock = RLock()

    def serving(self) -> AbstractContextManager[str]:
        return serving(self, "google.cloud.tasks.v2.CloudTasks")

    @property
    def queues(self) -> Mapping[str, Queue]:
        with self._lock:
            return dict(self._queues)

    # -- what delivers the tasks --------------------------------------------------------------------

    def answered(self, delivery: Delivery, status: int) -> None:
        """A function's answer, before the task is settled."""
        self._queue_of(delivery.name).answered(delivery, status)

    def counts(self) -> Counts:
        each = [queue.counts() for queue in self.queues.values()]
        return Counts(
            running=sum(counts.running for counts in each),
            due=sum(counts.due for counts in each),
            later=sum(counts.later for counts in each),
        )

    # -- queues -----------------------------------------------------------------------------------

    def create_queue(self, request: types.CreateQueueRequest) -> types.Queue:
        name = request.queue.name
        if not _QUEUE_NAME.fullmatch(name) or not name.startswith(f"{request.parent}/"):
            raise Refused("INVALID_ARGUMENT", f"{name!r} is no queue's name.")
        with self._lock:
            if name in self._queues:
                raise Refused("ALREADY_EXISTS", "Queue already exists")
            self._queues[name] = Queue(deepcopy(request.queue), self.clock)
            return self._queues[name].message

    def get_queue(self, request: types.GetQueueRequest) -> types.Queue:
        return self._queue(request.name).message

    def list_queues(self, request: types.ListQueuesRequest) -> types.ListQueuesResponse:
        mine = [
            queue for name, queue in self.queues.items() if name.startswith(f"{request.parent}/")
        ]
        found, following = page(mine, request.page_size, request.page_token)
        messages = [queue.message for queue in found]
        return types.ListQueuesResponse(queues=messages, next_page_token=following)

    def update_queue(self, request: types.UpdateQueueRequest) -> types.Queue:
        queue = self._queue(request.queue.name)
        queue.update(request.queue, {path.partition(".")[0] for path in request.update_mask.paths})
        return queue.message

    def delete_queue(self, request: types.DeleteQueueRequest) -> Empty:
        with self._lock:
            del self._queues[self._queue(request.name).message.name]
        return Empty()

    def purge_queue(self, request: types.PurgeQueueRequest) -> types.Queue:
        queue = self._queue(request.name)
        queue.purge()
        return queue.message

    def pause_queue(self, request: types.PauseQueueRequest) -> types.Queue:
        return self._set_state(request.name, PAUSED)

    def resume_queue(self, request: types.ResumeQueueRequest) -> types.Queue:
        return self._set_state(request.name, RUNNING)

    # -- tasks ------------------------------------------------------------------------------------

    def create_task(self, request: types.CreateTaskRequest) -> types.Task:
        queue, task = self._queue(request.parent), deepcopy(request.task)
        named = _TASK_NAME.fullmatch(task.name)
        if task.name and (named is None or named[1] != request.parent):
            raise Refused("INVALID_ARGUMENT", f"{task.name!r} is no task's name in this queue.")
        self._check(task)
        queue.add(task)
        return _shown(task, request.response_view)

    def get_task(self, request: types.GetTaskRequest) -> types.Task:
        return _shown(self._queue_of(request.name).get(request.name), request.response_view)

    def list_tasks(self, request: types.ListTasksRequest) -> types.ListTasksResponse:
        tasks = self._queue(request.parent).tasks()
        found, following = page(tasks, min(request.page_size or 1000, 1000), request.page_token)
        shown = [_shown(task, request.response_view) for task in found]
        return types.ListTasksResponse(tasks=shown, next_page_token=following)

    def delete_task(self, request: types.DeleteTaskRequest) -> Empty:
        self._queue_of(request.name).delete(request.name)
        return Empty()

    def run_task(self, request: types.RunTaskRequest) -> types.Task:
        task = self._queue_of(request.name).hurry(request.name)
        return _shown(task, request.response_view)

    # -- within -----------------------------------------------------------------------------------

    def _queue(self, name: str) -> Queue:
        if (queue := self.queues.get(name)) is None:
            raise Refused("NOT_FOUND", "Requested entity was not found.")
        return queue

    def _queue_of(self, task: str) -> Queue:
        return self._queue(task.rpartition("/tasks/")[0])

    def _set_state(self, name: str, state: types.Queue.State) -> types.Queue:
        queue = self._queue(name)
        queue.message.state = state
        return queue.message

    def _check(self, task: types.Task) -> None:
        if (size := types.Task.pb(task).ByteSize()) > MAX_TASK_BYTES:
            raise Refused("INVALID_ARGUMENT", f"Task size too large: {size}")
        if "schedule_time" in task and task.schedule_time > self.clock.now() + MAX_DELAY:
            raise Refused("INVALID_ARGUMENT", "The schedule time is too far in the future.")
        task.dispatch_deadline = task.dispatch_deadline or DEFAULT_DEADLINE
        if not DEADLINES[0] <= task.dispatch_deadline <= DEADLINES[1]:
            raise Refused("INVALID_ARGUMENT", "The dispatch deadline is out of bounds.")
        _check_call(task.http_request)


def _check_call(call: types.HttpRequest) -> None:
    if not re.fullmatch(r"https?://[^/]+.*", call.url) or len(call.url) > 2083:
        raise Refused("INVALID_ARGUMENT", f"HttpRequest.url {call.url!r} is not valid.")
    call.http_method = _Method(call.http_method or _Method.POST)
    if call.body and call.http_method not in (_Method.POST, _Method.PUT, _Method.PATCH):
        raise Refused("INVALID_ARGUMENT", "A body goes with POST, PUT or PATCH only.")
    if "oidc_token" in call and "@" not in call.oidc_token.service_account_email:
        raise Refused("INVALID_ARGUMENT", "An OIDC token needs a service account.")


def _shown(task: types.Task, view: Any) -> types.Task:
    """Bodies may be secret: only the full view has them."""
    shown = deepcopy(task)
    shown.view = types.Task.View(view or types.Task.View.BASIC)
    if shown.view == types.Task.View.BASIC:
        shown.http_request.body = b""
    return shown
