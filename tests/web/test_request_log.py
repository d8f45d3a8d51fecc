"""Every request leaves one line: what it was, how it ended, what it cost. And nothing it must not."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from msgspec import Struct, structs
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from infra.functions_map import load
from infra.issuer import Issuer
from shared import logs, metering
from shared.bootstrap import World
from shared.config import Settings
from shared.domain import errors, ids
from shared.ports.documents import Write
from shared.ports.tasks import Task
from shared.web.endpoints import Api, Call, PrivateApi, PublicCall, Request, TaskCall
from shared.web.openapi import endpoint
from tests.issuers import AUDIENCE, HOUR, auth_settings, new_issuer, published

EMAIL = "tasks@project.example.com"
MAILBOX = ids.derived("mailbox")
TRACE = "105445aa7843bc8bf206b12000100000"

Line = dict[str, Any]


class Mail(Struct, forbid_unknown_fields=True):
    mailbox_id: str = ""
    text: str = ""


class Work(Struct):
    mailbox_id: str = ""
    team_id: str = ""


class Fates:
    """What the handlers do next."""

    error: Exception | None = None
    act: Callable[[World], None] | None = None

    def happen(self, world: Any) -> None:
        if self.act:
            self.act(world)
        if self.error:
            raise self.error


fates = Fates()
mails = Api("mails")
work = PrivateApi("work")


@mails.post("/")
def send(call: Call, body: Mail) -> None:
    fates.happen(call.world)


@mails.get("/{mailbox_id}/unread")
def unread(call: Call, mailbox_id: str) -> None:
    fates.happen(call.world)


@mails.get("/back", public=True)
def back(call: PublicCall, query: dict[str, str]) -> None:
    fates.happen(call.world)


@work.handler
def run(call: TaskCall, body: Work) -> None:
    fates.happen(call.world)


class Caller:
    """Sends requests with tokens that hold, and reads the one line that each leaves."""

    def __init__(self, issuer: Issuer, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        self._world = world
        self._capsys = capsys
        self.user = issuer.token(AUDIENCE, HOUR, {"sub": "ada", "team": "acme"})
        self.queue = issuer.token(AUDIENCE, HOUR, {"email": EMAIL, "email_verified": True})

    def ask(
        self, method: str, path: str, *, headers: Mapping[str, str] = {}, **more: Any
    ) -> list[Line]:
        return self._lines(mails, method, path, self.user, headers, more)

    def task(self, body: object, *, token: str | None = None) -> list[Line]:
        token = self.queue if token is None else token
        return self._lines(work, "POST", "/", token, {}, {"json": body})

    def _lines(
        self,
        api: Api | PrivateApi,
        method: str,
        path: str,
        token: str,
        headers: Mapping[str, str],
        more: Mapping[str, Any],
    ) -> list[Line]:
        sent = Headers({"Authorization": f"Bearer {token}", **headers})
        environ = EnvironBuilder(method=method, path=path, headers=sent, **more).get_environ()
        self._capsys.readouterr()
        api.answer(Request(environ), self._world)
        return [msgspec.json.decode(line) for line in self._capsys.readouterr().err.splitlines()]


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return new_issuer(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def world(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with published(issuer) as keys:
        settings = structs.replace(
            auth_settings(issuer, keys),
            backend="infra.embedded",
            embedded_data=str(tmp_path_factory.mktemp("data")),
            invoker_issuer=issuer.url,
            invoker_jwks_url=keys.url,
            invoker_audience=AUDIENCE,
            invoker_email=EMAIL,
            google_cloud_project="my-project",
        )
        made = World(settings)
        yield made
        made.backend.close()  # type: ignore[attr-defined]


@pytest.fixture
def caller(issuer: Issuer, world: World, capsys: pytest.CaptureFixture[str]) -> Caller:
    fates.error = fates.act = None
    return Caller(issuer, world, capsys)


# -- what it says ------------------------------------------------------------------------------------


def test_a_request_leaves_one_line_with_all_it_was_about(caller: Caller) -> None:
    (line,) = caller.ask(
        "GET", f"/mails/{MAILBOX}/unread", headers={"X-Cloud-Trace-Context": f"{TRACE}/74;o=1"}
    )
    assert line.pop("duration_ms") >= 0
    assert line.pop("time")
    assert line == {
        "severity": "INFO",
        "message": "request",
        "function": "mails",
        "method": "GET",
        "path": "/{mailbox_id}/unread",
        "status": 204,
        "team": "acme",
        "user": "ada",
        "mailbox": MAILBOX,
        "quota_units": 0,
        "provider_requests": 0,
        "store_reads": 0,
        "store_writes": 0,
        "secrets": 0,
        "tasks": 0,
        "logging.googleapis.com/trace": f"projects/my-project/traces/{TRACE}",
        "logging.googleapis.com/spanId": "000000000000004a",
        "logging.googleapis.com/trace_sampled": True,
    }


def test_what_it_cost_is_counted_and_not_what_others_did(caller: Caller) -> None:
    def act(world: World) -> None:
        world.documents.get("a/b")
        world.documents.write(Write("put", "a/b", {"n": 1}), Write("delete", "a/c"))
        world.secrets.get("name")
        world.tasks.enqueue(Task("work", {"id": "1"}), Task("work", {"id": "2"}))
        metering.current().quota_units += 20
        metering.current().provider_requests += 3

    fates.act = act
    for _ in range(2):
        (line,) = caller.ask("POST", "/", json={})
        counted = {name: line[name] for name in metering.Meter.__struct_fields__}
        assert counted == {
            "quota_units": 20,
            "provider_requests": 3,
            "store_reads": 1,
            "store_writes": 2,
            "secrets": 1,
            "tasks": 2,
        }


def test_other_lines_of_the_request_say_what_they_belong_to(caller: Caller) -> None:
    def act(_world: World) -> None:
        logs.about(thread="t1")
        logs.warning("lease lost")

    fates.act = act
    other, line = caller.ask(
        "POST",
        "/",
        json={"mailbox_id": MAILBOX},
        headers={"traceparent": f"00-{TRACE}-{TRACE[:16]}-01"},
    )
    shared = {"function", "team", "user", "mailbox", "thread", "logging.googleapis.com/trace"}
    assert shared <= other.keys()
    assert {name: other[name] for name in shared} == {name: line[name] for name in shared}


def test_a_task_names_its_team_and_mailbox(caller: Caller) -> None:
    (line,) = caller.task({"mailbox_id": MAILBOX, "team_id": "acme"})
    assert (line["team"], line["mailbox"]) == ("acme", MAILBOX)
    assert (line["function"], line["path"], line["status"]) == ("work", "/", 204)


def test_browsers_asking_first_leave_none(caller: Caller) -> None:
    assert caller.ask("OPTIONS", "/") == []


def test_a_quiet_one_speaks_up_when_something_is_wrong(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = Api("pages", quiet=True)

    @pages.get("/", public=True)
    def show(call: PublicCall) -> None:
        fates.happen(call.world)

    for fates.error, lines in ((None, 0), (errors.NotFound("no"), 0), (KeyError("no"), 1)):
        pages.answer(Request(EnvironBuilder().get_environ()), world)
        assert len(capsys.readouterr().err.splitlines()) == lines


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/no/such/path", 404, "path_not_found"),
        ("PUT", "/", 405, "method_not_allowed"),
    ],
)
def test_a_request_that_finds_nothing_has_a_line_without_its_path(
    caller: Caller, method: str, path: str, status: int, reason: str
) -> None:
    (line,) = caller.ask(method, path)
    assert (line["severity"], line["status"], line["reason"]) == ("INFO", status, reason)
    assert "path" not in line


def test_an_instance_that_cannot_start_says_so_with_the_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> World:
        raise errors.ConfigurationError("Settings: GMAIL_URL is no URL.")

    monkeypatch.setattr("shared.bootstrap.this_instance", broken)
    environ = EnvironBuilder(headers=Headers({"X-Cloud-Trace-Context": TRACE})).get_environ()
    assert mails(Request(environ)).status_code == 500
    line = msgspec.json.decode(capsys.readouterr().err)
    assert (line["severity"], line["detail"]) == ("ERROR", "Settings: GMAIL_URL is no URL.")
    assert line["logging.googleapis.com/trace"] == TRACE


# -- how bad it is -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "severity"),
    [
        (errors.InvalidRequest("no"), "INFO"),
        (errors.Forbidden("no"), "INFO"),
        (errors.GrantRevoked("no", reason="invalid_grant"), "INFO"),
        (errors.RateLimited("no"), "WARNING"),
        (errors.ProviderUnavailable("no"), "WARNING"),
        (errors.ProviderRejected("no"), "WARNING"),
        (errors.ConfigurationError("no"), "ERROR"),
        (KeyError("no"), "ERROR"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_a_users_request_is_as_bad_as_it_is_for_us(
    caller: Caller, error: Exception, severity: str
) -> None:
    fates.error = error
    (line,) = caller.ask("POST", "/", json={})
    assert (line["severity"], line["error"]) == (severity, type(error).__name__)
    assert line.get("reason") == (getattr(error, "reason", "") or None)


@pytest.mark.parametrize(
    ("error", "status", "severity"),
    [
        (errors.NotFound("gone", reason="mailbox_not_found"), 200, "INFO"),
        (errors.GrantRevoked("gone"), 200, "INFO"),
        (errors.RateLimited("gone"), 200, "INFO"),
        (errors.ProviderUnavailable("gone"), 503, "WARNING"),
        (errors.PreconditionFailed("gone"), 503, "WARNING"),
        (errors.ConfigurationError("gone"), 500, "ERROR"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_a_tasks_line_says_why_it_was_given_up_or_comes_again(
    caller: Caller, error: errors.MailbridgeError, status: int, severity: str
) -> None:
    fates.error = error
    (line,) = caller.task({})
    assert (line["severity"], line["status"]) == (severity, status)
    assert (line["error"], line["detail"]) == (type(error).__name__, "gone")


def test_a_call_of_a_private_function_that_proves_nothing_is_worth_a_look(caller: Caller) -> None:
    (line,) = caller.task({}, token=caller.user)
    assert (line["severity"], line["status"]) == ("WARNING", 401)


def test_our_own_mistake_brings_its_stack_trace(caller: Caller) -> None:
    fates.error = KeyError("whose fault")
    (line,) = caller.ask("POST", "/", json={})
    assert line["exception"].startswith("Traceback (most recent call last):")
    assert "in happen" in line["exception"]


# -- what it never says ------------------------------------------------------------------------------

SECRET = "hunter2" * 4
_ALPHABET = st.characters(codec="utf-8", exclude_characters="\0")


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("GET", "/back", {"query_string": {"code": SECRET, "state": SECRET, SECRET: "x"}}),
        ("GET", "/back", {"query_string": f"code={SECRET}&code={SECRET}"}),
        ("GET", f"/{SECRET}", {}),
        ("GET", f"/{SECRET}/unread", {}),
        ("GET", f"/{MAILBOX}/unread", {"query_string": {SECRET: SECRET}}),
        ("POST", "/", {"json": {"mailbox_id": SECRET}}),
        ("POST", "/", {"json": {"text": SECRET, SECRET: SECRET}}),
        ("POST", "/", {"json": {"text": {SECRET: 1}}}),
        ("POST", "/", {"data": SECRET, "content_type": "application/json"}),
        ("POST", "/", {"data": SECRET, "content_type": SECRET}),
        (SECRET.upper(), "/", {}),
        ("POST", "/", {"json": {}, "headers": {"Authorization": SECRET}}),
        ("POST", "/", {"json": {}, "headers": {"Authorization": f"Bearer {SECRET}"}}),
        ("POST", "/", {"json": {}, "headers": {"Authorization": f"Bearer e30.{SECRET}.{SECRET}"}}),
        ("GET", "/back", {"headers": {"Cookie": SECRET, "Referer": SECRET, "User-Agent": SECRET}}),
        ("GET", "/back", {"headers": {"X-Cloud-Trace-Context": SECRET, "traceparent": SECRET}}),
    ],
)
@pytest.mark.parametrize(
    "error",
    [None, errors.ProviderRejected(f"bad: {SECRET}"), errors.NotFound(f"There is no {SECRET}.")],
    ids=["", "ProviderRejected", "NotFound"],
)
def test_nothing_a_stranger_sent_is_in_a_line(
    caller: Caller, method: str, path: str, more: dict[str, Any], error: Exception | None
) -> None:
    fates.error = error
    lines = caller.ask(method, path, **more)
    assert len(lines) == 1
    assert SECRET.lower() not in str(lines).lower()


@hypothesis(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    mailbox=st.text(_ALPHABET, max_size=40),
    unknown=st.text(_ALPHABET, max_size=20),
    text=st.text(_ALPHABET, max_size=40),
)
@example(mailbox='"},{"severity":"ERROR', unknown="\n", text="\u2028")
def test_a_body_forges_no_line(caller: Caller, mailbox: str, unknown: str, text: str) -> None:
    body = {"mailbox_id": mailbox, "text": text, unknown: text}
    (line,) = caller.ask("POST", "/", json=body)
    assert (line["message"], line["function"], line["path"]) == ("request", "mails", "/")
    assert line["severity"] == "INFO"
    assert "mailbox" not in line


@pytest.mark.parametrize("name", load().functions)
def test_every_function_of_ours_records_its_requests(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(Settings(backend="infra.embedded", embedded_data=str(tmp_path)))
    endpoint(name).answer(Request(EnvironBuilder(path="/no/such").get_environ()), world)
    line = msgspec.json.decode(capsys.readouterr().err)
    assert (line["message"], line["function"]) == ("request", name)
