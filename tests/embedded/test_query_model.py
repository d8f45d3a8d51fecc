"""Keys against Python's own order, and queries against a plain model of them."""

import operator
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cmp_to_key
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.embedded.documents import Documents
from infra.embedded.values import inverted, sort_key
from shared.ports.documents import Data, Document, Query, Where, Write

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
