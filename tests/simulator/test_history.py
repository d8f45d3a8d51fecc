"""history.list: following a mailbox by its history id misses nothing and repeats nothing."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.simulator import Simulator
from tests.simulator.people import ANA, BEN, MAIL, Program, mail, program


def changes(ana: Program, start: str, **params: object) -> tuple[list[dict[str, Any]], str]:
    """Of every page: the records and where to go on."""
    records: list[dict[str, Any]] = []
    while True:
        page = ana.read("/history", startHistoryId=start, **params)
        records += page.get("history", [])
        if "nextPageToken" not in page:
            return records, page["historyId"]
        params["pageToken"] = page["nextPageToken"]


def position(ana: Program) -> str:
    answer: str = ana.read("/profile")["historyId"]
    return answer


def test_every_kind_of_change_has_its_array(ana: Program, simulator: Simulator) -> None:
    start = position(ana)
    key = simulator.deliver(mail(), to=ANA)
    simulator.relabel(ANA, key, add=["STARRED"], remove=["UNREAD"])
    simulator.delete(ANA, key)

    records, _ = changes(ana, start)

    message = {"id": key, "threadId": key}
    assert [record["messages"] for record in records] == [[message]] * 4
    assert records[0]["messagesAdded"] == [{"message": message | {"labelIds": ["INBOX", "UNREAD"]}}]
    assert records[1]["labelsRemoved"][0]["labelIds"] == ["UNREAD"]
    assert records[2]["labelsAdded"][0]["labelIds"] == ["STARRED"]
    assert records[3]["messagesDeleted"][0]["message"]["id"] == key


def test_trashing_is_a_label_and_no_deletion(ana: Program, simulator: Simulator) -> None:
    key = simulator.deliver(mail(), to=ANA)
    start = position(ana)

    simulator.relabel(ANA, key, add=["TRASH"], remove=["INBOX"])

    records, _ = changes(ana, start)
    assert [sorted(set(record) - {"id", "messages"}) for record in records] == [
        ["labelsRemoved"],
        ["labelsAdded"],
    ]


def test_a_draft_and_its_sending_appear(ana: Program, simulator: Simulator) -> None:
    simulator.add_account(BEN)
    start = position(ana)
    draft = ana.draft(mail(sender=ANA, to=BEN))
    sent = ana.post("/drafts/send", id=draft["id"]).json()

    records, _ = changes(ana, start)

    assert records[0]["messagesAdded"][0]["message"]["labelIds"] == ["DRAFT"]
    assert records[1]["messagesAdded"][0]["message"]["id"] == sent["id"]
    assert records[2]["messagesDeleted"][0]["message"]["id"] == draft["message"]["id"]


def test_types_and_labels_filter(ana: Program, simulator: Simulator) -> None:
    start = position(ana)
    inbox = simulator.deliver(mail(), to=ANA)
    simulator.deliver(mail(), to=ANA, labels=["SPAM"])
    simulator.relabel(ANA, inbox, add=["STARRED"])

    added, _ = changes(ana, start, historyTypes="messageAdded")
    either, _ = changes(ana, start, historyTypes=["messageAdded", "labelAdded"], labelId="INBOX")

    assert len(added) == 2
    assert [record["messages"][0]["id"] for record in either] == [inbox, inbox]
    assert ana.get("/history", startHistoryId=start, historyTypes="other").status_code == 400


def test_ids_are_decimal_text_beyond_floating_point_and_grow_with_gaps(
    ana: Program, simulator: Simulator
) -> None:
    start = position(ana)
    for _ in range(30):
        simulator.deliver(mail(), to=ANA)

    records, last = changes(ana, start)
    ids = [int(record["id"]) for record in records]

    assert ids == sorted(set(ids))
    assert ids[-1] == int(last)
    assert ids[-1] - int(start) > 30
    assert ids[0] > 2**53


def test_from_the_newest_id_there_is_nothing(ana: Program, simulator: Simulator) -> None:
    simulator.deliver(mail(), to=ANA)

    last = position(ana)

    assert ana.read("/history", startHistoryId=last) == {"historyId": last}


@pytest.mark.parametrize("start", ["", "x", "-1", "1.5", "9" * 30])
def test_what_is_no_history_id_is_400(ana: Program, start: str) -> None:
    assert ana.get("/history", startHistoryId=start).status_code == 400


@pytest.mark.parametrize("start", ["1", str(2**64 - 1)])
def test_an_id_that_was_never_this_mailboxs_is_404(ana: Program, start: str) -> None:
    assert ana.get("/history", startHistoryId=start).status_code == 404


def test_expired_history_is_404_and_the_profiles_new_id_works(
    ana: Program, simulator: Simulator
) -> None:
    simulator.deliver(mail(), to=ANA)
    old = position(ana)

    simulator.expire_history(ANA)

    assert ana.get("/history", startHistoryId=old).status_code == 404
    assert ana.get("/history", startHistoryId=position(ana)).status_code == 200


def test_history_is_forgotten_after_a_week(ana: Program, simulator: Simulator) -> None:
    start = position(ana)
    simulator.deliver(mail(), to=ANA)
    middle = position(ana)
    simulator.clock.advance(8 * 86_400)
    simulator.deliver(mail(), to=ANA)

    with program(simulator) as later:
        assert later.get("/history", startHistoryId=start).status_code == 404
        assert len(changes(later, middle)[0]) == 1


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(st.sampled_from(["deliver", "label", "delete", "sync"]), max_size=30),
    page=st.integers(1, 4),
)
def test_a_follower_ends_with_exactly_the_mailbox(steps: list[str], page: int) -> None:
    """Whatever happens, and wherever it syncs in between."""
    with Simulator.start() as simulator:
        simulator.google.limits.units_per_minute = None
        with program(simulator, scopes=[MAIL + "readonly"]) as ana:
            known: dict[str, list[str]] = {}
            cursor = position(ana)
            for step in [*steps, "sync"]:
                if step == "sync":
                    cursor = _follow(ana, known, cursor, page)
                else:
                    _act(simulator, step)
        assert known == {m.id: sorted(m.labels) for m in simulator.messages(ANA)}


def _act(simulator: Simulator, step: str) -> None:
    messages = simulator.messages(ANA)
    if step == "deliver" or not messages:
        simulator.deliver(mail(), to=ANA)
    elif step == "label":
        add, remove = ("READ", "UNREAD") if "UNREAD" in messages[0].labels else ("UNREAD", "READ")
        simulator.relabel(ANA, messages[0].id, add=[add], remove=[remove])
    else:
        simulator.delete(ANA, messages[-1].id)


def _follow(ana: Program, known: dict[str, list[str]], cursor: str, page: int) -> str:
    records, cursor = changes(ana, cursor, maxResults=page)
    for record in records:
        for entry in record.get("messagesAdded", []):
            known[entry["message"]["id"]] = sorted(entry["message"]["labelIds"])
        for entry in record.get("labelsAdded", []):
            known[entry["message"]["id"]] = sorted(
                [*known[entry["message"]["id"]], *entry["labelIds"]]
            )
        for entry in record.get("labelsRemoved", []):
            kept = set(known[entry["message"]["id"]]) - set(entry["labelIds"])
            known[entry["message"]["id"]] = sorted(kept)
        for entry in record.get("messagesDeleted", []):
            del known[entry["message"]["id"]]
    return cursor
