"""The switchboard: what is armed happens, as often as it is told to, and nothing else does."""

import time
from collections.abc import Iterator

import pytest
import requests

from infra.simulator import Fault, Simulator
from tests.simulator.people import ANA, BEN, Person, Program, mail, program


@pytest.fixture
def once(ana: Program) -> Iterator[requests.Session]:
    """A session whose next connection is new, so that nothing repairs a dropped one."""
    with requests.Session() as session:
        session.headers.update(ana.session.headers)
        yield session


def test_a_fault_strikes_its_method_for_its_account_as_often_as_told(
    ana: Program, simulator: Simulator
) -> None:
    simulator.faults.add(
        Fault(method="gmail.messages.*", account=ANA, skip=1, times=2, status=429, retry_after=7)
    )

    with program(simulator, BEN) as ben:
        assert ben.get("/messages").status_code == 200
    statuses = [ana.get("/messages").status_code for _ in range(4)]

    assert statuses == [200, 429, 429, 200]
    assert ana.get("/profile").status_code == 200
    assert simulator.faults.rules() == []


def test_an_armed_status_speaks_googles_json(ana: Program, simulator: Simulator) -> None:
    simulator.faults.add(
        Fault(method="gmail.getProfile", status=403, reason="userRateLimitExceeded", retry_after=7),
        Fault(method="gmail.getProfile", status=403, reason="domainPolicy"),
        Fault(method="gmail.getProfile", status=400, reason="failedPrecondition"),
        Fault(method="gmail.getProfile", status=500),
    )

    answers = [ana.get("/profile") for _ in range(4)]
    errors = [answer.json()["error"] for answer in answers]

    assert [error["code"] for error in errors] == [403, 403, 400, 500]
    assert [error["errors"][0]["domain"] for error in errors] == ["usageLimits"] + ["global"] * 3
    assert errors[2]["status"] == "FAILED_PRECONDITION"
    assert answers[0].headers["Retry-After"] == "7"
    assert "Retry-After" not in answers[1].headers


@pytest.mark.parametrize(
    ("answer", "kind", "body"),
    [("html", "text/html", b"<!DOCTYPE"), ("empty", "text/html", b"")],
)
def test_a_503_without_json(
    ana: Program, simulator: Simulator, answer: str, kind: str, body: bytes
) -> None:
    simulator.faults.add(Fault(method="gmail.getProfile", status=503, answer=answer))  # type: ignore[arg-type]

    got = ana.get("/profile")

    assert got.status_code == 503
    assert got.headers["Content-Type"].startswith(kind)
    assert got.content.startswith(body)
    assert bool(got.content) is bool(body)


def test_json_cut_short_after_a_call_that_went_well(ana: Program, simulator: Simulator) -> None:
    simulator.add_account(BEN)
    simulator.faults.add(Fault(method="gmail.messages.send", answer="malformed"))

    got = ana.send(mail(sender=ANA, to=BEN))

    assert got.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        got.json()
    assert len(simulator.messages(BEN)) == 1


@pytest.mark.parametrize("effect", [False, True])
def test_a_connection_dropped_before_or_after_the_effect(
    ana: Program, once: requests.Session, simulator: Simulator, effect: bool
) -> None:
    simulator.add_account(BEN)
    draft = ana.draft(mail(sender=ANA, to=BEN))
    simulator.faults.add(Fault(method="gmail.drafts.send", drop=True, effect=effect))

    with pytest.raises(requests.ConnectionError):
        once.post(ana.url + "/drafts/send", json={"id": draft["id"]}, timeout=10)

    assert len(simulator.messages(BEN)) == int(effect)
    assert simulator.meters.read().calls["gmail.drafts.send"] == 1
    assert simulator.meters.read().failures == {"gmail.drafts.send dropped": 1}


def test_an_error_may_hide_an_effect(ana: Program, simulator: Simulator) -> None:
    simulator.add_account(BEN)
    simulator.faults.add(Fault(method="gmail.messages.send", status=500, effect=True))

    assert ana.send(mail(sender=ANA, to=BEN)).status_code == 500
    assert len(simulator.messages(BEN)) == 1


def test_the_token_endpoint_fails_like_an_oauth_endpoint(simulator: Simulator) -> None:
    simulator.add_account(ANA)
    person = Person(simulator)
    refresh = person.sign_in()["refresh_token"]
    simulator.faults.add(
        Fault(method="oauth.token", account=ANA, status=400, reason="invalid_grant"),
        Fault(method="oauth.token", account=ANA, status=503, answer="html"),
    )

    assert person.refresh(refresh).json() == {"error": "invalid_grant"}
    assert person.refresh(refresh).status_code == 503
    assert person.refresh(refresh).status_code == 200


def test_slow_answers(ana: Program, simulator: Simulator) -> None:
    def seconds() -> float:
        start = time.perf_counter()
        assert ana.get("/profile").status_code == 200
        return time.perf_counter() - start

    simulator.faults.latency_ms = 60
    assert seconds() >= 0.06
    simulator.faults.add(Fault(method="gmail.getProfile", delay_ms=60))
    assert seconds() >= 0.12
    simulator.faults.clear()
    assert simulator.faults.latency_ms == 0


def test_clearing_disarms_everything(ana: Program, simulator: Simulator) -> None:
    simulator.faults.add(Fault(status=500, times=None))
    assert [ana.get("/profile").status_code for _ in range(3)] == [500] * 3

    simulator.faults.clear()

    assert ana.get("/profile").status_code == 200


def test_stopping_does_not_wait_for_slow_answers() -> None:
    with Simulator.start() as slow:
        slow.faults.latency_ms = 60_000
        slow.add_account(ANA)
        with pytest.raises(requests.Timeout):
            requests.get(slow.url + "/o/oauth2/v2/auth", timeout=0.2)
        start = time.perf_counter()

    assert time.perf_counter() - start < 5
