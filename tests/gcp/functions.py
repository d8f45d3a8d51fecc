"""A task function over HTTP, to be called by Cloud Tasks: it notes each delivery, and answers as told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from msgspec import Struct
from werkzeug.test import EnvironBuilder

from infra.issuer import Issuer
from infra.simulator import http
from shared.bootstrap import World
from shared.config import Settings
from shared.web.endpoints import PrivateApi, Request, TaskCall
from tests.gcp.cloud import INVOKER
from tests.issuers import published

NAME = "sync_mailbox"


class SomeTask(Struct, forbid_unknown_fields=True):
    mailbox_id: str = ""
    n: str = ""


class Function:
    """Verifies its caller as every private function does, and takes whatever body it is given."""

    def __init__(self) -> None:
        self.deliveries: list[http.Request] = []
        self.answers: list[int] = []
        """Statuses to answer with before 204s, the last first; 0 breaks the connection."""
        self.world: World | None = None
        self.work: Callable[[], object] = lambda: None
        self._api = PrivateApi(NAME)
        self._api.handler(self._handle)
        self._lock = Lock()
        self.server = http.Server(self._serve)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def count(self) -> int:
        return len(self.deliveries)

    def _serve(self, request: http.Request) -> http.Response:
        assert self.world
        builder = EnvironBuilder(
            "/", method="POST", data=request.body, headers=list(request.headers.items())
        )
        answer = self._api.answer(Request(builder.get_environ()), self.world)
        if answer.status_code != 204:
            return http.Response(answer.status_code)
        with self._lock:
            self.deliveries.append(request)
            status = self.answers.pop() if self.answers else 204
        self.work()
        if not status:
            raise http.Dropped
        return http.Response(status)

    def _handle(self, call: TaskCall, body: SomeTask) -> None:
        """Nothing to do: `_serve` notes the delivery."""


@contextmanager
def function(issuer: Issuer, invoker: str = INVOKER) -> Iterator[Function]:
    """One that lets in those whose tokens the issuer signed for `invoker`."""
    made = Function()
    with published(issuer) as keys:
        made.world = World(
            Settings(
                invoker_issuer=issuer.url,
                invoker_jwks_url=keys.url,
                invoker_audience=f"{made.url}/{NAME}",
                invoker_email=invoker,
            )
        )
        made.server.start()
        try:
            yield made
        finally:
            made.server.stop()


def issuer(folder: Path) -> Issuer:
    return Issuer("https://accounts.example.com", folder / "invoker.pem")
