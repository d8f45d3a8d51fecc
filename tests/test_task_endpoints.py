"""Private functions: who may call them, and which errors are worth another try."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import Struct
from werkzeug.test import EnvironBuilder

from infra.local.issuer import Issuer
from shared.bootstrap import World
from shared.config import Settings
from shared.domain import errors
from shared.endpoints import Request, TaskApi, TaskCall
from tests.issuers import AUDIENCE, HOUR, KeyServer, new_issuer, published

EMAIL = "tasks@project.example.com"
Run = Callable[..., int]


class ThingTask(Struct, forbid_unknown_fields=True):
    thing_id: str


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
def task(world: World, issuer: Issuer) -> Run:
    """Runs a task whose handler raises `error`, called by the right service account; the status."""
    token = issuer.token(AUDIENCE, HOUR, {"email": EMAIL, "email_verified": True})

    def run(
        error: Exception | None = None,
        *,
        body: str = '{"thing_id": "t1"}',
        headers: dict[str, str] | None = None,
        method: str = "POST",
    ) -> int:
        api = TaskApi("work")

        @api.handler
        def work(call: TaskCall, body: ThingTask) -> None:
            if error is not None:
                raise error

        signed = {"Authorization": f"Bearer {token}"} if headers is None else headers
        request = EnvironBuilder(
            method=method, data=body, content_type="application/json", headers=[*signed.items()]
        )
        return api.answer(Request(request.get_environ()), world).status_code

    return run


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


def test_a_task_nobody_can_read_is_not_kept_for_ever(task: Run) -> None:
    assert task(body='{"thing": 1}') == 200


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
