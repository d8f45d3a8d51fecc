"""The exam of `shared.ports.DocumentStore`: documents, batches and transactions."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain import ids
from shared.domain.errors import AlreadyExists, NotFound, PreconditionFailed
from shared.ports import Data, DocumentStore, Transaction, Write
from tests.contracts.backends import Candidate

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


def put(store: DocumentStore, path: str, **data: Any) -> Any:
    """The version it has then."""
    store.write(Write("put", path, data))
    return version(store, path)


def version(store: DocumentStore, path: str) -> Any:
    found = store.get(path)
    assert found is not None
    return found.version


def data(store: DocumentStore, path: str) -> Data | None:
    found = store.get(path)
    return found.data if found else None


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


# -- Batches --------------------------------------------------------------------------------------


def test_a_batch_does_all_its_writes(store: DocumentStore, home: str) -> None:
    put(store, f"{home}/old", n=1)
    put(store, f"{home}/there", n=1, kept=1)
    store.write(
        Write("delete", f"{home}/old"),
        Write("update", f"{home}/there", {"n": 2}),
        Write("create", f"{home}/new", {"n": 3}),
        Write("put", f"{home}/new/parts/p", {"n": 4}),
    )
    assert store.get(f"{home}/old") is None
    assert data(store, f"{home}/there") == {"n": 2, "kept": 1}
    assert data(store, f"{home}/new") == {"n": 3}
    assert data(store, f"{home}/new/parts/p") == {"n": 4}


def test_a_batch_with_one_refused_write_does_nothing(store: DocumentStore, home: str) -> None:
    put(store, f"{home}/a", n=1)
    with pytest.raises(AlreadyExists):
        store.write(
            Write("put", f"{home}/b", {"n": 2}),
            Write("create", f"{home}/a", {"n": 2}),
            Write("put", f"{home}/c", {"n": 2}),
        )
    found = store.get_many([f"{home}/a", f"{home}/b", f"{home}/c"])
    assert {path: document.data for path, document in found.items()} == {f"{home}/a": {"n": 1}}


def test_an_empty_batch_is_fine(store: DocumentStore) -> None:
    store.write()


def test_a_path_may_occur_once_in_a_batch(store: DocumentStore, home: str) -> None:
    with pytest.raises(ValueError, match="twice"):
        store.write(Write("put", f"{home}/a", {"n": 1}), Write("update", f"{home}/a", {"n": 2}))
    assert store.get(f"{home}/a") is None


def test_a_batch_takes_500_writes_and_no_more(store: DocumentStore, home: str) -> None:
    many = [Write("put", f"{home}/{n}", {"n": n}) for n in range(501)]
    with pytest.raises(ValueError, match="500"):
        store.write(*many)
    assert store.get_many(write.path for write in many) == {}
    store.write(*many[:500])
    assert len(store.get_many(write.path for write in many)) == 500


def test_a_batch_of_more_than_9_mebibytes_is_refused(store: DocumentStore, home: str) -> None:
    many = [Write("put", f"{home}/{n}", {"body": "x" * 900_000}) for n in range(11)]
    with pytest.raises(ValueError, match="bytes"):
        store.write(*many)
    assert store.get_many(write.path for write in many) == {}


# -- Transactions ---------------------------------------------------------------------------------


def test_a_transaction_reads_then_writes_and_returns(store: DocumentStore, home: str) -> None:
    put(store, f"{home}/a", n=1)

    def work(transaction: Transaction) -> int:
        found = transaction.get_many([f"{home}/a", f"{home}/b"])
        assert transaction.get(f"{home}/b") is None
        n: int = found[f"{home}/a"].data["n"]
        transaction.write(Write("update", f"{home}/a", {"n": n + 1}))
        transaction.write(Write("create", f"{home}/b", {"n": n}))
        return n

    assert store.transaction(work) == 1
    assert data(store, f"{home}/a") == {"n": 2}
    assert data(store, f"{home}/b") == {"n": 1}


def test_a_transaction_may_write_nothing(store: DocumentStore, home: str) -> None:
    before = put(store, f"{home}/a", n=1)
    assert store.transaction(lambda transaction: transaction.get(f"{home}/a")) is not None
    assert version(store, f"{home}/a") == before


def test_an_error_in_a_transaction_undoes_it(store: DocumentStore, home: str) -> None:
    def work(transaction: Transaction) -> None:
        transaction.write(Write("put", f"{home}/a", {"n": 1}))
        raise LookupError("the work's own")

    with pytest.raises(LookupError, match="the work's own"):
        store.transaction(work)
    assert store.get(f"{home}/a") is None


def test_a_refused_write_undoes_the_transaction(store: DocumentStore, home: str) -> None:
    put(store, f"{home}/a", n=1)

    def work(transaction: Transaction) -> None:
        transaction.write(Write("put", f"{home}/b", {"n": 1}))
        transaction.write(Write("create", f"{home}/a", {"n": 2}))

    with pytest.raises(AlreadyExists):
        store.transaction(work)
    assert store.get(f"{home}/b") is None


def test_a_transaction_reads_before_it_writes(store: DocumentStore, home: str) -> None:
    def work(transaction: Transaction) -> None:
        transaction.write(Write("put", f"{home}/a", {"n": 1}))
        transaction.get(f"{home}/a")

    with pytest.raises(ValueError, match="read"):
        store.transaction(work)
    assert store.get(f"{home}/a") is None


def test_a_path_may_occur_once_in_a_transaction(store: DocumentStore, home: str) -> None:
    def work(transaction: Transaction) -> None:
        transaction.write(Write("put", f"{home}/a", {"n": 1}))
        transaction.write(Write("put", f"{home}/a", {"n": 2}))

    with pytest.raises(ValueError, match="twice"):
        store.transaction(work)


def test_no_increment_is_lost_between_transactions(store: DocumentStore, home: str) -> None:
    put(store, f"{home}/a", n=0)

    def increment(transaction: Transaction) -> None:
        found = transaction.get(f"{home}/a")
        assert found is not None
        transaction.write(Write("update", f"{home}/a", {"n": found.data["n"] + 1}))

    def persist(_: int) -> None:
        while True:
            try:
                return store.transaction(increment)
            except PreconditionFailed:  # a backend may let one lose now and then
                continue

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(persist, range(24)))
    assert data(store, f"{home}/a") == {"n": 24}


def test_a_decision_holds_until_it_is_written(store: DocumentStore, home: str) -> None:
    """Each takes the seat only if it saw it free: one gets it."""

    def sit(name: int) -> int:
        def work(transaction: Transaction) -> int:
            found = transaction.get(f"{home}/seat")
            if found is not None:
                return int(found.data["by"])
            transaction.write(Write("put", f"{home}/seat", {"by": name}))
            return name

        return store.transaction(work)

    with ThreadPoolExecutor(6) as pool:
        seen = set(pool.map(sit, range(6)))
    assert len(seen) == 1
