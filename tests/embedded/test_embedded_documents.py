"""What is special to the documents of one machine: the file, and what Firestore would refuse."""

import operator
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from functools import cmp_to_key
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.embedded.documents import Documents, page_statement
from infra.embedded.indexes import plan
from infra.embedded.values import inverted, sort_key
from shared.domain.errors import ProviderUnavailable
from shared.ports import Data, Document, Query, Where, Write


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Documents]:
    made = Documents(tmp_path)
    yield made
    made.close()


# -- The file -------------------------------------------------------------------------------------


def test_documents_and_indexes_survive_a_restart(tmp_path: Path) -> None:
    query = Query("teams/t/things", (Where("k", "==", 1),), ("-n",))
    first = Documents(tmp_path)
    first.write(*(Write("put", f"teams/t/things/{n}", {"n": n, "k": n % 2}) for n in range(5)))
    before = first.query(query)
    first.close()
    second = Documents(tmp_path)
    second.write(Write("put", "teams/t/things/7", {"n": 7, "k": 1}))
    after = second.query(query)
    second.close()
    assert [document.data["n"] for document in after.documents] == [7, 3, 1]
    assert after.documents[1:] == before.documents


def test_a_version_is_not_given_again_after_a_restart(tmp_path: Path) -> None:
    versions = []
    for kind in ("put", "delete", "put"):
        store = Documents(tmp_path)
        store.write(Write(kind, "a/b", {}))
        found = store.get("a/b")
        versions.append(found.version if found else None)
        store.close()
    assert versions[0] != versions[2]


def test_two_stores_of_one_folder_follow_each_others_indexes(tmp_path: Path) -> None:
    one, other = Documents(tmp_path), Documents(tmp_path)
    query = Query("things", (Where("n", ">=", 1),), ("n",))
    other.write(Write("put", "things/a", {"n": 1}))
    assert one.count(query) == 1  # the index is made here
    other.write(Write("put", "things/b", {"n": 2}))
    assert (one.count(query), other.count(query)) == (2, 2)
    one.close()
    other.close()


def test_the_data_is_for_its_owner_alone(tmp_path: Path) -> None:
    store = Documents(tmp_path / "new" / "folder")
    store.write(Write("put", "a/b", {"n": 1}))
    modes = {file.name: file.stat().st_mode & 0o077 for file in tmp_path.rglob("*")}
    store.close()
    assert "documents.sqlite3-wal" in modes
    del modes["new"]  # a parent made on the way is none of our business
    assert set(modes.values()) == {0}


def test_a_file_that_cannot_be_used_is_an_outage(tmp_path: Path) -> None:
    store = Documents(tmp_path)
    (tmp_path / "documents.sqlite3").mkdir()
    with pytest.raises(ProviderUnavailable):
        store.get("a/b")


def test_a_page_is_found_through_the_index_alone(store: Documents, tmp_path: Path) -> None:
    """However many documents there are, and however large: nothing is scanned."""
    query = Query("t/a/things", (Where("k", "in", [1, 2]), Where("n", ">", 1)), ("-n",), limit=5)
    store.query(query)
    sql, values = page_statement(plan(query), index=1, limit=6)
    connection = sqlite3.connect(tmp_path / "documents.sqlite3")
    seen = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    connection.close()
    reads = [step for step in seen if "entries" in step or "documents" in step]
    assert len(reads) == 3
    assert all(step.startswith("SEARCH") for step in reads)


def test_a_write_inside_a_transaction_is_refused_instead_of_waiting_for_itself(
    store: Documents,
) -> None:
    with pytest.raises(RuntimeError, match="within a transaction"):
        store.transaction(lambda _: store.write(Write("put", "a/b", {})))
    store.write(Write("put", "a/b", {}))


# -- What Firestore would refuse ------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        b"bytes",
        2**63,
        -(2**63) - 1,
        datetime(2026, 5, 1),  # the missing zone is the point
        {1: "a key that is no text"},
        [[1]],
        {"a": [{"b": [[1]]}]},
        {1, 2},
        1j,
        "\ud800",
        {"\udfff": 1},
        object(),
    ],
)
def test_a_value_that_documents_do_not_hold_is_refused(store: Documents, value: Any) -> None:
    with pytest.raises(ValueError, match="a/b"):
        store.write(Write("put", "a/b", {"field": value}))
    assert store.get("a/b") is None


def test_the_field_at_fault_is_named(store: Documents) -> None:
    with pytest.raises(ValueError, match=r"a/b: field 'wrong' holds an int of more than 64 bits"):
        store.write(Write("put", "a/b", {"right": 1, "wrong": 2**64}))


def test_a_document_of_more_than_a_mebibyte_is_refused(store: Documents) -> None:
    with pytest.raises(ValueError, match="a/b"):
        store.write(Write("put", "a/b", {"body": "x" * 1024 * 1024}))
    store.write(Write("put", "a/b", {"body": "x" * 600_000}))
    with pytest.raises(ValueError, match="a/b"):
        store.write(Write("update", "a/b", {"more": "x" * 600_000}))


def test_a_time_of_another_zone_comes_back_in_utc(store: Documents) -> None:
    at = datetime(2026, 5, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    store.write(Write("put", "a/b", {"at": at}))
    found = store.get("a/b")
    assert found is not None
    assert found.data["at"] == at
    assert found.data["at"].tzinfo == UTC


def test_a_tuple_comes_back_as_a_list(store: Documents) -> None:
    store.write(Write("put", "a/b", {"items": ({"x": (1, 2)},)}))
    found = store.get("a/b")
    assert found is not None
    assert found.data == {"items": [{"x": [1, 2]}]}


def test_nan_equals_itself_and_is_in_no_range(store: Documents) -> None:
    store.write(Write("put", "t/a", {"n": float("nan")}), Write("put", "t/b", {"n": 1.0}))
    same = store.query(Query("t", (Where("n", "==", float("nan")),)))
    less = store.query(Query("t", (Where("n", "<", 5),), ("n",)))
    assert [document.path for document in same.documents] == ["t/a"]
    assert [document.path for document in less.documents] == ["t/b"]


# -- The order of values, against Python's --------------------------------------------------------

numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
near = st.sampled_from([2**53, 2**62, 2**63 - 1, -(2**53), 0]).flatmap(
    lambda middle: (
        st.integers(max(middle - 1100, -(2**63)), min(middle + 1100, 2**63 - 1))
        | st.integers(-5, 5).map(lambda step: float(middle) + step * 1024)
    )
)
texts = st.text(st.characters(codec="utf-8") | st.sampled_from("\0\1a\xff"), max_size=4)
times = st.datetimes(timezones=st.just(UTC))


@settings(max_examples=300)
@given(
    st.tuples(numbers | near, numbers | near) | st.tuples(texts, texts) | st.tuples(times, times)
)
def test_keys_sort_as_the_values_do(pair: tuple[Any, Any]) -> None:
    one, other = (value.encode() if isinstance(value, str) else value for value in pair)
    first, second = map(sort_key, pair)
    assert (first < second, first == second) == (one < other, one == other)
    assert (inverted(first) > inverted(second)) == (one < other)


anything = st.recursive(
    st.none() | st.booleans() | numbers | texts | times,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


@given(anything, anything)
def test_no_key_is_the_beginning_of_another(one: Any, other: Any) -> None:
    try:
        first, second = sort_key(one), sort_key(other)
    except ValueError:
        return  # a list directly inside a list
    assert first == second or not (first.startswith(second) or second.startswith(first))
    assert first[0] not in (0, 255)


# -- Queries, against a plain model ---------------------------------------------------------------

small = st.sampled_from([None, True, 0, 1, 1.5, 2, "", "a", "b", datetime(2026, 5, 1, tzinfo=UTC)])
documents = st.dictionaries(
    st.sampled_from(["t/1/c/a", "t/1/c/b", "t/1/c/c", "t/1/c/d", "t/2/c/a", "t/2/c/e", "t/2/d/f"]),
    st.dictionaries(st.sampled_from("xyz"), small, max_size=3),
)


directions = st.sampled_from(["", "-"])


@st.composite
def queries(draw: st.DrawFn) -> Query:
    group = draw(st.booleans())
    fields = draw(st.permutations("xyz"))
    order = [
        draw(st.sampled_from(["", "-"])) + field for field in fields[: draw(st.integers(0, 2))]
    ]
    where = [
        Where(draw(st.sampled_from("xyz")), "==", draw(small))
        for _ in range(draw(st.integers(0, 1)))
    ]
    if draw(st.booleans()):
        where.append(
            Where(draw(st.sampled_from("xyz")), "in", draw(st.lists(small, min_size=1, max_size=4)))
        )
    if draw(st.booleans()) and order:
        op = draw(st.sampled_from(["<", "<=", ">", ">="]))
        where.append(Where(order[0].removeprefix("-"), op, draw(small)))  # type: ignore[arg-type]  # drawn from literals
    return Query(
        "c" if group else "t/1/c", tuple(where), tuple(order), draw(st.integers(1, 8)), "", group
    )


@settings(deadline=None, max_examples=150)
@given(before=documents, after=documents, query=queries())
def test_queries_answer_as_a_plain_model_does(
    tmp_path_factory: pytest.TempPathFactory,
    before: dict[str, Data],
    after: dict[str, Data],
    query: Query,
) -> None:
    store = Documents(tmp_path_factory.mktemp("model"))
    try:
        store.write(*(Write("put", path, data) for path, data in before.items()))
        assert _all_pages(store, query) == _expected(before, query)
        store.write(
            *(Write("put", path, data) for path, data in after.items()),
            *(Write("delete", path) for path in before.keys() - after.keys()),
        )
        assert _all_pages(store, query) == _expected(after, query)
        assert store.count(query) == len(_expected(after, query))
    finally:
        store.close()


def _all_pages(store: Documents, query: Query) -> list[tuple[str, Data]]:
    seen: list[Document] = []
    while True:
        page = store.query(query)
        seen += page.documents
        if not page.next:
            return [(document.path, document.data) for document in seen]
        query = Query(
            query.collection, query.where, query.order_by, query.limit, page.next, query.group
        )


def _expected(documents: dict[str, Data], query: Query) -> list[tuple[str, Data]]:
    def belongs(path: str) -> bool:
        collection = path.rpartition("/")[0]
        return (
            collection.endswith(f"/{query.collection}")
            if query.group
            else collection == query.collection
        )

    found = [
        (path, data)
        for path, data in documents.items()
        if belongs(path)
        and all(field.removeprefix("-") in data for field in query.order_by)
        and all(where.field in data and _matches(data[where.field], where) for where in query.where)
    ]
    return sorted(found, key=_sorter(query.order_by))


_RANGES: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _rank(value: Any) -> int:
    """The place of its type among types."""
    kinds: list[Any] = [type(None), bool, (int, float), datetime, str]
    return next(n for n, kind in enumerate(kinds) if isinstance(value, kind))


def _matches(value: Any, where: Where) -> bool:
    if where.op in ("==", "in"):
        wanted = where.value if where.op == "in" else [where.value]
        return any(_rank(value) == _rank(one) and value == one for one in wanted)
    if _rank(value) != _rank(where.value):
        return False
    if value is None:
        return where.op in ("<=", ">=")
    return _RANGES[where.op](value, where.value)


def _sorter(order: tuple[str, ...]) -> Callable[[tuple[str, Data]], Any]:
    def compare(one: tuple[str, Data], other: tuple[str, Data]) -> int:
        for field in order:
            sign, name = (-1 if field.startswith("-") else 1), field.removeprefix("-")
            first, second = one[1][name], other[1][name]
            if _rank(first) != _rank(second):
                return sign * (_rank(first) - _rank(second))
            if first != second:
                return sign * (1 if first > second else -1)
        sign = -1 if order and order[-1].startswith("-") else 1
        return sign * (1 if one[0] > other[0] else -1)

    return cmp_to_key(compare)
