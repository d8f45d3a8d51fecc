"""Delivers the tasks of `tests.gcp.cloud_tasks_server` over HTTP, as Cloud Tasks does."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread

import requests
from google.cloud.tasks_v2 import types

from infra.local.issuer import Issuer
from tests.gcp.cloud_tasks_server import CloudTasks
from tests.gcp.queues import UNREACHABLE, Queue

LOOK_SECONDS = 0.02
TOKEN_LIFETIME = timedelta(hours=1)


class Dispatcher:
    """2xx ends a task; redirects are not followed. A delivery may take as long as its deadline."""

    def __init__(self, server: CloudTasks, issuer: Issuer) -> None:
        self._server = server
        self._issuer = issuer
        self._stopping = Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        loop = Thread(target=self._run, name="dispatcher")
        loop.start()
        try:
            yield
        finally:
            self._stopping.set()
            loop.join()

    def idle(self) -> bool:
        """Nothing waits or runs."""
        return all(queue.count() == (0, 0) for queue in self._server.queues.values())

    def wait_until_idle(self, seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not self.idle():
            if time.monotonic() > end:
                raise TimeoutError("tasks are left")
            time.sleep(LOOK_SECONDS)

    def _run(self) -> None:
        deliveries: list[Thread] = []
        while not self._stopping.wait(LOOK_SECONDS):
            for queue in self._server.queues.values():
                while task := queue.next_due(self._server.clock.now()):
                    delivery = Thread(target=self._deliver, args=(queue, task), name=task.name)
                    delivery.start()
                    deliveries.append(delivery)
        for delivery in deliveries:
            delivery.join()

    def _deliver(self, queue: Queue, task: types.Task) -> None:
        status = UNREACHABLE
        try:
            status = self._call(queue, task)
        except requests.RequestException:
            pass
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
            call.url,
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
