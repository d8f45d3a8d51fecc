"""Private functions: who may call them, and which errors are worth another try."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct
from msgspec.structs import fields
from werkzeug.test import EnvironBuilder

from infra.functions_map import Trigger, load
from infra.issuer import Issuer
from shared.bootstrap import World
from shared.config import Settings
from shared.domain import errors
from shared.web.endpoints import PrivateApi, Request, TaskCall
from shared.web.openapi import endpoint
from tests.issuers import AUDIENCE, HOUR, KeyServer, new_issuer, published

EMAIL = "tasks@project.example.com"
Run = Callable[..., int]


class ThingTask(Struct):
    thing_id: str
    team_id: str = ""


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return new_issuer(tmp_path)


@pytest.fixture
def keys(issuer: Issuer) -> Iterator[KeyServer]:
    with published(issuer) as server:
        yield server


@pytest.fixture
def world(issuer: Issuer, keys: KeyServer) -> World:
    return World(
        Settings(
            invoker_issuer=issuer.url,
            invoker_jwks_url=keys.url,
            invoker_audience=AUDIENCE,
            invoker_email=EMAIL,
        )
    )


@pytest.fixture
def done() -> list[ThingTask]:
    """The bodies that the handler got."""
    return []


@pytest.fixture
def task(world: World, issuer: Issuer, done: list[ThingTask]) -> Run:
    """Runs a task whose handler raises `error`, called by the right service account; the status."""
    token = issuer.token(AUDIENCE, HOUR, {"email": EMAIL, "email_verified": True})

    def run(
        error: Exception | None = None,
        *,
        body: str = '{"thing_id": "t1"}',
        headers: dict[str, str] | None = None,
        method: str = "POST",
    ) -> int:
        api = PrivateApi("work")

        @api.handler
        def work(call: TaskCall, body: ThingTask) -> None:
            done.append(body)
            if error is not None:
                raise error

        signed = {"Authorization": f"Bearer {token}"} if headers is None else headers
        request = EnvironBuilder(
            method=method, data=body, content_type="application/json", headers=[*signed.items()]
        )
        return api.answer(Request(request.get_environ()), world).status_code

    return run


def test_who_gets_in_may_ask_whether_it_does_and_changes_nothing(
    world: World, issuer: Issuer
) -> None:
    api = endpoint("check_mailbox")

    def asked(token: str) -> int:
        bearer = [("Authorization", f"Bearer {token}")]
        environ = EnvironBuilder(path="/ready", method="GET", headers=bearer).get_environ()
        return api.answer(Request(environ), world).status_code

    claims = {"email": EMAIL, "email_verified": True}
    assert asked(issuer.token(AUDIENCE, HOUR, claims)) == 200
    assert asked(issuer.token("another", HOUR, claims)) in {401, 403}
    assert asked(issuer.token(AUDIENCE, HOUR, {"email": "eve@x.example"})) in {401, 403}


def test_success_is_acknowledged(task: Run) -> None:
    assert task() == 204


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidRequest("no"), 200),
        (errors.NotAuthenticated("no"), 200),
        (errors.Forbidden("no"), 200),
        (errors.NotFound("no"), 200),
        (errors.Conflict("no"), 200),
        (errors.Busy("no", until=datetime.now(UTC)), 200),
        (errors.GrantRevoked("no"), 200),
        (errors.MissingScope("no", scopes=[]), 200),
        (errors.RateLimited("no", retry_after=60), 200),
        (errors.CursorExpired("no"), 200),
        (errors.ProviderRejected("no"), 200),
        (errors.PreconditionFailed("no"), 503),
        (errors.ProviderUnavailable("no"), 503),
        (errors.ConfigurationError("no"), 500),
        (KeyError("no"), 500),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_only_what_another_try_can_mend_is_tried_again(
    task: Run, error: Exception, status: int
) -> None:
    assert task(error) == status


def test_a_task_of_a_newer_release_is_done_as_far_as_this_one_knows(
    task: Run, done: list[ThingTask]
) -> None:
    assert task(body='{"thing_id": "t1", "priority": "high", "parts": [{"x": 1}]}') == 204
    assert done == [ThingTask("t1")]


def test_a_task_of_an_older_release_gets_the_defaults_of_newer_fields(
    task: Run, done: list[ThingTask]
) -> None:
    assert task(body='{"thing_id": "t1"}') == 204
    assert done == [ThingTask("t1", team_id="")]


FIRST_RELEASE = {
    "sync_mailbox": {"mailbox_id": "m1"},
    "deliver_email": {"team_id": "t1", "email_id": "e1"},
    "check_mailbox": {"mailbox_id": "m1"},
    "disconnect_mailbox": {"team_id": "t1", "mailbox_id": "m1"},
}
"""Bodies as they were enqueued then. Never edited; further ones may be added."""


@pytest.mark.parametrize("name", FIRST_RELEASE)
def test_a_task_that_any_release_enqueued_is_read(name: str) -> None:
    body = FIRST_RELEASE[name]
    read = _read(name, body)
    assert {field: getattr(read, field) for field in body} == body


@pytest.mark.parametrize("name", load().triggered_by(Trigger.TASK))
def test_every_task_of_ours_takes_what_a_newer_release_adds_to_it(name: str) -> None:
    (route,) = endpoint(name).routes
    needed = [field.encode_name for field in fields(route.takes["body"]) if field.required]
    assert _read(name, {**dict.fromkeys(needed, "x"), "added": {"later": ["on"]}})


def _read(name: str, body: dict[str, Any]) -> Any:
    (route,) = endpoint(name).routes
    environ = EnvironBuilder(method="POST", json=body).get_environ()
    return route.arguments(Request(environ), 1_000)["body"]


def test_a_schedule_may_send_a_body_that_its_function_does_not_take(
    world: World, issuer: Issuer
) -> None:
    sweep = PrivateApi("sweep")

    @sweep.handler
    def run(call: TaskCall) -> None: ...

    token = issuer.token(AUDIENCE, HOUR, {"email": EMAIL, "email_verified": True})
    headers = [("Authorization", f"Bearer {token}")]
    environ = EnvironBuilder(method="POST", data="tick", headers=headers).get_environ()
    assert sweep.answer(Request(environ), world).status_code == 204


@pytest.mark.parametrize("body", ['{"thing": 1}', '{"thing_id": 1}', "{", "", "[]", "\xff"])
def test_a_task_nobody_can_read_is_not_kept_for_ever_and_raises_the_alarm(
    task: Run, done: list[ThingTask], capsys: pytest.CaptureFixture[str], body: str
) -> None:
    assert (task(body=body), done) == (200, [])
    line = msgspec.json.decode(capsys.readouterr().err)
    assert (line["severity"], line["status"]) == ("ERROR", 200)
    assert (line["error"], line["function"]) == ("InvalidRequest", "work")
    assert line["detail"] in line["exception"]


def test_the_queues_headers_prove_nothing(task: Run) -> None:
    forged = {"X-CloudTasks-TaskName": "t", "X-CloudTasks-QueueName": "q"}
    assert task(headers=forged) == 401


def test_a_users_token_opens_no_private_function(task: Run, issuer: Issuer) -> None:
    token = issuer.token(AUDIENCE, HOUR, {"sub": "ada", "team": "acme", "role": "admin"})
    assert task(headers={"Authorization": f"Bearer {token}"}) == 401


def test_a_task_is_posted(task: Run) -> None:
    assert task(method="GET") == 405


def test_unreadable_keys_of_the_issuer_make_the_queue_try_again(task: Run, keys: KeyServer) -> None:
    keys.status = 500
    assert task() == 503
