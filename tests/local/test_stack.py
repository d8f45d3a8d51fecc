"""The real stack, driven over HTTP."""

import os
import re
import signal
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests

from infra.delivery.invoker import EMAIL
from infra.functions_map import Trigger, load
from infra.issuer import Issuer
from infra.local.stack import Stack
from shared.bootstrap import World
from shared.ports.tasks import Task
from tests.local.http import add_contact, call, token

FUNCTIONS = load()
PRIVATE = [
    name for name, function in FUNCTIONS.functions.items() if function.trigger is not Trigger.HTTP
]


class TestDevelopmentTokens:
    def test_a_token_lets_its_user_in(self, stack: Stack) -> None:
        assert call(stack, "GET", "/contacts").status_code == 200

    def test_it_comes_under_both_names_and_says_when_it_ends(self, stack: Stack) -> None:
        body = {"user": "ada", "team": "acme", "role": "admin"}
        answer = requests.post(f"{stack.url}/dev/token", json=body, timeout=10).json()
        assert answer["token"] == answer["access_token"]
        assert answer["token_type"] == "Bearer"
        assert answer["expires_at"].endswith("Z")

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"user": "ada"}, "/team"),
            ({"user": "", "team": "acme"}, "/user"),
            ({"user": "ada", "team": "acme", "role": "root"}, "/role"),
            ({"user": "ada", "team": "acme", "expires": 1}, "/expires"),
        ],
    )
    def test_a_wrong_request_is_pointed_at(
        self, stack: Stack, body: dict[str, Any], pointer: str
    ) -> None:
        answer = requests.post(f"{stack.url}/dev/token", json=body, timeout=10)
        assert answer.status_code == 400
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]

    def test_one_team_does_not_see_what_another_has(self, stack: Stack) -> None:
        contact = add_contact(stack, "carol@example.com", team="acme")
        assert call(stack, "GET", f"/contacts/{contact}", team="globex").status_code == 404


class TestProblems:
    def test_an_unknown_function_is_404_and_the_known_ones_are_listed(self, stack: Stack) -> None:
        answer = requests.get(f"{stack.url}/nothing", timeout=10)
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert all(name in answer.json()["detail"] for name in FUNCTIONS.functions)

    def test_a_method_a_path_does_not_have_is_405(self, stack: Stack) -> None:
        answer = call(stack, "PUT", "/contacts")
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS, POST")

    def test_without_a_token_it_is_401(self, stack: Stack) -> None:
        answer = requests.get(f"{stack.url}/mailboxes", timeout=10)
        assert answer.status_code == 401
        assert answer.json()["type"] == "urn:mailbridge:not-authenticated"

    def test_a_name_that_is_not_this_machines_is_refused(self, stack: Stack) -> None:
        headers = {"Host": "rebound.evil.example"}
        assert requests.get(f"{stack.url}/", headers=headers, timeout=10).status_code == 421

    def test_a_body_beyond_the_limit_is_413(self, stack: Stack) -> None:
        headers = {"Content-Type": "application/json"}
        answer = call(stack, "POST", "/contacts", data=b" " * 1_100_000, headers=headers)
        assert answer.status_code == 413

    @pytest.mark.parametrize("path", ["/a%0Ab", "/contacts/a%0Ab", "/contacts/%0A", "/robots.txt"])
    def test_whatever_the_path_the_answer_is_a_problem_document(
        self, stack: Stack, path: str
    ) -> None:
        answer = call(stack, "GET", path)
        assert (answer.status_code, answer.json()["status"]) == (404, 404)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


class TestConsent:
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_it_returns_to_a_page_of_this_machine(self, stack: Stack, host: str) -> None:
        page = stack.url.replace("127.0.0.1", host) + "/crm?tab=mail"
        body = {"provider": "microsoft", "return_to": page}
        asked = call(stack, "POST", "/oauth_start", json=body).json()["authorization_url"]
        form = {"account": "ben@example.com", "decision": "allow"}
        back = requests.post(asked, data=form, timeout=10, allow_redirects=False)
        ended = requests.get(back.headers["Location"], timeout=10, allow_redirects=False)
        assert ended.status_code == 303
        assert ended.headers["Location"].startswith(f"{page}&connection=")


class TestTransport:
    def test_a_body_of_unknown_length_arrives(self, stack: Stack) -> None:
        pieces = (part for part in (b'{"addresses": ', b'["dora@example.com"]}'))
        headers = {"Content-Type": "application/json"}
        assert call(stack, "POST", "/contacts", data=pieces, headers=headers).status_code == 201

    def test_head_has_the_headers_and_no_body(self, stack: Stack) -> None:
        answer = call(stack, "HEAD", "/contacts")
        assert answer.status_code == 200
        assert int(answer.headers["Content-Length"]) > 0
        assert answer.content == b""


class TestPrivateFunctions:
    @pytest.mark.parametrize("name", PRIVATE)
    def test_nobody_gets_in_with_the_queues_headers_alone(self, stack: Stack, name: str) -> None:
        headers = {"X-CloudTasks-TaskName": "t", "X-CloudScheduler": "true"}
        answer = requests.post(f"{stack.url}/{name}", json={}, headers=headers, timeout=10)
        assert answer.status_code == 401

    @pytest.mark.parametrize("name", PRIVATE)
    def test_no_user_gets_in(self, stack: Stack, name: str) -> None:
        assert call(stack, "POST", f"/{name}", json={}).status_code == 401

    def test_a_token_for_one_opens_no_other(self, stack: Stack, data: Path) -> None:
        issuer = Issuer(f"{stack.url}/dev", data / "invokers.pem")
        claims = {"email": EMAIL, "email_verified": True}
        headers = {
            "Authorization": "Bearer "
            + issuer.token(f"{stack.url}/dispatch_syncs", timedelta(minutes=1), claims)
        }
        for name, status in (("dispatch_syncs", 204), ("sweep", 401)):
            answer = requests.post(f"{stack.url}/{name}", headers=headers, timeout=10)
            assert answer.status_code == status

    def test_the_scheduler_calls_them(self, stack: Stack) -> None:
        for name in FUNCTIONS.triggered_by(Trigger.SCHEDULE):
            stack.run_schedule(name)

    def test_a_stored_task_is_delivered_and_judged(self, stack: Stack, world: World) -> None:
        world.tasks.enqueue(Task("deliver_email", {"team_id": "acme", "email_id": "nowhere"}))
        stack.wait_idle(timeout=30)
        assert stack.tasks().later == 0


class TestProcesses:
    def test_a_function_serves_as_many_calls_as_its_instances_would(self, stack: Stack) -> None:
        for name, function in FUNCTIONS.functions.items():
            threads = int(_environment(stack.processes[name].pid)["THREADS"])
            assert threads == min(function.concurrency * FUNCTIONS.instances(name), 16), name

    def test_a_function_sees_the_settings_it_is_granted_and_no_others(self, stack: Stack) -> None:
        minimal = {"PATH", "HOME", "LANG", "TZ", "PYTHONPATH", "PYTHONUNBUFFERED"}
        for name, function in FUNCTIONS.functions.items():
            given = set(_environment(stack.processes[name].pid)) - minimal - {"LC_CTYPE", "THREADS"}
            assert given <= function.grants(stack.settings["BACKEND"]), name
            assert set(function.secrets) <= given, name

    def test_a_killed_function_comes_back(self, stack: Stack) -> None:
        process = stack.processes["contacts"]
        killed = process.pid
        os.kill(killed, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while process.pid in {0, killed} or not process.ready():
            assert time.monotonic() < deadline, "it did not come back"
            time.sleep(0.05)
        assert call(stack, "GET", "/contacts").status_code == 200


class TestPages:
    def test_it_says_when_it_is_ready(self, stack: Stack) -> None:
        for path in ("/ready", "/contacts/ready"):
            answer = requests.get(f"{stack.url}{path}", timeout=10)
            assert (answer.status_code, answer.json()) == (200, {"status": "ready"})

    def test_the_index_says_where_everything_is(self, stack: Stack) -> None:
        index = requests.get(stack.url, timeout=10).json()
        assert index["functions"]["contacts"] == f"{stack.url}/contacts"
        assert requests.get(index["openapi"], timeout=10).status_code == 200
        assert index["simulator"] == stack.simulator_url

    def test_the_description_covers_every_public_path(self, stack: Stack) -> None:
        document = requests.get(f"{stack.url}/openapi.json", timeout=10).json()
        first = {path.split("/")[1] for path in document["paths"]}
        assert first == set(FUNCTIONS.triggered_by(Trigger.HTTP))

    def test_every_reference_in_it_leads_somewhere(self, stack: Stack) -> None:
        text = requests.get(f"{stack.url}/openapi.json", timeout=10).text
        document = msgspec.json.decode(text)
        for reference in set(re.findall(r'"\$ref":"#/([^"]+)"', text)):
            part = document
            for step in reference.split("/"):
                part = part[step]

    def test_tokens_are_signed_with_the_published_key(self, stack: Stack) -> None:
        published = requests.get(f"{stack.url}/dev/jwks.json", timeout=10).json()["keys"]
        assert "d" not in published[0]
        assert token(stack)

    def test_a_browser_app_on_this_machine_may_ask(self, stack: Stack) -> None:
        origin = stack.url.replace("127.0.0.1", "localhost")
        answer = call(stack, "GET", "/contacts", headers={"Origin": origin})
        assert answer.headers["Access-Control-Allow-Origin"] == origin


def _environment(pid: int) -> dict[str, str]:
    path = Path(f"/proc/{pid}/environ")
    if not path.exists():
        pytest.skip("/proc tells a process's environment only on Linux")
    pairs = path.read_bytes().rstrip(b"\0").decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs)
