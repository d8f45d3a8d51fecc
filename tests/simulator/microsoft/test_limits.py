"""Throttling: so many requests in ten minutes and so many at once, per app and mailbox."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import requests

from infra.simulator import Fault, Simulator
from infra.simulator.http import Refused
from infra.simulator.meters import Meters
from infra.simulator.microsoft.limits import Limits, Throttle
from tests.simulator.microsoft.people import ANA, BEN, Program, program
from tests.world import FakeClock


def test_beyond_the_requests_of_ten_minutes_calls_are_429_until_the_time_named(
    ana: Program, simulator: Simulator
) -> None:
    simulator.microsoft.limits.requests_per_10_minutes = 2
    statuses = [ana.get("/me").status_code for _ in range(3)]
    refused = ana.get("/me")
    with program(simulator, BEN) as ben:
        assert ben.get("/me").status_code == 200
    simulator.clock.advance(int(refused.headers["Retry-After"]))

    assert statuses == [200, 200, 429]
    assert refused.json()["error"]["code"] == "TooManyRequests"
    assert ana.get("/me").status_code == 200


def test_the_real_limits_are_the_default() -> None:
    assert Limits().requests_per_10_minutes == 10_000
    assert Limits().concurrent_requests == 4


def test_a_fifth_request_at_once_is_refused(ana: Program, simulator: Simulator) -> None:
    def slow() -> int:
        with requests.Session() as session:
            session.headers.update(ana.session.headers)
            return session.get(ana.url + "/me", timeout=10).status_code

    simulator.faults.add(Fault(method="graph.me", times=None, delay_ms=1_000))
    with ThreadPoolExecutor(5) as pool:
        statuses = sorted(one.result() for one in [pool.submit(slow) for _ in range(5)])
    simulator.faults.clear()

    assert statuses == [200, 200, 200, 200, 429]
    assert ana.get("/me").status_code == 200


def throttle(**limits: int | None) -> Throttle:
    return Throttle(Limits(**limits), FakeClock(), Meters())  # type: ignore[arg-type]


def test_places_belong_to_an_app_and_a_mailbox_and_are_given_back() -> None:
    tested = throttle(concurrent_requests=1)
    with tested.place(ANA, "app"):
        with pytest.raises(Refused) as refused, tested.place(ANA, "app"):
            pass
        with tested.place(BEN, "app"), tested.place(ANA, "other"):
            pass

    assert refused.value.response.headers["Retry-After"] == "1"
    with tested.place(ANA, "app"):
        pass


def test_a_batch_fills_a_mailbox_alone() -> None:
    tested = throttle()
    with ExitStack() as stack:
        stack.enter_context(tested.neighbours(ANA, "app", 3))
        with tested.place(ANA, "app"):
            pass
        stack.enter_context(tested.place(ANA, "app"))
        with pytest.raises(Refused), tested.place(ANA, "app"):
            pass


def test_a_limit_can_be_switched_off() -> None:
    tested = throttle(concurrent_requests=None, requests_per_10_minutes=None)
    with ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(tested.place(ANA, "app"))
            tested.charge(ANA, "app")
