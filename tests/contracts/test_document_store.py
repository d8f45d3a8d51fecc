"""The exam of `shared.ports.DocumentStore`: documents, what they hold, and their versions."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain import ids
from shared.domain.errors import AlreadyExists, NotFound, PreconditionFailed
from shared.ports.documents import Data, DocumentStore, Write
from tests.contracts.backends import Candidate
from tests.contracts.documents import data, put, version

AT = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)

plain = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.datetimes(timezones=st.just(UTC))
)
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(
    lambda name: not name.startswith("__")
)
values = st.recursive(
    plain,
    lambda inner: (
        st.dictionaries(names, inner, max_size=3)
        | st.lists(inner.filter(lambda item: not isinstance(item, list)), max_size=3)
    ),
    max_leaves=8,
)


@pytest.fixture
def store(candidate: Candidate) -> DocumentStore:
    return candidate.documents


@pytest.fixture
def home() -> str:
    """A collection of this test's own."""
    return f"teams/{ids.random()}/things"


# -- Values ---------------------------------------------------------------------------------------


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(fields=st.dictionaries(names, values, max_size=4))
def test_a_document_comes_back_as_it_went_in(store: DocumentStore, home: str, fields: Data) -> None:
    store.write(Write("put", f"{home}/a", fields))
    assert data(store, f"{home}/a") == fields


@pytest.mark.parametrize(
    "value",
    [
        "2026-05-01T12:00:00Z",
        "2026-05-01T12:00:00.123456+00:00",
        {"$date": "2026-05-01T12:00:00Z"},
        "1",
        "null",
        "",
        "a\0b",
        "\ufffe\uffff \u2028 \U0010ffff \u202e e\u0301",
    ],
)
def test_text_stays_text(store: DocumentStore, home: str, value: Any) -> None:
    put(store, f"{home}/a", value=value)
    assert data(store, f"{home}/a") == {"value": value}


@pytest.mark.parametrize("value", [True, False, 0, 1, 0.0, 1.0, 2**53 + 1, -(2**63), 2**63 - 1])
def test_a_number_keeps_its_type(store: DocumentStore, home: str, value: Any) -> None:
    put(store, f"{home}/a", value=value)
    (found,) = (data(store, f"{home}/a") or {}).values()
    assert (type(found), found) == (type(value), value)


def test_a_time_comes_back_aware_in_utc_to_the_microsecond(store: DocumentStore, home: str) -> None:
    put(store, f"{home}/a", at=AT)
    (found,) = (data(store, f"{home}/a") or {}).values()
    assert found == AT
    assert found.utcoffset() == AT.utcoffset()


def test_what_was_read_is_the_readers_own(store: DocumentStore, home: str) -> None:
    put(store, f"{home}/a", list=[1])
    first = data(store, f"{home}/a") or {}
    first["list"].append(2)
    assert data(store, f"{home}/a") == {"list": [1]}


def test_a_document_of_900_kb_is_kept(store: DocumentStore, home: str) -> None:
    put(store, f"{home}/a", body="é" * 450_000)
    assert data(store, f"{home}/a") == {"body": "é" * 450_000}


# -- Reading --------------------------------------------------------------------------------------


def test_an_absent_document_is_none(store: DocumentStore, home: str) -> None:
    assert store.get(f"{home}/a") is None


def test_many_are_read_at_once_however_many_and_only_those_there(
    store: DocumentStore, home: str
) -> None:
    store.write(*(Write("put", f"{home}/{n}", {"n": n}) for n in range(0, 700, 2)))
    found = store.get_many([*(f"{home}/{n}" for n in range(700)), f"{home}/0"])
    assert {path: document.data for path, document in found.items()} == {
        f"{home}/{n}": {"n": n} for n in range(0, 700, 2)
    }
    assert all(path == document.path for path, document in found.items())


def test_reading_none_of_them_is_fine(store: DocumentStore) -> None:
    assert store.get_many([]) == {}
    assert store.get_many(iter([])) == {}


@pytest.mark.parametrize("path", ["", "teams", "teams/a/things", "/teams/a", "teams//", "teams/.."])
def test_what_is_no_documents_path_is_refused(store: DocumentStore, path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        store.get(path)
    with pytest.raises(ValueError, match="path"):
        store.write(Write("put", path, {}))


@pytest.mark.parametrize(
    "id_", ["a b", "é", "%2F", "a'b", "-", "*", "_", "A", "a:b@c.d", "x" * 400]
)
def test_an_id_may_hold_anything_but_a_slash(store: DocumentStore, home: str, id_: str) -> None:
    put(store, f"{home}/{id_}", n=1)
    assert store.get_many([f"{home}/{id_}"])[f"{home}/{id_}"].data == {"n": 1}


# -- Writing --------------------------------------------------------------------------------------


def test_creating_twice_is_refused_and_changes_nothing(store: DocumentStore, home: str) -> None:
    store.write(Write("create", f"{home}/a", {"n": 1}))
    with pytest.raises(AlreadyExists):
        store.write(Write("create", f"{home}/a", {"n": 2}))
    assert data(store, f"{home}/a") == {"n": 1}


def test_of_many_creators_at_once_one_wins(store: DocumentStore, home: str) -> None:
    def create(n: int) -> bool:
        try:
            store.write(Write("create", f"{home}/a", {"n": n}))
        except AlreadyExists:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(create, range(8)))
    assert won.count(True) == 1
    assert data(store, f"{home}/a") == {"n": won.index(True)}


def test_putting_replaces_the_whole_document(store: DocumentStore, home: str) -> None:
    put(store, f"{home}/a", old=1, both=1)
    put(store, f"{home}/a", both=2)
    assert data(store, f"{home}/a") == {"both": 2}


def test_updating_replaces_the_named_fields_only(store: DocumentStore, home: str) -> None:
    put(store, f"{home}/a", kept=1, map={"x": 1, "y": 1}, list=[1])
    store.write(Write("update", f"{home}/a", {"map": {"x": 2}, "new": None}))
    assert data(store, f"{home}/a") == {"kept": 1, "map": {"x": 2}, "list": [1], "new": None}


@pytest.mark.parametrize("name", ["a.b", "a-b", "`", "1", "é", "a b", "a/b", "*", "[0]", "\\"])
def test_a_fields_name_is_taken_literally(store: DocumentStore, home: str, name: str) -> None:
    put(store, f"{home}/a", **{name: 1, "a": {"b": 1}})
    store.write(Write("update", f"{home}/a", {name: 2}))
    assert data(store, f"{home}/a") == {name: 2, "a": {"b": 1}}


def test_updating_an_absent_document_is_refused(store: DocumentStore, home: str) -> None:
    with pytest.raises(NotFound):
        store.write(Write("update", f"{home}/a", {"n": 1}))
    assert store.get(f"{home}/a") is None


def test_deleting_is_fine_whether_there_or_not(store: DocumentStore, home: str) -> None:
    put(store, f"{home}/a", n=1)
    store.write(Write("delete", f"{home}/a"))
    store.write(Write("delete", f"{home}/a"))
    assert store.get(f"{home}/a") is None


def test_deleting_leaves_what_lies_below(store: DocumentStore, home: str) -> None:
    put(store, f"{home}/a", n=1)
    put(store, f"{home}/a/parts/p", n=2)
    store.write(Write("delete", f"{home}/a"))
    assert data(store, f"{home}/a/parts/p") == {"n": 2}


# -- Versions -------------------------------------------------------------------------------------


def test_a_version_is_equal_while_nothing_changes(store: DocumentStore, home: str) -> None:
    before = put(store, f"{home}/a", n=1)
    put(store, f"{home}/b", n=1)
    assert version(store, f"{home}/a") == before
    assert store.get_many([f"{home}/a"])[f"{home}/a"].version == before


def test_every_change_gives_a_version_never_seen_before(store: DocumentStore, home: str) -> None:
    seen = [put(store, f"{home}/a", n=1), put(store, f"{home}/a", n=2)]
    store.write(Write("update", f"{home}/a", {"n": 1}))
    seen.append(version(store, f"{home}/a"))
    store.write(Write("delete", f"{home}/a"))
    seen.append(put(store, f"{home}/a", n=1))
    assert all(one != other for i, one in enumerate(seen) for other in seen[:i])


@pytest.mark.parametrize("kind", ["update", "put", "delete"])
def test_a_write_at_the_right_version_happens(store: DocumentStore, home: str, kind: Any) -> None:
    right = put(store, f"{home}/a", n=1)
    store.write(Write(kind, f"{home}/a", {} if kind == "delete" else {"n": 2}, right))
    assert data(store, f"{home}/a") == (None if kind == "delete" else {"n": 2})


@pytest.mark.parametrize("kind", ["update", "put", "delete"])
def test_a_write_at_an_outdated_version_is_refused(
    store: DocumentStore, home: str, kind: Any
) -> None:
    outdated = put(store, f"{home}/a", n=1)
    put(store, f"{home}/a", n=2)
    with pytest.raises(PreconditionFailed):
        store.write(Write(kind, f"{home}/a", {} if kind == "delete" else {"n": 3}, outdated))
    assert data(store, f"{home}/a") == {"n": 2}


@pytest.mark.parametrize("kind", ["update", "put", "delete"])
def test_a_version_does_not_hold_for_a_deleted_document(
    store: DocumentStore, home: str, kind: Any
) -> None:
    outdated = put(store, f"{home}/a", n=1)
    store.write(Write("delete", f"{home}/a"))
    with pytest.raises(PreconditionFailed):
        store.write(Write(kind, f"{home}/a", {} if kind == "delete" else {"n": 2}, outdated))
    assert store.get(f"{home}/a") is None


def test_a_version_does_not_hold_for_a_document_made_again(store: DocumentStore, home: str) -> None:
    outdated = put(store, f"{home}/a", n=1)
    store.write(Write("delete", f"{home}/a"))
    put(store, f"{home}/a", n=1)
    with pytest.raises(PreconditionFailed):
        store.write(Write("update", f"{home}/a", {"n": 2}, outdated))
