"""Quota units: counted by Google's table, refused beyond the limit, free again with time."""

import pytest

from infra.simulator import Simulator
from infra.simulator.quota import Window
from tests.simulator.people import ANA, BEN, Person, Program, mail, program
from tests.world import FakeClock


def test_calls_cost_what_googles_table_says(ana: Program, simulator: Simulator) -> None:
    simulator.add_account(BEN)
    key = simulator.deliver(mail(), to=ANA)
    costs = {}

    def cost(name: str, path: str, **params: object) -> None:
        simulator.meters.reset()
        assert ana.get(path, **params).status_code == 200
        costs[name] = simulator.meters.read().units[ANA]

    cost("getProfile", "/profile")
    cost("messages.list", "/messages")
    cost("messages.get", f"/messages/{key}", format="minimal")
    cost("history.list", "/history", startHistoryId=ana.read("/profile")["historyId"])
    cost("threads.get", f"/threads/{key}")
    cost("labels.list", "/labels")
    simulator.meters.reset()
    draft = ana.draft(mail(sender=ANA, to=BEN))
    ana.post("/drafts/send", id=draft["id"])
    ana.send(mail(sender=ANA, to=BEN))

    assert simulator.meters.read().units == {ANA: 10 + 100 + 100}
    assert costs == {
        "getProfile": 1,
        "messages.list": 5,
        "messages.get": 20,
        "history.list": 2,
        "threads.get": 40,
        "labels.list": 1,
    }


def test_older_projects_read_for_less(ana: Program, simulator: Simulator) -> None:
    simulator.google.limits.units_per_get = 5
    key = simulator.deliver(mail(), to=ANA)
    ana.get(f"/messages/{key}")

    assert simulator.meters.read().units == {ANA: 5}


def test_beyond_the_units_of_a_minute_calls_are_403_until_the_time_named(
    ana: Program, simulator: Simulator
) -> None:
    simulator.google.limits.units_per_minute = 10
    statuses = [ana.get("/messages").status_code for _ in range(3)]
    refused = ana.get("/messages")

    with program(simulator, BEN) as ben:
        assert ben.get("/messages").status_code == 200
    simulator.clock.advance(int(refused.headers["Retry-After"]))

    error = refused.json()["error"]
    assert statuses == [200, 200, 403]
    assert error["errors"][0] | {"message": ""} == {
        "domain": "usageLimits",
        "reason": "rateLimitExceeded",
        "message": "",
    }
    assert ana.get("/messages").status_code == 200


def test_what_was_refused_costs_nothing(ana: Program, simulator: Simulator) -> None:
    simulator.google.limits.units_per_minute = 10
    for _ in range(5):
        ana.get("/messages")

    assert simulator.meters.read().units == {ANA: 10}


def test_the_lifetime_of_access_tokens_can_be_set(simulator: Simulator) -> None:
    simulator.google.limits.access_token_seconds = 5
    simulator.add_account(ANA)
    answer = Person(simulator).sign_in()
    simulator.clock.advance(5)

    with Program(simulator, answer["access_token"]) as late:
        assert late.get("/profile").status_code == 401
    assert answer["expires_in"] == 5


@pytest.mark.parametrize(("after", "wait"), [(0, 60.0), (30, 30.0), (59, 1.0), (60, 0.0)])
def test_a_window_slides(after: float, wait: float) -> None:
    clock = FakeClock()
    window = Window(60)
    assert window.take("ana", 8, 10, clock.now()) == 0
    clock.sleep(after)

    assert window.take("ana", 3, 10, clock.now()) == pytest.approx(wait, abs=1e-3)
    assert window.take("ben", 3, 10, clock.now()) == 0
