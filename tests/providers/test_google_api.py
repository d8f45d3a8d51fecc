"""One client for every API of Google's: each has its own base path, and its own place for batches."""

import pytest

from shared.providers.google.api import GMAIL, Api, Service
from shared.providers.http import Http
from tests.providers.server import Asked, Reply, json_reply, serving

CALENDAR = Service("/calendar/v3", "/batch/calendar/v3")


class Token:
    granted = ("calendar",)

    def token(self) -> str:
        return "token"

    def replace(self, rejected: str, *, claims: str = "") -> str:  # noqa: ARG002
        return "another"


def _answer(asked: Asked) -> Reply:
    if asked.target.startswith("/batch/"):
        head = {"Content-Type": "multipart/mixed; boundary=b"}
        part = b"--b\r\nContent-ID: <response-0>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{}\r\n--b--"
        return Reply(200, part, headers=head)
    return json_reply(id="1")


@pytest.mark.parametrize("service", [GMAIL, CALENDAR], ids=["gmail", "calendar"])
def test_each_service_is_asked_below_its_own_path(service: Service) -> None:
    with serving(_answer) as server:
        api = Api(service, Http(server.url), Token())
        api.get("/a", units=0, scopes=())
        api.effect("POST", "/b", units=0, scopes=(), body={})
        api.batch(["/c"], units=0)
    first, second, whole = server.asked
    assert (first.target, second.target) == (f"{service.base}/a", f"{service.base}/b")
    assert whole.target == service.batch
    assert f"GET {service.base}/c".encode() in whole.body
