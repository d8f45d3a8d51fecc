"""The exam of `shared.ports.DocumentStore`: queries, pages and counts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.domain import ids
from shared.domain.errors import InvalidRequest
from shared.ports.documents import DocumentStore, Query, Where, Write
from tests.contracts.backends import Candidate

AT = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
Op = Any


@pytest.fixture
def store(candidate: Candidate) -> DocumentStore:
    return candidate.documents


@pytest.fixture
def kind() -> str:
    """A name of a collection that no other test uses."""
    return f"things_{ids.random()}"


@pytest.fixture
def home(kind: str) -> str:
    return f"teams/t1/{kind}"


def fill(store: DocumentStore, home: str, **documents: dict[str, Any]) -> None:
    store.write(*(Write("put", f"{home}/{id_}", data) for id_, data in documents.items()))


def found(store: DocumentStore, query: Query) -> list[str]:
    """The ids on the first page, in order."""
    return [document.path.rpartition("/")[2] for document in store.query(query).documents]


def matching(store: DocumentStore, home: str, field: str, op: Op, value: Any) -> list[str]:
    order = () if op in ("==", "in") else (field,)
    return found(store, Query(home, (Where(field, op, value),), order))


def paged(store: DocumentStore, query: Query, limit: int) -> list[str]:
    """The ids of all pages; every page but the last is full."""
    seen: list[str] = []
    after = ""
    while True:
        page = store.query(
            Query(query.collection, query.where, query.order_by, limit, after, query.group)
        )
        seen += [document.path.rpartition("/")[2] for document in page.documents]
        if not page.next:
            return seen
        assert len(page.documents) == limit
        after = page.next


# -- Equality -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    ["x", "", "a\0b", "a\0", 7, -7, 2**53 + 1, 0.5, True, False, None, AT, [1, "a"], {"k": [None]}],
)
def test_an_equal_value_matches_and_no_other_does(
    store: DocumentStore, home: str, value: Any
) -> None:
    others = ["y", "a", "1", 1, 0, 2**53, 1.5, "true", "None", AT + MOMENT, [1], {"k": []}]
    fill(store, home, same={"value": value}, none={"other": value})
    fill(store, home, **{f"o{n}": {"value": other} for n, other in enumerate(others)})
    assert matching(store, home, "value", "==", value) == ["same"]


def test_an_int_equals_the_float_of_its_value(store: DocumentStore, home: str) -> None:
    fill(store, home, a={"n": 1}, b={"n": 1.0}, c={"n": True}, d={"n": "1"})
    assert matching(store, home, "n", "==", 1) == ["a", "b"]
    assert matching(store, home, "n", "==", 1.0) == ["a", "b"]
    assert matching(store, home, "n", "==", True) == ["c"]


def test_several_filters_must_all_match(store: DocumentStore, home: str) -> None:
    fill(store, home, a={"x": 1, "y": 1}, b={"x": 1, "y": 2}, c={"x": 2, "y": 2}, d={"x": 1})
    assert found(store, Query(home, (Where("x", "==", 1), Where("y", "==", 2)))) == ["b"]
    assert found(store, Query(home, (Where("y", "==", 2), Where("x", "==", 1)))) == ["b"]


def test_any_of_several_values_may_match(store: DocumentStore, home: str) -> None:
    fill(store, home, a={"x": 1}, b={"x": "1"}, c={"x": 3}, d={"x": 2}, e={"y": 1})
    assert matching(store, home, "x", "in", [1, 2, 9]) == ["a", "d"]


def test_values_that_occur_twice_match_once(store: DocumentStore, home: str) -> None:
    fill(store, home, a={"x": 1}, b={"x": 2})
    assert matching(store, home, "x", "in", [2, 1, 1, 2]) == ["a", "b"]


def test_thirty_values_are_taken_and_no_more(store: DocumentStore, home: str) -> None:
    fill(store, home, a={"x": 29}, b={"x": 30})
    assert matching(store, home, "x", "in", list(range(30))) == ["a"]
    with pytest.raises(ValueError, match="30"):
        matching(store, home, "x", "in", list(range(31)))
    with pytest.raises(ValueError, match="30"):
        matching(store, home, "x", "in", [])


# -- Ranges ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "expected"),
    [("<", ["a"]), ("<=", ["a", "b"]), (">", ["c"]), (">=", ["b", "c"])],
)
@pytest.mark.parametrize(
    "ordered",
    [
        (1, 2, 3),
        (-3, -2.5, -2),
        (-0.5, 0, 0.5),
        (float(2**53), 2**53 + 1, 2**53 + 2),
        (-(2**63), 0, 2**63 - 1),
        ("", "a", "aa"),
        ("Z", "a", "é"),
        ("a", "a\0", "a\0\0"),
        ("\uffff", "\U00010000", "\U0010ffff"),
        (AT - MOMENT, AT, AT + MOMENT),
        (datetime(1, 1, 1, tzinfo=UTC), datetime(1969, 12, 31, tzinfo=UTC), AT),
    ],
)
def test_a_range_is_of_one_type_and_in_its_order(
    store: DocumentStore, home: str, ordered: tuple[Any, Any, Any], op: Op, expected: list[str]
) -> None:
    low, middle, high = ordered
    fill(store, home, c={"v": high}, a={"v": low}, b={"v": middle}, none={"w": middle})
    mixed = [None, True, 1, "a", AT, [1], {"a": 1}]
    others = [value for value in mixed if not _comparable(value, middle)]
    fill(store, home, **{f"o{n}": {"v": value} for n, value in enumerate(others)})
    assert matching(store, home, "v", op, middle) == expected
    down = Query(home, (Where("v", op, middle),), ("-v",))
    assert found(store, down) == expected[::-1]


def _comparable(one: Any, other: Any) -> bool:
    numbers = (int, float)
    if type(one) in numbers and type(other) in numbers:
        return True
    return type(one) is type(other)


def test_a_range_has_two_ends(store: DocumentStore, home: str) -> None:
    fill(store, home, **{f"d{n}": {"n": n} for n in range(9)})
    where = (Where("n", ">=", 2), Where("n", "<", 5))
    assert found(store, Query(home, where, ("n",))) == ["d2", "d3", "d4"]
    assert found(store, Query(home, where, ("-n",))) == ["d4", "d3", "d2"]


def test_a_range_goes_with_equality(store: DocumentStore, home: str) -> None:
    fill(store, home, **{f"d{n}": {"n": n, "odd": n % 2, "big": n > 4} for n in range(9)})
    where = (Where("odd", "==", 1), Where("n", ">", 1), Where("big", "in", [True, False]))
    assert found(store, Query(home, where, ("-n",))) == ["d7", "d5", "d3"]


def test_an_empty_range_finds_nothing(store: DocumentStore, home: str) -> None:
    fill(store, home, a={"n": 1})
    page = store.query(Query(home, (Where("n", ">", 5), Where("n", "<", 3)), ("n",)))
    assert (page.documents, page.next) == ([], "")


@pytest.mark.parametrize(
    ("where", "order"),
    [
        ((Where("n", ">", 1),), ()),
        ((Where("n", ">", 1),), ("m",)),
        ((Where("n", ">", 1),), ("m", "n")),
        ((Where("n", ">", 1), Where("m", ">", 1)), ("n", "m")),
    ],
)
def test_a_range_must_be_on_the_first_ordering_field(
    store: DocumentStore, home: str, where: tuple[Where, ...], order: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match="range"):
        store.query(Query(home, where, order))


# -- Order ----------------------------------------------------------------------------------------


def test_without_an_order_documents_come_by_path(store: DocumentStore, home: str) -> None:
    fill(store, home, c={}, a={}, B={}, **{"é": {}, "a-": {}, "1": {}})
    assert found(store, Query(home)) == ["1", "B", "a", "a-", "c", "é"]


def test_types_sort_among_each_other(store: DocumentStore, home: str) -> None:
    values: list[Any] = [None, False, True, -1.5, 0, 0.25, 3, AT, "", "A", "a", [0], [1], {}]
    fill(store, home, **{f"d{20 - n}": {"v": value} for n, value in enumerate(values)})
    expected = [f"d{20 - n}" for n in range(len(values))]
    assert found(store, Query(home, order_by=("v",))) == expected
    assert found(store, Query(home, order_by=("-v",))) == expected[::-1]


def test_ties_are_broken_by_path_in_the_last_fields_direction(
    store: DocumentStore, home: str
) -> None:
    fill(
        store, home, a={"x": 1, "y": 1}, b={"x": 1, "y": 1}, c={"x": 0, "y": 2}, d={"x": 1, "y": 0}
    )
    assert found(store, Query(home, order_by=("x",))) == ["c", "a", "b", "d"]
    assert found(store, Query(home, order_by=("-x",))) == ["d", "b", "a", "c"]
    assert found(store, Query(home, order_by=("-x", "y"))) == ["d", "a", "b", "c"]
    assert found(store, Query(home, order_by=("x", "-y"))) == ["c", "b", "a", "d"]


def test_documents_without_an_ordering_field_are_left_out(store: DocumentStore, home: str) -> None:
    fill(store, home, a={"x": 1}, b={"x": None, "y": 1}, c={"y": 1}, d={"x": 0, "y": 1})
    assert found(store, Query(home, order_by=("x",))) == ["b", "d", "a"]
    assert found(store, Query(home, order_by=("x", "y"))) == ["b", "d"]


def test_a_query_follows_what_is_written_after_it(store: DocumentStore, home: str) -> None:
    query = Query(home, (Where("x", "==", 1),), ("-at",))
    fill(store, home, a={"x": 1, "at": 1}, b={"x": 1, "at": 2}, c={"x": 2, "at": 3})
    assert found(store, query) == ["b", "a"]
    fill(store, home, d={"x": 1, "at": 1.5}, c={"x": 1, "at": 0}, b={"x": 1})
    assert found(store, query) == ["d", "a", "c"]
    store.write(Write("update", f"{home}/a", {"at": 9}), Write("delete", f"{home}/c"))
    assert found(store, query) == ["a", "d"]


def test_documents_come_with_their_path_data_and_version(store: DocumentStore, home: str) -> None:
    fill(store, home, a={"x": 1, "at": AT, "text": "é"})
    assert store.query(Query(home, (Where("x", "==", 1),))).documents == [store.get(f"{home}/a")]


# -- Pages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(), ("n",), ("-n",), ("m", "-n"), ("-m", "n")])
@pytest.mark.parametrize("limit", [1, 4, 12, 100])
def test_pages_together_are_the_whole(
    store: DocumentStore, home: str, order: tuple[str, ...], limit: int
) -> None:
    fill(store, home, **{f"d{n}": {"n": n // 2, "m": n % 3, "k": 0} for n in range(12)})
    query = Query(home, (Where("k", "==", 0),), order)
    assert paged(store, query, limit) == found(store, query)
    assert len(found(store, query)) == 12


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_of_several_values_keep_the_order(
    store: DocumentStore, home: str, limit: int
) -> None:
    fill(store, home, **{f"d{n}": {"at": (n * 7) % 10, "k": n % 4} for n in range(10)})
    query = Query(home, (Where("k", "in", [0, 1, 3]),), ("-at",))
    expected = sorted((n for n in range(10) if n % 4 != 2), key=lambda n: -((n * 7) % 10))
    assert paged(store, query, limit) == [f"d{n}" for n in expected]


def test_a_range_goes_on_over_pages(store: DocumentStore, home: str) -> None:
    fill(store, home, **{f"d{n}": {"n": n} for n in range(9)})
    query = Query(home, (Where("n", ">", 1), Where("n", "<=", 7)), ("-n",))
    assert paged(store, query, 4) == ["d7", "d6", "d5", "d4", "d3", "d2"]


def test_a_full_last_page_says_that_nothing_follows(store: DocumentStore, home: str) -> None:
    fill(store, home, a={}, b={})
    assert store.query(Query(home, limit=2)).next == ""
    assert store.query(Query(home, limit=1)).next != ""


def test_a_cursor_stands_while_documents_come_and_go(store: DocumentStore, home: str) -> None:
    fill(store, home, **{f"d{n}": {"at": n} for n in range(0, 8, 2)})
    first = store.query(Query(home, order_by=("-at",), limit=2))
    assert [document.data["at"] for document in first.documents] == [6, 4]
    fill(store, home, d7={"at": 7}, d5={"at": 5}, d3={"at": 3})
    store.write(Write("delete", f"{home}/d4"), Write("delete", f"{home}/d6"))
    second = store.query(Query(home, order_by=("-at",), limit=9, after=first.next))
    assert [document.data["at"] for document in second.documents] == [3, 2, 0]


def test_a_cursor_is_text_safe_in_urls(store: DocumentStore, home: str) -> None:
    fill(store, home, **{"é~": {"v": "\0ÿ\uffff"}, "z": {"v": "ÿ"}})
    after = store.query(Query(home, order_by=("v",), limit=1)).next
    assert after.isascii()
    assert after.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("cursor", ["é", "a b", "=", "a+/b", "\0", "%", "x" * 5, "\ud800"])
def test_what_is_no_cursor_is_refused(store: DocumentStore, home: str, cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        store.query(Query(home, after=cursor))


def test_a_page_has_at_least_one_place(store: DocumentStore, home: str) -> None:
    with pytest.raises(ValueError, match="limit"):
        store.query(Query(home, limit=0))


# -- Collections and groups -----------------------------------------------------------------------


def test_a_query_sees_one_collection_only(store: DocumentStore, kind: str) -> None:
    for path in (f"teams/t1/{kind}/a", f"teams/t2/{kind}/b", f"teams/t1/{kind}x/c"):
        store.write(Write("put", path, {"n": 1}))
    store.write(Write("put", f"teams/t1/{kind}/a/{kind}/d", {"n": 1}))
    assert matching(store, f"teams/t1/{kind}", "n", "==", 1) == ["a"]


def test_a_group_is_every_collection_of_a_name_by_path(store: DocumentStore, kind: str) -> None:
    for path in (f"teams/b/{kind}/1", f"teams/a/{kind}/2", f"teams/a!/{kind}/3", f"{kind}/4"):
        store.write(Write("put", path, {"n": 1}))
    store.write(Write("put", f"teams/a/{kind}/2/{kind}/5", {"n": 2}))
    store.write(Write("put", f"teams/a/{kind}x/6", {"n": 1}))
    everything = Query(kind, group=True)
    assert sorted(found(store, everything)) == ["1", "2", "3", "4", "5"]
    assert paged(store, everything, 2) == found(store, everything)
    ones = Query(kind, (Where("n", "==", 1),), group=True)
    assert [one for one in found(store, ones) if one != "4"] == ["2", "3", "1"]


def test_a_group_may_be_ordered_and_paged(store: DocumentStore, kind: str) -> None:
    for n in range(7):
        store.write(Write("put", f"teams/t{n % 3}/{kind}/d{n}", {"due": AT + n * MOMENT}))
    query = Query(kind, (Where("due", "<=", AT + 4 * MOMENT),), ("due",), group=True)
    assert paged(store, query, 2) == ["d0", "d1", "d2", "d3", "d4"]


@pytest.mark.parametrize("collection", ["", "teams/t1", "teams//things", "/things"])
def test_what_is_no_collection_is_refused(store: DocumentStore, collection: str) -> None:
    with pytest.raises(ValueError, match="collection"):
        store.query(Query(collection))
    with pytest.raises(ValueError, match="collection"):
        store.query(Query("teams/t1/things", group=True))


# -- Counts ---------------------------------------------------------------------------------------


def test_a_count_is_of_all_that_match(store: DocumentStore, home: str) -> None:
    fill(store, home, **{f"d{n}": {"n": n, "k": n % 2} for n in range(11)})
    after = store.query(Query(home, limit=3)).next
    assert store.count(Query(home)) == 11
    assert store.count(Query(home, limit=3, after=after)) == 11
    assert store.count(Query(home, (Where("k", "==", 1),))) == 5
    assert store.count(Query(home, (Where("k", "in", [0, 1]), Where("n", ">", 7)), ("n",))) == 3
    assert store.count(Query(home, (Where("k", "==", 9),))) == 0
