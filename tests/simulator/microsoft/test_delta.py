"""Delta: rounds of a folder, from nothing to everything and on to what changed."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from infra.simulator import Simulator
from tests.simulator.microsoft.people import ANA, BEN, IMMUTABLE, Program, program
from tests.simulator.people import mail

INBOX = "/me/mailFolders/inbox/messages/delta"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def pages(size: int, **more: str) -> dict[str, str]:
    return {"Prefer": f'IdType="ImmutableId", odata.maxpagesize={size}'} | more


def arrive(simulator: Simulator, number: int) -> list[str]:
    """One mail a minute; newest last."""
    at = [NOON + timedelta(minutes=minute) for minute in range(number)]
    return [simulator.deliver(mail(Subject=f"{time}"), to=ANA, at=time) for time in at]


def test_the_first_round_tells_everything_and_later_ones_what_came(
    ana: Program, simulator: Simulator
) -> None:
    keys = arrive(simulator, 25)
    first, link = ana.round(INBOX, select="subject")
    nothing, link = ana.round(link)
    (key,) = arrive(simulator, 1)
    later, _ = ana.round(link)

    assert [entry["id"] for entry in first] == keys[::-1]
    assert first[0].keys() == {"@odata.etag", "id", "subject"}
    assert nothing == []
    assert [(entry["id"], entry.keys()) for entry in later] == [(key, first[0].keys())]


def test_pages_are_of_ten_unless_another_size_is_preferred(
    ana: Program, simulator: Simulator
) -> None:
    arrive(simulator, 12)

    assert len(ana.read(INBOX)["value"]) == 10
    assert len(ana.read(INBOX, headers=pages(7))["value"]) == 7
    assert len(ana.read(INBOX, headers=pages(12))["value"]) == 12
    assert "@odata.deltaLink" in ana.read(INBOX, headers=pages(12))


def test_links_lead_back_to_the_simulator_and_keep_what_was_asked(
    ana: Program, simulator: Simulator
) -> None:
    arrive(simulator, 3)
    page = ana.read(INBOX, headers=pages(2), select="subject")
    link = page["@odata.nextLink"]
    again = [ana.read(link, headers=pages(2)) for _ in range(2)]

    assert link.startswith(f"{simulator.url}/v1.0{INBOX}?")
    assert again[0]["value"] == again[1]["value"] != page["value"]
    assert again[0]["value"][0].keys() == {"@odata.etag", "id", "subject"}


def test_what_arrives_while_a_round_is_told_belongs_to_the_next(
    ana: Program, simulator: Simulator
) -> None:
    keys = arrive(simulator, 4)
    page = ana.read(INBOX, headers=pages(2))
    newest = simulator.deliver(mail(), to=ANA)
    simulator.delete(ANA, keys[3])
    rest, link = ana.round(page["@odata.nextLink"], headers=pages(2))
    later, _ = ana.round(link)

    assert [entry["id"] for entry in page["value"] + rest] == keys[::-1]
    assert {entry["id"]: "@removed" in entry for entry in later} == {newest: False, keys[3]: True}


def test_a_message_that_went_elsewhere_is_removed_here_and_new_there(
    ana: Program, simulator: Simulator
) -> None:
    simulator.microsoft.limits.removed_reason = "changed"
    customers = f"/me/mailFolders/{simulator.microsoft.add_folder(ANA, 'Customers')}/messages/delta"
    moved, deleted, _kept = arrive(simulator, 3)
    _, inbox = ana.round(INBOX)
    _, other = ana.round(customers)
    simulator.move(ANA, moved, "Customers")
    simulator.delete(ANA, deleted)
    here, inbox = ana.round(inbox)
    there, _ = ana.round(other)
    simulator.move(ANA, moved, "INBOX")
    back, _ = ana.round(inbox)

    assert {entry["id"]: entry.get("@removed") for entry in here} == {
        moved: {"reason": "changed"},
        deleted: {"reason": "deleted"},
    }
    assert [(entry["id"], "@removed" in entry) for entry in there] == [(moved, False)]
    assert [(entry["id"], "@removed" in entry) for entry in back] == [(moved, False)]


def test_a_move_may_call_itself_a_deletion(ana: Program, simulator: Simulator) -> None:
    (key,) = arrive(simulator, 1)
    _, link = ana.round(INBOX)
    simulator.move(ANA, key, "ARCHIVE")

    assert ana.round(link)[0] == [{"id": key, "@removed": {"reason": "deleted"}}]


def test_what_came_and_went_between_two_rounds_is_not_told(
    ana: Program, simulator: Simulator
) -> None:
    _, link = ana.round(INBOX)
    gone, moved = arrive(simulator, 2)
    simulator.delete(ANA, gone)
    simulator.move(ANA, moved, "TRASH")

    assert ana.round(link)[0] == []


def test_reading_a_message_tells_it_again(ana: Program, simulator: Simulator) -> None:
    (key,) = arrive(simulator, 1)
    _, link = ana.round(INBOX)
    simulator.relabel(ANA, key, remove=["UNREAD"])
    entries, _ = ana.round(link)

    assert [(entry["id"], entry["isRead"]) for entry in entries] == [(key, True)]


def test_the_removed_of_changing_ids_is_the_id_it_had_in_the_folder(
    ana: Program, simulator: Simulator
) -> None:
    (key,) = arrive(simulator, 1)
    first, link = ana.round(INBOX, headers={})
    simulator.move(ANA, key, "TRASH")
    removed, _ = ana.round(link, headers={})

    assert removed[0]["id"] == first[0]["id"] != key


def test_later_rounds_come_in_pages_too(ana: Program, simulator: Simulator) -> None:
    _, link = ana.round(INBOX)
    keys = arrive(simulator, 5)
    simulator.move(ANA, keys[1], "TRASH")
    entries, _ = ana.round(link, headers=pages(2))

    assert sorted(entry["id"] for entry in entries) == sorted({*keys} - {keys[1]})


# -- Filters --------------------------------------------------------------------------------------


def test_a_filter_by_date_holds_in_every_round(ana: Program, simulator: Simulator) -> None:
    keys = arrive(simulator, 4)
    since = "2026-03-01T12:02:00Z"
    first, link = ana.round(INBOX, filter=f"receivedDateTime ge {since}")
    for key in keys:
        simulator.relabel(ANA, key, remove=["UNREAD"])
    later, _ = ana.round(link)

    assert [entry["id"] for entry in first] == keys[:1:-1]
    assert {entry["id"] for entry in later} == set(keys[2:])


def test_a_filtered_first_round_ends_at_its_limit_whatever_lies_beyond(
    ana: Program, simulator: Simulator
) -> None:
    simulator.microsoft.limits.filtered_delta_messages = 5
    keys = arrive(simulator, 8)
    since = "receivedDateTime ge 2026-01-01T00:00:00Z"
    filtered, link = ana.round(INBOX, headers=pages(2), filter=since)
    everything, _ = ana.round(INBOX, headers=pages(2))

    assert [entry["id"] for entry in filtered] == keys[:2:-1]
    assert len(everything) == 8
    assert ana.round(link)[0] == []


@pytest.mark.parametrize(
    "params",
    [
        {"filter": "isRead eq true"},
        {"filter": "receivedDateTime le 2026-01-01T00:00:00Z"},
        {"search": '"from:a@b.example"'},
        {"expand": "attachments"},
        {"select": "threadId"},
        {"skiptoken": "nonsense"},
        {"deltatoken": "bm9uc2Vuc2U="},
    ],
)
def test_what_delta_cannot_do_is_refused(ana: Program, params: dict[str, Any]) -> None:
    assert ana.get(INBOX, **params).status_code == 400


def test_a_link_of_one_folder_does_not_open_another(ana: Program) -> None:
    _, link = ana.round(INBOX)

    assert ana.get(link.replace("/inbox/", "/drafts/")).status_code == 400
    assert ana.get("/me/mailFolders/nowhere/messages/delta").status_code == 404


# -- Trouble --------------------------------------------------------------------------------------


@pytest.mark.parametrize("first_round", [True, False])
def test_a_forgotten_position_is_gone_and_says_where_to_begin(
    ana: Program, simulator: Simulator, first_round: bool
) -> None:
    keys = arrive(simulator, 3)
    if first_round:
        link = ana.read(INBOX, headers=pages(2), select="subject")["@odata.nextLink"]
    else:
        _, link = ana.round(INBOX, select="subject")
    simulator.expire_history(ANA)
    gone = ana.get(link)
    fresh, after = ana.round(gone.headers["Location"])

    assert (gone.status_code, gone.json()["error"]["code"]) == (410, "SyncStateNotFound")
    assert [entry["id"] for entry in fresh] == keys[::-1]
    assert fresh[0].keys() == {"@odata.etag", "id", "subject"}
    assert ana.round(after)[0] == []


def test_positions_are_forgotten_after_a_week(ana: Program, simulator: Simulator) -> None:
    _, link = ana.round(INBOX)
    arrive(simulator, 1)
    simulator.clock.advance(7 * 86_400 + 1)
    with program(simulator) as later:
        assert later.get(link).status_code == 410


def test_empty_pages_are_not_the_end(ana: Program, simulator: Simulator) -> None:
    keys = arrive(simulator, 2)
    simulator.microsoft.limits.delta_empty_pages = 2
    page = ana.read(INBOX)
    first, link = ana.round(INBOX)
    nothing, _ = ana.round(link)

    assert page["value"] == []
    assert "@odata.nextLink" in page
    assert [entry["id"] for entry in first] == keys[::-1]
    assert nothing == []


def test_rounds_may_repeat_what_nobody_touched(ana: Program, simulator: Simulator) -> None:
    keys = arrive(simulator, 3)
    simulator.microsoft.limits.delta_replays = 2
    first, link = ana.round(INBOX)
    replayed, _ = ana.round(link)

    assert [entry["id"] for entry in first] == keys[::-1] + keys[:0:-1]
    assert [entry["id"] for entry in replayed] == keys[:0:-1]


def test_a_removed_folder_is_404_and_its_mail_goes_to_the_trash(
    ana: Program, simulator: Simulator
) -> None:
    folder = simulator.microsoft.add_folder(ANA, "Customers/Harbor")
    key = simulator.deliver(mail(), to=ANA, labels=["Customers/Harbor"])
    _, link = ana.round(f"/me/mailFolders/{folder}/messages/delta")
    simulator.microsoft.remove_folder(ANA, "Customers")

    assert ana.get(link).status_code == 404
    trash = ana.all("/me/mailFolders/deleteditems/messages", select="id")
    assert [message["id"] for message in trash] == [key]
    with pytest.raises(KeyError):
        simulator.microsoft.remove_folder(ANA, "Customers")


def test_nobodys_link_opens_somebody_elses_mailbox(ana: Program, simulator: Simulator) -> None:
    arrive(simulator, 1)
    folder = ana.read("/me/mailFolders/inbox")["id"]
    _, link = ana.round(f"/me/mailFolders/{folder}/messages/delta")
    with program(simulator, BEN) as ben:
        assert ben.get(link).status_code == 404


def test_ids_in_a_round_follow_the_preference_of_each_request(
    ana: Program, simulator: Simulator
) -> None:
    (key,) = arrive(simulator, 1)
    _, link = ana.round(INBOX)
    simulator.relabel(ANA, key, remove=["UNREAD"])
    with_, without = (ana.round(link, headers=h)[0][0]["id"] for h in (IMMUTABLE, {}))

    assert with_ == key != without
    assert "$deltatoken" in parse_qs(urlsplit(link).query)
