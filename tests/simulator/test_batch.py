"""Batches as the protocol has them, beside what the official client does with them."""

import re

import pytest
import requests

from infra.simulator import Fault, Simulator
from tests.simulator.people import ANA, Program, mail


def batch(ana: Program, paths: list[str], **headers: str) -> requests.Response:
    parts = [
        f"--bb\r\nContent-Type: application/http\r\nContent-ID: <item-{number}>\r\n\r\n"
        f"GET /gmail/v1/users/me{path} HTTP/1.1\r\n\r\n\r\n"
        for number, path in enumerate(paths)
    ]
    kind = headers.pop("kind", 'multipart/mixed; boundary="bb"')
    return ana.session.post(
        ana.url.partition("/gmail")[0] + "/batch/gmail/v1",
        data="".join(parts) + "--bb--\r\n",
        headers={"Content-Type": kind} | headers,
        timeout=10,
    )


def statuses(answer: requests.Response) -> dict[str, int]:
    pattern = r"Content-ID: <response-(\S+)>\r\n\r\nHTTP/1\.1 (\d+) "
    return {name: int(status) for name, status in re.findall(pattern, answer.text)}


def test_items_are_answered_one_by_one_and_counted_one_by_one(
    ana: Program, simulator: Simulator
) -> None:
    key = simulator.deliver(mail(), to=ANA)
    simulator.meters.reset()

    answer = batch(ana, [f"/messages/{key}", "/messages/0123456789abcdef", "/nonsense", "/profile"])

    counts = simulator.meters.read()
    assert answer.headers["Content-Type"].startswith("multipart/mixed; boundary=batch_")
    assert statuses(answer) == {"item-0": 200, "item-1": 404, "item-2": 404, "item-3": 200}
    assert counts.calls == {"gmail.batch": 1, "gmail.messages.get": 2, "gmail.getProfile": 1}
    assert counts.requests == 1
    assert counts.units == {ANA: 41}


def test_faults_strike_single_items(ana: Program, simulator: Simulator) -> None:
    key = simulator.deliver(mail(), to=ANA)
    for status in (429, 500, 404):
        simulator.faults.add(Fault(method="gmail.messages.get", status=status, retry_after=3))

    answer = batch(ana, [f"/messages/{key}"] * 4)

    assert list(statuses(answer).values()) == [429, 500, 404, 200]
    assert answer.text.count("Retry-After: 3") == 3


def test_a_dropped_item_drops_the_batch(ana: Program, simulator: Simulator) -> None:
    simulator.faults.add(Fault(method="gmail.getProfile", skip=1, drop=True))

    with pytest.raises(requests.ConnectionError):
        batch(ana, ["/profile", "/profile"])


def test_latency_is_once_per_batch(ana: Program, simulator: Simulator) -> None:
    simulator.faults.latency_ms = 40

    assert batch(ana, ["/profile"] * 50).elapsed.total_seconds() < 1


def test_quota_refuses_the_items_beyond_it(ana: Program, simulator: Simulator) -> None:
    simulator.google.limits.units_per_minute = 3

    answer = batch(ana, ["/profile"] * 5)

    assert list(statuses(answer).values()) == [200, 200, 200, 403, 403]


@pytest.mark.parametrize(("items", "status"), [(100, 200), (101, 400)])
def test_a_batch_holds_a_hundred_calls(ana: Program, items: int, status: int) -> None:
    assert batch(ana, ["/profile"] * items).status_code == status


def test_an_items_own_authorization_counts(ana: Program) -> None:
    del ana.session.headers["Authorization"]

    assert statuses(batch(ana, ["/profile"])) == {"item-0": 401}


@pytest.mark.parametrize(
    "kind", ["application/json", "multipart/mixed", "multipart/mixed; boundary=zz"]
)
def test_what_is_no_batch_is_400(ana: Program, kind: str) -> None:
    assert batch(ana, ["/profile"], kind=kind).status_code == 400


def test_a_batch_inside_a_batch_is_not_served(ana: Program) -> None:
    body = "--bb\r\nContent-Type: application/http\r\n\r\nPOST /batch/gmail/v1 HTTP/1.1\r\n\r\n\r\n--bb--"
    answer = ana.session.post(
        ana.url.partition("/gmail")[0] + "/batch/gmail/v1",
        data=body,
        headers={"Content-Type": "multipart/mixed; boundary=bb"},
        timeout=10,
    )

    assert "HTTP/1.1 400 " in answer.text
