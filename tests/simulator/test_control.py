"""The simulator's own API: all of it from another process."""

import base64
from pathlib import Path
from typing import Any

import pytest
import requests

from infra.simulator import Simulator
from tests.simulator.people import ANA, Person, Program, mail


class Controller:
    def __init__(self, simulator: Simulator) -> None:
        self._url = f"{simulator.url}/_simulator/"

    def __call__(self, method: str, path: str, /, **body: object) -> Any:
        answer = self.raw(method, path, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def raw(self, method: str, path: str, /, **body: object) -> requests.Response:
        return requests.request(method, self._url + path, json=body or None, timeout=10)


@pytest.fixture
def control(simulator: Simulator) -> Controller:
    return Controller(simulator)


def test_accounts_and_mail(control: Controller, simulator: Simulator, tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(mail())
    (tmp_path / "b.eml").write_bytes(b"")
    made = control("POST", "accounts", address="Ana@Example.com", name="Ana")
    raw = base64.b64encode(mail(Subject="Dated")).decode()
    dated = {"labels": ["INBOX"], "at": "2026-11-20T09:00:00Z"}
    key = control("POST", "deliver", to=ANA, raw=raw, **dated)["id"]
    loaded = control("POST", "load", account=ANA, path=str(tmp_path))
    control("POST", "messages/labels", account=ANA, id=key, add=["STARRED"], remove=["INBOX"])

    listed = control("GET", f"messages?account={ANA}")

    assert (made["address"], made["provider"]) == (ANA, "google")
    assert control("GET", "accounts") == [made]
    assert [one["problem"] for one in loaded] == ["", "empty: there is no mail in it"]
    assert control("GET", "loaded") == loaded
    assert {one["id"]: one["labels"] for one in listed}[key] == ["STARRED"]
    assert simulator.message(ANA, key).at == 1795165200000
    assert b"Dated" in control.raw("GET", f"messages/raw?account={ANA}&id={key}").content
    control("POST", "messages/delete", account=ANA, id=key)
    assert len(control("GET", f"messages?account={ANA}")) == 1


def test_what_left_can_be_read(control: Controller, ana: Program) -> None:
    ana.send(mail("Far away", sender=ANA, to="x@else.example"))

    [left] = control("GET", "left")

    assert (left["sender"], left["to"]) == (ANA, "x@else.example")
    assert b"Far away" in base64.b64decode(left["raw"])


def test_faults_counters_and_limits(control: Controller, ana: Program) -> None:
    control("POST", "faults", method="gmail.getProfile", status=500, times=2)
    control("PATCH", "limits/google", units_per_get=5, sends_per_day=None)
    assert ana.get("/profile").status_code == 500

    assert control("GET", "faults")[0]["times"] == 1
    assert control("GET", "counters")["failures"] == {"gmail.getProfile 500": 1}
    assert control("GET", "limits/google")["units_per_get"] == 5
    assert control("GET", "limits/google")["sends_per_day"] is None
    control("DELETE", "faults")
    control("DELETE", "counters")
    assert control("GET", "faults") == []
    assert control("GET", "counters")["calls"] == {}


def test_latency(control: Controller, simulator: Simulator) -> None:
    control("PUT", "latency", ms=40)

    assert simulator.faults.latency_ms == 40


def test_expiry_revocation_and_time(control: Controller, simulator: Simulator) -> None:
    simulator.add_account(ANA)
    person = Person(simulator)
    tokens = person.sign_in()
    with Program(simulator, tokens["access_token"]) as ana:
        start = ana.read("/profile")["historyId"]
        control("POST", "history/expire", account=ANA)
        assert ana.get("/history", startHistoryId=start).status_code == 404
        control("POST", "tokens/expire", account=ANA)
        assert ana.get("/profile").status_code == 401
    with Program(simulator, person.refresh(tokens["refresh_token"]).json()["access_token"]) as ana:
        assert ana.get("/profile").status_code == 200
        control("POST", "time", advance=3600)
        assert ana.get("/profile").status_code == 401
    control("POST", "grants/revoke", account=ANA)
    assert person.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_samples(control: Controller) -> None:
    assert len(control("POST", "samples")) == 3
    assert len(control("GET", f"messages?account={ANA}")) > 10


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "accounts", {"address": "nobody"}, 400),
        ("POST", "accounts", {"address": ANA, "provider": "yahoo"}, 400),
        ("POST", "accounts", {"adress": ANA}, 400),
        ("POST", "deliver", {"to": "nobody@example.com", "raw": ""}, 404),
        ("POST", "load", {"account": "nobody@example.com", "path": "/"}, 404),
        ("POST", "faults", {"status": 200}, 400),
        ("POST", "faults", {"answer": "xml"}, 400),
        ("POST", "time", {"advance": -1}, 400),
        ("PATCH", "limits/google", {"units": 1}, 400),
        ("PATCH", "limits/google", {"units_per_minute": -1}, 400),
        ("PATCH", "limits/yahoo", {"units": 1}, 404),
        ("GET", "messages?account=nobody@example.com", {}, 404),
        ("GET", "nothing", {}, 404),
    ],
)
def test_mistakes_are_answered_as_such(
    control: Controller, method: str, path: str, body: dict[str, object], status: int
) -> None:
    answer = control.raw(method, path, **body)

    assert answer.status_code == status
    assert answer.json()["error"]


def test_another_sites_page_cannot_post(simulator: Simulator) -> None:
    """A page may send text/plain anywhere without being asked; JSON only after asking, which fails."""
    answer = requests.post(
        f"{simulator.url}/_simulator/accounts", data='{"address": "x@y.example"}', timeout=10
    )

    assert answer.status_code == 415
    assert simulator.office.accounts() == []


def test_the_simulators_own_calls_are_neither_counted_nor_struck(control: Controller) -> None:
    control("POST", "faults", method="*", status=500, times=None)

    assert control("GET", "counters")["requests"] == 0
    assert control("GET", "accounts") == []
