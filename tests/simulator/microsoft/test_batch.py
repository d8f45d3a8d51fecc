"""$batch: every item on its own."""

from typing import Any

import pytest

from infra.simulator import Fault, Simulator
from tests.simulator.microsoft.people import ANA, BEN, Program, outgoing
from tests.simulator.people import mail


def get(id_: str, url: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "method": "GET", "url": url} | more


def test_items_succeed_and_fail_one_by_one(ana: Program, simulator: Simulator) -> None:
    key = simulator.deliver(mail(to=ANA), to=ANA)
    prefer = {"Prefer": 'IdType="ImmutableId"'}
    answers = ana.batched(
        get("a", f"/me/messages/{key}?$select=subject", headers=prefer),
        get("b", "/me/messages/nonsense"),
        get("c", "me/nowhere"),
        get("d", f"/me/messages/{key}/$value"),
    )

    assert {name: answer["status"] for name, answer in answers.items()} == {
        "a": 200,
        "b": 404,
        "c": 404,
        "d": 200,
    }
    assert answers["a"]["body"]["id"] == key
    assert answers["b"]["body"]["error"]["code"] == "ErrorItemNotFound"
    assert isinstance(answers["d"]["body"], str)


def test_answers_come_in_no_promised_order(ana: Program) -> None:
    answer = ana.batch(get("1", "/me"), get("2", "/me"), get("3", "/me")).json()

    assert [one["id"] for one in answer["responses"]] == ["3", "2", "1"]


def test_preferences_of_the_batch_are_not_those_of_its_items(
    ana: Program, simulator: Simulator
) -> None:
    key = simulator.deliver(mail(), to=ANA)
    ana.session.headers["Prefer"] = 'IdType="ImmutableId"'
    answers = ana.batched(get("1", "/me/messages?$select=id"))

    assert answers["1"]["body"]["value"][0]["id"] != key


def test_a_failed_dependency_is_424(ana: Program) -> None:
    answers = ana.batched(
        get("1", "/me"),
        get("2", "/me/messages/nonsense", dependsOn=["1"]),
        get("3", "/me", dependsOn=["2"]),
    )

    assert [answers[name]["status"] for name in "123"] == [200, 404, 424]


def test_a_mail_can_be_sent_in_a_batch(ana: Program, simulator: Simulator) -> None:
    simulator.add_account(BEN, provider="microsoft")
    headers = {"Content-Type": "application/json"}
    send = {"id": "1", "method": "POST", "url": "/me/sendMail", "headers": headers}
    answers = ana.batched(send | {"body": {"message": outgoing(BEN)}})

    assert answers["1"]["status"] == 202
    assert "body" not in answers["1"]
    assert len(simulator.messages(BEN)) == 1


@pytest.mark.parametrize(
    "items",
    [
        [get(str(number), "/me") for number in range(21)],
        [get("1", "/me"), get("1", "/me")],
        [get("1", "/me", dependsOn=["2"]), get("2", "/me")],
        [get("1", "/me", body={"a": 1})],
        [{"id": "1"}],
    ],
)
def test_what_is_no_batch_is_refused_as_a_whole(ana: Program, items: list[dict[str, Any]]) -> None:
    assert ana.batch(*items).status_code == 400


def test_twenty_are_a_batch(ana: Program) -> None:
    answers = ana.batched(*(get(str(number), "/me") for number in range(20)))

    assert {answer["status"] for answer in answers.values()} == {200}


def test_one_item_may_be_throttled_alone(ana: Program, simulator: Simulator) -> None:
    simulator.faults.add(Fault(method="graph.me", skip=1, status=429, retry_after=3))
    answers = ana.batched(*(get(name, "/me") for name in "123"))

    assert [answers[name]["status"] for name in "123"] == [200, 429, 200]
    assert answers["2"]["headers"]["Retry-After"] == "3"


def test_a_batch_is_one_request_and_its_items_are_counted(
    ana: Program, simulator: Simulator
) -> None:
    simulator.meters.reset()
    ana.batch(get("1", "/me"), get("2", "/me"))
    counts = simulator.meters.read()

    assert counts.requests == 1
    assert counts.calls == {"graph.batch": 1, "graph.me": 2}
    assert counts.units == {ANA: 2}


def test_without_a_token_there_is_no_batch(simulator: Simulator) -> None:
    with Program(simulator, "nonsense") as stranger:
        assert stranger.batch(get("1", "/me")).status_code == 401
