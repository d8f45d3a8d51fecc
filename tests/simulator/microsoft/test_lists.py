"""Lists of messages: pages, filters, orders and searches."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.simulator import Simulator
from infra.simulator.http import Refused
from infra.simulator.microsoft import kql, odata
from infra.simulator.microsoft.shape import selected
from tests.simulator.microsoft.people import ANA, Program
from tests.simulator.people import mail

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MARK = "String {11111111-2222-3333-4444-555555555555} Name Mark"


@pytest.fixture
def subjects(ana: Program, simulator: Simulator) -> list[str]:
    """Five mails, a day after the other; what `found` answers is made of their subjects."""
    letters = [
        mail(Subject="one", sender="Eva <eva@client.example>", to=ANA, Cc="zoe@client.example"),
        mail(Subject="two", sender="carl@client.example", to=f"eva@client.example, {ANA}"),
        mail(Subject="three blind mice", sender="eva@client.example.org", Message_ID="<3@x.y>"),
        mail("Machines and mice", Subject="four", sender=ANA, to="eva@client.example"),
        mail(Subject="five", sender="zoe@client.example", to=ANA, Bcc="eva@client.example"),
    ]
    labels = [["INBOX", "UNREAD"], ["INBOX"], ["TRASH"], ["SENT"], ["DRAFT"]]
    for day, (letter, where) in enumerate(zip(letters, labels, strict=True)):
        simulator.deliver(letter, to=ANA, labels=where, at=START + timedelta(days=day))
    return [message["subject"] for message in ana.all("/me/messages", select="subject")]


def found(ana: Program, **params: Any) -> set[str]:
    """The first words of the subjects."""
    messages = ana.all("/me/messages", select="subject", **params)
    return {message["subject"].split()[0] for message in messages}


def test_everything_is_listed_newest_first_wherever_it_lies(
    ana: Program, subjects: list[str]
) -> None:
    assert subjects == ["five", "four", "three blind mice", "two", "one"]
    inbox = ana.all("/me/mailFolders/inbox/messages", select="subject")
    assert [message["subject"] for message in inbox] == ["two", "one"]


def test_pages_are_of_ten_and_up_to_a_thousand(ana: Program, simulator: Simulator) -> None:
    for _ in range(12):
        simulator.deliver(mail(), to=ANA)
    page = ana.read("/me/messages", select="id", count="true")

    assert len(page["value"]) == 10
    assert page["@odata.count"] == 12
    assert page["@odata.nextLink"].startswith(f"{simulator.url}/v1.0/me/messages?")
    assert len({message["id"] for message in ana.all("/me/messages", top=5)}) == 12
    assert "@odata.nextLink" not in ana.read("/me/messages", top=12)
    for wrong in (0, 1001, "ten"):
        assert ana.get("/me/messages", top=wrong).status_code == 400


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("receivedDateTime ge 2026-03-03T12:00:00Z", {"three", "four", "five"}),
        ("receivedDateTime gt 2026-03-03T14:00:00+02:00", {"four", "five"}),
        ("receivedDateTime lt 2026-03-02", {"one"}),
        ("from/emailAddress/address eq 'EVA@client.example'", {"one"}),
        ("startswith(from/emailAddress/address, 'eva@')", {"one", "three"}),
        ("internetMessageId eq '<3@x.y>'", {"three"}),
        ("isDraft eq true", {"five"}),
        ("isRead eq false and isDraft eq false", {"one"}),
        ("not isDraft eq true and (subject eq 'one' or subject eq 'five')", {"one"}),
        ("contains(subject,'blind')", {"three"}),
        ("subject eq 'it''s'", set()),
        ("hasAttachments eq false and sentDateTime ge 2026-03-04T00:00:00Z", {"four", "five"}),
    ],
)
@pytest.mark.usefixtures("subjects")
def test_filters(ana: Program, text: str, expected: set[str]) -> None:
    assert found(ana, filter=text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "toRecipients/any(r: r/emailAddress/address eq 'a@b.example')",
        "from/emailAddress/address = 'a'",
        "subject eq one",
        "subject eq 'one",
        "(subject eq 'one'",
        "subject eq 'one')",
        "subject",
        "and",
        "receivedDateTime ge 2026-03-01T00:00:00 00:00",
        "singleValueExtendedProperties/Any(ep: ep/value eq 'x')",
        "(" * 60 + "isRead eq true" + ")" * 60,
        "not " * 60 + "isRead eq true",
    ],
)
def test_a_filter_graph_would_not_know_is_refused(ana: Program, text: str) -> None:
    answer = ana.get("/me/messages", filter=text)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "ErrorInvalidUrlQueryFilter"


def test_a_sent_mail_is_found_by_a_property_of_our_own(ana: Program) -> None:
    for value in ("a", "it's"):
        body = {"subject": value, "singleValueExtendedProperties": [{"id": MARK, "value": value}]}
        to = [{"emailAddress": {"address": "x@y.example"}}]
        assert ana.send(body | {"toRecipients": to}).status_code == 202
    text = (
        f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARK.upper()}' and ep/value eq 'it''s')"
    )
    expand = f"singleValueExtendedProperties($filter=id eq '{MARK}' or id eq 'String 0x1035')"
    (message,) = ana.all("/me/mailFolders/sentitems/messages", filter=text, expand=expand)

    assert message["singleValueExtendedProperties"] == [
        {"id": MARK, "value": "it's"},
        {"id": "String 0x1035", "value": message["internetMessageId"]},
    ]
    assert ana.all("/me/mailFolders/inbox/messages", filter=text) == []
    assert ana.get("/me/messages", expand="extensions").status_code == 400


@pytest.mark.usefixtures("subjects")
def test_orders(ana: Program) -> None:
    def order(**params: Any) -> list[str]:
        listed = ana.all("/me/messages", select="subject", **params)
        return [message["subject"].split()[0] for message in listed]

    assert order(orderby="receivedDateTime") == ["one", "two", "three", "four", "five"]
    assert order(orderby="receivedDateTime desc", top="2")[:2] == ["five", "four"]
    assert order(orderby="subject asc") == ["five", "four", "one", "three", "two"]
    assert ana.get("/me/messages", orderby="bodyPreview").status_code == 400
    assert ana.get("/me/messages", orderby="subject,isRead").status_code == 400


@pytest.mark.usefixtures("subjects")
def test_what_is_ordered_by_must_come_first_in_the_filter(ana: Program) -> None:
    date, sender = "receivedDateTime ge 2020-01-01", "from/emailAddress/address eq 'x@y.example'"
    inefficient = ana.get("/me/messages", filter=sender, orderby="receivedDateTime desc")

    assert inefficient.json()["error"]["code"] == "InefficientFilter"
    fine = ana.get("/me/messages", filter=f"{date} and {sender}", orderby="receivedDateTime desc")
    assert fine.status_code == 200


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("participants:eva@client.example", {"one", "two", "three", "four", "five"}),
        ("from:eva@client.example", {"one", "three"}),
        ("recipients:eva@client.example", {"two", "four", "five"}),
        ("to:eva@client.example OR cc:zoe@client.example", {"one", "two", "four"}),
        ("to:eva@client.example from:carl@client.example", {"two"}),
        ("from:carl@client.example from:zoe@client.example", {"two", "five"}),
        ("from:eva AND NOT subject:blind", {"one"}),
        ('subject:\\"three blind\\"', {"three"}),
        ("(from:carl OR from:zoe) AND received>=2026-03-03", {"five"}),
        ("mice", {"three", "four"}),
        ("body:mice", {"four"}),
        ("sent:2026-03-02", {"two"}),
        ("received:2026-03-02..2026-03-03", {"two", "three"}),
        ("received<2026-03-02", {"one"}),
        ("hasattachments:true", set()),
        ("nobody", set()),
    ],
)
@pytest.mark.usefixtures("subjects")
def test_searches(ana: Program, text: str, expected: set[str]) -> None:
    assert found(ana, search=f'"{text}"') == expected


@pytest.mark.parametrize(
    "params",
    [
        {"search": "from:a@b.example"},
        {"search": '"(a"'},
        {"search": '"a)"'},
        {"search": '""'},
        {"search": '"received:someday"'},
        {"search": '"a OR"'},
        {"search": '"a"', "filter": "isRead eq true"},
        {"search": '"a"', "orderby": "receivedDateTime"},
    ],
)
def test_a_search_graph_would_not_take_is_refused(ana: Program, params: dict[str, Any]) -> None:
    assert ana.get("/me/messages", **params).status_code == 400


def test_a_search_finds_no_more_than_its_limit(ana: Program, simulator: Simulator) -> None:
    simulator.microsoft.limits.search_results = 5
    for _ in range(8):
        simulator.deliver(mail(), to=ANA)

    assert len(ana.all("/me/messages", search='"hello"', top=2)) == 5
    assert len(ana.all("/me/messages", top=2)) == 8


@given(st.text())
def test_no_text_breaks_a_filter_a_search_or_a_select(text: str) -> None:
    for compile_ in (odata.Filter, lambda t: kql.compile_search(f'"{t}"'), selected):
        with suppress(Refused):
            compile_(text)
