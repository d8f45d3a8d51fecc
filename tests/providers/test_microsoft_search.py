"""The questions we ask Graph to find mail."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import ProviderRejected
from shared.ports.providers import Search
from shared.providers.microsoft.search import Position, page, query

SINCE = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def asked(search: Search, page: str = "") -> dict[str, str]:
    read = parse_qs(query(search, Position.parse(page)), strict_parsing=True)
    return {name: value for name, (value,) in read.items()}


def found(*days: str, link: str = "") -> dict[str, Any]:
    listed = [{"id": "m", "sentDateTime": f"{day}T12:00:00Z"} for day in days]
    return {"value": listed, **({"@odata.nextLink": link} if link else {})}


def after(search: Search, position: Position, answer: dict[str, Any]) -> str:
    return page(search, position, answer, ()).next


def test_people_are_asked_for_by_kql() -> None:
    assert asked(Search(("a@x.org",)))["$search"] == r'"participants:\"a@x.org\""'
    both = asked(Search(("a@x.org", "b@x.org")))["$search"]
    assert both == r'"(participants:\"a@x.org\" OR participants:\"b@x.org\")"'


def test_with_a_time_a_search_looks_hardly_further_back() -> None:
    assert asked(Search(("a@x.org",), SINCE))["$search"].endswith(' AND received>=2026-11-19"')


def test_without_people_mail_is_listed_by_date() -> None:
    assert "$search" not in asked(Search())
    listed = asked(Search(since=SINCE))
    assert listed["$filter"] == "receivedDateTime ge 2026-11-20T09:30:00Z"
    assert listed["$orderby"] == "receivedDateTime desc"


@given(st.text(min_size=1))
def test_no_address_can_end_its_quotes(address: str) -> None:
    if not address.isascii():
        address = address.encode("ascii", "replace").decode()
    question = asked(Search((address,)))["$search"]
    assert question.startswith('"participants:\\"')
    assert question.endswith('\\""')
    within = question[len('"participants:\\"') : -len('\\""')]
    assert '"' not in within
    assert "\\" not in within


def test_a_page_goes_on_with_the_servers_query_wherever_its_link_leads() -> None:
    search = Search(("a@x.org",))
    token = after(search, Position(), found("2026-11-20", link="https://evil.example/x?$skip=250"))
    assert query(search, Position.parse(token)) == "$skip=250"


def test_a_search_that_ended_early_is_over() -> None:
    assert after(Search(("a@x.org",)), Position(), found("2026-11-20")) == ""


def test_a_list_that_ended_is_over_however_long() -> None:
    assert after(Search(), Position(seen=5_000), found("2026-11-20")) == ""


def test_a_search_that_graph_cut_off_goes_on_where_it_ended() -> None:
    search = Search(("a@x.org",))
    position = Position("$skiptoken=750", 750, "", "2020-02-02")
    token = after(search, position, found(*["2020-01-01"] * 250))
    assert asked(search, token)["$search"].endswith(' AND sent<=2020-01-02"')
    again = Position.parse(token)
    assert again.seen == 0

    until = again.until
    for _ in range(5):  # a busy day does not hold it up for ever
        busy = Position("$skiptoken=750", 750, until, "2020-01-01")
        again = Position.parse(after(search, busy, found(*["2020-01-01"] * 250)))
        assert again.until < until
        until = again.until


@pytest.mark.parametrize(
    "link", ["https://x/?$skiptoken=SAME", "https://x/?$skiptoken={}"], ids=["same", "other"]
)
def test_a_search_whose_pages_never_end_is_given_up_and_says_so(link: str) -> None:
    search, token = Search(("a@x.org",)), ""
    for number in range(1_000):
        answer = found("2026-11-20", link=link.format(number))
        turned = page(search, Position.parse(token), answer, ("m",))
        if not (token := turned.next):
            break
    assert turned.incomplete
    assert turned.ids == ("m",)
    assert number < 50


def test_odd_dates_and_entries_do_not_stop_it() -> None:
    listed = {"value": [None, {"sentDateTime": "soon"}, {"sentDateTime": None}, {}]}
    assert after(Search(("a@x.org",)), Position(seen=999), listed) == ""


@pytest.mark.parametrize("page", ["dead", "[]", '{"n": "x"}', "{"])
def test_a_page_that_is_none_is_refused(page: str) -> None:
    with pytest.raises(ProviderRejected):
        Position.parse(page)
