"""terraform/functions.yaml is the one list of functions, and every function is what it says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from werkzeug.test import EnvironBuilder

from infra.functions_map import PATH, ROOT, Trigger, load
from shared.bootstrap import World
from shared.config import Settings
from shared.domain.errors import ConfigurationError
from shared.web import openapi
from shared.web.endpoints import Api, PrivateApi, Request
from tests.isolation import hiding

MAP = load()
EVERY = pytest.mark.parametrize("name", MAP.functions)
HEAVY = (
    *(
        "google.cloud.firestore",
        "google.cloud.secretmanager",
        "google.cloud.tasks",
        "googleapiclient",
    ),
    *("msal", "requests", "jwt", "cryptography", "structlog", "nh3", "sqlite3"),
)
"""What a cold start must not wait for; see also `make bench`."""


def test_every_folder_is_in_the_map_and_every_entry_has_a_folder() -> None:
    assert {main.parent.name for main in ROOT.glob("functions/*/main.py")} == set(MAP.functions)


@EVERY
def test_nobody_outside_holds_a_thread_for_longer_than_half_a_minute(name: str) -> None:
    """Who sends slowly has an instance's thread for as long: of users' functions, which all may call."""
    function = MAP.functions[name]
    assert function.trigger is not Trigger.HTTP or function.timeout <= 30


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("memory: 256Mi", "memroy: 256Mi", "/memroy is not known here"),
        ("memory: 256Mi", "memory: 256", "/memory must be"),
        ("trigger: http", "trigger: htpp", "/trigger"),
        ("    trigger: task", "    public: true\n    trigger: task", "must not be public"),
        ("runtime: python311", "runtime: python", "/runtime"),
        ("queue: deliver", "queue: delivery", "names the queue 'delivery'"),
        ('schedule: "* * * * *"', "", "schedule exactly when that is its trigger"),
        ("[MAX_REC", "[MAX_RIC", "MAX_RICIPIENTS, which shared/config.py does not know"),
        ("[MAX_REC", "[GMAIL_URL, MAX_REC", "GMAIL_URL, which shared/config.py does not know"),
        ("providers: [consent]", "providers: [consnet]", "/providers"),
        ("roles: [documents]", "roles: [everything]", "/roles"),
        ("    instances: 3\n", "", "instances exactly when its trigger is http"),
        ('    cpu: "1"\n', "", "cpu of 1 or more for a concurrency above 1"),
        ("functions:", "functions: [", "functions.yaml"),
    ],
)
def test_a_mistake_in_the_map_is_found(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    text = PATH.read_text()
    assert right in text
    broken = tmp_path / "functions.yaml"
    broken.write_text(text.replace(right, wrong, 1))
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        load(broken)


@EVERY
def test_a_bundle_needs_only_what_is_deployed(name: str) -> None:
    """Its main module is imported where our other folders and this machine's tools are not."""
    program = f"""
{hiding()}
import threading
sys.path.append({str(ROOT)!r})
import functions_framework
functions_framework.create_app({name!r}, {str(ROOT / "functions" / name / "main.py")!r})
heavy = [name for name in {HEAVY!r} if name in sys.modules]
assert not heavy, f"imported before anybody asked: {{heavy}}"
assert threading.active_count() == 1, "a thread was started at import"
"""
    done = subprocess.run(  # noqa: S603  # the program above
        [sys.executable, "-I", "-c", program], env={}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@EVERY
def test_nobody_gets_in_without_a_token(name: str) -> None:
    api = openapi.endpoint(name)
    assert api.name == name
    private = [route for route in api.routes if not route.public]
    for route in private:
        path = re.sub(r"\{\w+\}", "x", route.path)
        environ = EnvironBuilder(path=path, method=route.method).get_environ()
        answer = api.answer(Request(environ), _world())
        assert answer.status_code == 401, f"{route.method} {route.path}"


def test_only_the_providers_way_back_the_description_and_what_has_a_ticket_are_public() -> None:
    public = [
        (name, route.path)
        for name in MAP.functions
        for route in openapi.endpoint(name).routes
        if route.public
    ]
    pages = [("openapi", path) for path in ("/", "/reference", "/{name}")]
    pictures = ("messages", "/{message_id}/images/{number}")
    assert public == [("oauth_callback", "/"), pictures, *pages]


@EVERY
def test_the_trigger_says_who_may_call(name: str) -> None:
    wanted = Api if MAP.functions[name].trigger is Trigger.HTTP else PrivateApi
    assert isinstance(openapi.endpoint(name), wanted)


def _world() -> World:
    return World(
        Settings(
            auth_issuer="https://login.example.com",
            auth_audience="tests",
            auth_jwks_url="http://127.0.0.1:9",
            invoker_audience="tests",
            invoker_email="tasks@project.example.com",
        )
    )
