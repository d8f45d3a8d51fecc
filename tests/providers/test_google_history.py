"""Gmail's history pages."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import CursorExpired
from shared.providers.google.history import Cursor, after, leads_nowhere, page_ids

START = 2**63 + 1
"""Not to be told from its neighbours as a floating point number."""


def added(id_: str, *labels: str) -> dict[str, Any]:
    return {"messagesAdded": [{"message": {"id": id_, "threadId": "t", "labelIds": list(labels)}}]}


def freed(id_: str, *labels: str) -> dict[str, Any]:
    return {"labelsRemoved": [{"message": {"id": id_}, "labelIds": list(labels)}]}


def test_a_page_names_what_came_and_what_left_spam_trash_or_draft_once_each() -> None:
    page = {
        "history": [
            added("a", "INBOX"),
            freed("b", "SPAM"),
            freed("c", "UNREAD"),
            added("d", "SPAM"),
            added("e", "DRAFT"),
            freed("f", "TRASH", "UNREAD"),
            added("a", "INBOX"),
            {"messages": [{"id": "repeated elsewhere"}], "labelsAdded": [{"message": {"id": "x"}}]},
        ]
    }
    assert page_ids(page) == ("a", "b", "f")


def test_the_last_page_ends_at_the_answers_own_position() -> None:
    assert after(Cursor(START), {"historyId": str(START + 1)}) == Cursor(START + 1)


def test_a_page_amid_a_walk_goes_on_from_its_last_record() -> None:
    page = {"history": [{"id": str(START + 2)}, {"id": str(START + 5)}], "nextPageToken": "p"}
    assert after(Cursor(START), page | {"historyId": str(START + 99)}) == Cursor(START + 5)


def test_a_page_without_records_goes_on_with_its_token() -> None:
    assert after(Cursor(START), {"nextPageToken": "p:q"}) == Cursor(START, "p:q", 1)


def test_a_walk_never_goes_back() -> None:
    assert after(Cursor(START), {"historyId": "5"}) == Cursor(START)
    assert after(Cursor(START), {}) == Cursor(START)
    stuck = {"history": [{"id": str(START)}], "nextPageToken": "p"}
    assert after(Cursor(START), stuck) == Cursor(START, "p", 1)


@given(st.integers(min_value=0), st.text(min_size=1), st.integers(0, 99))
def test_a_cursor_comes_back_as_it_went(start: int, page: str, pages: int) -> None:
    assert Cursor.parse(str(Cursor(start, page, pages))) == Cursor(start, page, pages)
    assert Cursor.parse(f"{start}:{page.replace(' ', '')}").start == start, "of an older release"


def test_pages_that_go_on_without_a_record_are_given_up() -> None:
    """Graph's loops were seen at Gmail's history too: the same token, or another one each time."""
    for token in ("same", "p{}"):
        cursor = Cursor(START)
        for number in range(1_000):
            following = after(cursor, {"nextPageToken": token.format(number)})
            if leads_nowhere(cursor, following):
                break
            cursor = following
        assert number < 50
    for number in range(1, 1_000):
        record = {"history": [{"id": str(START + number)}], "nextPageToken": "p"}
        following = after(cursor, record)
        assert not leads_nowhere(cursor, following)
        cursor = following


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "٣", ":token"])
def test_what_is_no_cursor_counts_as_expired(text: str) -> None:
    with pytest.raises(CursorExpired):
        Cursor.parse(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "history",
                    "messagesAdded",
                    "labelsRemoved",
                    "message",
                    "labelIds",
                    "id",
                    "historyId",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["history", "historyId", "nextPageToken"]), JSON))
def test_no_page_raises(page: dict[str, Any]) -> None:
    page_ids(page)
    assert after(Cursor(3), page).start >= 3
