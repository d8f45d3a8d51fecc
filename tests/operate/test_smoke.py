"""What was deployed is looked at from outside: open where it must be, closed where it must be."""

import re
from collections.abc import Callable

import msgspec
import pytest
from werkzeug.test import EnvironBuilder

from infra import functions_map
from infra.operate import smoke
from shared.bootstrap import World
from shared.config import Settings
from shared.web import openapi
from shared.web.endpoints import Api, PrivateApi, Request
from tests.providers.server import Asked, Reply, serving
from tests.world import FakeClock

FORBIDDEN = Reply(403, b"<html>Forbidden</html>", {"Content-Type": "text/html"})
NAMES = list(functions_map.load().functions)


def deployed(asked: Asked) -> Reply:
    """As Google serves a good deployment: our code answers users, and IAM all who are not let in."""
    name = re.split("[/?]", asked.target)[1]
    api = openapi.endpoint(name)
    if isinstance(api, PrivateApi):
        return FORBIDDEN
    return _answered(api, asked)


def _answered(api: Api | PrivateApi, asked: Asked) -> Reply:
    settings = Settings(
        auth_issuer="https://login.example.com",
        auth_audience="tests",
        auth_jwks_url="http://127.0.0.1:9",
        invoker_audience="tests",
        invoker_email="tasks@project.example.com",
    )
    environ = EnvironBuilder(path=asked.target, method=asked.method).get_environ()
    answer = api.answer(Request(environ), World(settings))
    return Reply(answer.status_code, answer.data, {"Content-Type": answer.content_type})


def check(answer: Callable[[Asked], Reply], clock: FakeClock, *names: str) -> list[smoke.Seen]:
    with serving(answer) as server:
        urls = {name: f"{server.url}/{name}" for name in names}
        return smoke.check(urls, clock)


def test_a_good_deployment_is_good(clock: FakeClock) -> None:
    began = clock.now()
    seen = check(deployed, clock, *NAMES)
    assert [one.function for one in seen] == NAMES
    assert [one for one in seen if not one.ok] == []
    assert clock.now() == began, "it waited for nothing"


@pytest.mark.parametrize("name", ["sync_mailbox", "dispatch_syncs"])
def test_a_private_function_that_answers_strangers_itself_is_not(
    name: str, clock: FakeClock
) -> None:
    api = openapi.endpoint(name)
    [seen] = check(lambda asked: _answered(api, asked), clock, name)
    assert not seen.ok
    assert "lets strangers in" in seen.said


def test_a_public_function_that_iam_keeps_closed_is_not(clock: FakeClock) -> None:
    [seen] = check(lambda _: FORBIDDEN, clock, "contacts")
    assert (seen.ok, seen.said) == (False, "answered 403, and not by itself")


def test_one_without_its_settings_says_which(clock: FakeClock) -> None:
    api = openapi.endpoint("contacts")

    def bare(asked: Asked) -> Reply:
        environ = EnvironBuilder(path=asked.target, method=asked.method).get_environ()
        answer = api.answer(Request(environ), World(Settings()))
        return Reply(answer.status_code, answer.data, {"Content-Type": answer.content_type})

    [seen] = check(bare, clock, "contacts")
    assert not seen.ok
    assert "AUTH_ISSUER" in seen.said


def test_a_page_of_somebody_else_is_not_taken_for_ours(clock: FakeClock) -> None:
    problem = msgspec.json.encode({"type": "about:blank", "title": "", "status": 401, "detail": ""})
    reply = Reply(401, problem, {"Content-Type": "application/problem+json"})
    [seen] = check(lambda _: reply, clock, "contacts")
    assert not seen.ok


def test_one_that_is_not_ready_yet_is_asked_again(clock: FakeClock) -> None:
    left = [FORBIDDEN, FORBIDDEN]
    [seen] = check(lambda asked: left.pop() if left else deployed(asked), clock, "contacts")
    assert seen.ok


def test_one_that_never_answers_is_given_up(clock: FakeClock) -> None:
    began = clock.now()
    [seen] = check(lambda _: Reply(drop=True), clock, "contacts")
    assert (seen.ok, seen.said) == (False, "does not answer: ConnectionError")
    assert smoke.PATIENCE < clock.now() - began < 2 * smoke.PATIENCE
