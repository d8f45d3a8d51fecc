"""Delivers the tasks of `infra.cloud.cloud_tasks_server` over HTTP, as Cloud Tasks does."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread

import requests
from google.cloud.tasks_v2 import types

from infra.cloud.cloud_tasks_server import CloudTasks
from infra.cloud.queues import UNREACHABLE, Queue
from infra.delivery.queue import Counts
from infra.issuer import Issuer

LOOK_SECONDS = 0.02
TOKEN_LIFETIME = timedelta(hours=1)
GRACE_SECONDS = 60.0

_log = logging.getLogger(__name__)


class Dispatcher:
    """2xx ends a task; redirects are not followed. A delivery may take as long as its deadline."""

    def __init__(
        self, server: CloudTasks, issuer: Issuer, route: Callable[[str], str] = lambda url: url
    ) -> None:
        """`issuer` signs the tasks' tokens. `route` gives the address behind a task's URL: a gateway
        in front of the functions takes off the headers that only Cloud Tasks may send."""
        self._server = server
        self._issuer = issuer
        self._route = route
        self._stopping = Event()

    @contextmanager
    def running(self, grace: float = GRACE_SECONDS) -> Iterator[None]:
        """At the end, deliveries that run have `grace` seconds; longer ones end with their function."""
        loop = Thread(target=self._run, args=(grace,), name="dispatcher")
        loop.start()
        try:
            yield
        finally:
            self._stopping.set()
            loop.join()

    def counts(self) -> Counts:
        now = self._server.clock.now()
        each = [queue.counts(now) for queue in self._server.queues.values()]
        return Counts(
            running=sum(one.running for one in each),
            due=sum(one.due for one in each),
            later=sum(one.later for one in each),
        )

    def _run(self, grace: float) -> None:
        deliveries: list[Thread] = []
        while not self._stopping.wait(LOOK_SECONDS):
            deliveries = [one for one in deliveries if one.is_alive()]
            for queue in self._server.queues.values():
                while task := queue.next_due(self._server.clock.now()):
                    deliveries.append(self._begin(queue, task))
        until = time.monotonic() + grace
        for delivery in deliveries:
            delivery.join(max(0.0, until - time.monotonic()))

    def _begin(self, queue: Queue, task: types.Task) -> Thread:
        delivery = Thread(
            target=self._deliver, args=(queue, task), name=task.name, daemon=True
        )  # one that hangs must not keep the process
        delivery.start()
        return delivery

    def _deliver(self, queue: Queue, task: types.Task) -> None:
        status = UNREACHABLE
        try:
            status = self._call(queue, task)
        except requests.RequestException as error:
            _log.warning("task %s: %s", task.name, type(error).__name__)
        finally:
            queue.ended(task, status, self._server.clock.now())

    def _call(self, queue: Queue, task: types.Task) -> int:
        call = task.http_request
        headers = {name: value for name, value in call.headers.items() if not _reserved(name)}
        headers |= {"User-Agent": "Google-Cloud-Tasks"} | queue.headers(task)
        if "oidc_token" in call:
            headers["Authorization"] = f"Bearer {self._token(call)}"
        answer = requests.request(
            types.HttpMethod(call.http_method).name,
            self._route(call.url),
            data=call.body,
            headers=headers,
            timeout=task.dispatch_deadline.total_seconds(),
            allow_redirects=False,
        )
        return answer.status_code

    def _token(self, call: types.HttpRequest) -> str:
        email = call.oidc_token.service_account_email
        claims = {"email": email, "email_verified": True, "sub": email, "azp": email}
        return self._issuer.token(call.oidc_token.audience or call.url, TOKEN_LIFETIME, claims)


def _reserved(header: str) -> bool:
    """Nobody else may speak for Cloud Tasks."""
    return header.lower().startswith(("x-google-", "x-appengine-", "x-cloudtasks-"))
