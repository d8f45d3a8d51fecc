"""The exam of `ports.documents.Write.stamped`: times by the store's own clock."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.domain import ids
from shared.ports.documents import DocumentStore, Query, Where, Write
from tests.contracts.backends import Candidate
from tests.contracts.documents import data

FAR = datetime(2001, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(candidate: Candidate) -> DocumentStore:
    return candidate.documents


@pytest.fixture
def home() -> str:
    return f"teams/{ids.random()}/things"


def stamp(store: DocumentStore, path: str) -> datetime:
    found = (data(store, path) or {})["at"]
    assert isinstance(found, datetime)
    return found


@pytest.mark.parametrize("kind", ["create", "put"])
def test_a_stamped_field_is_the_stores_time_whatever_was_written(
    store: DocumentStore, home: str, kind: str
) -> None:
    write = Write(kind, f"{home}/a", {"at": FAR, "name": "n"}, stamped=("at",))  # type: ignore[arg-type]
    store.write(write)
    assert abs(stamp(store, f"{home}/a") - datetime.now(UTC)) < timedelta(minutes=1)
    assert (data(store, f"{home}/a") or {})["name"] == "n"


def test_an_update_stamps_and_leaves_the_rest(store: DocumentStore, home: str) -> None:
    store.write(Write("put", f"{home}/a", {"at": FAR, "name": "n"}))
    store.write(Write("update", f"{home}/a", {"more": 1}, stamped=("at",)))
    assert stamp(store, f"{home}/a") > FAR
    assert {**(data(store, f"{home}/a") or {}), "at": None} == {"at": None, "name": "n", "more": 1}


def test_all_of_a_batch_have_one_time_and_later_batches_never_an_earlier_one(
    store: DocumentStore, home: str
) -> None:
    times = []
    for number in range(5):
        one, other = f"{home}/a{number}", f"{home}/b{number}"
        store.write(*(Write("create", path, {}, stamped=("at",)) for path in (one, other)))
        assert stamp(store, one) == stamp(store, other)
        times.append(stamp(store, one))
    assert times == sorted(times)


def test_a_transaction_stamps_too_and_queries_order_by_it(store: DocumentStore, home: str) -> None:
    for name in ("first", "second"):
        write = Write("create", f"{home}/{name}", {}, stamped=("at",))
        store.transaction(lambda transaction, write=write: transaction.write(write))  # type: ignore[misc]
    page = store.query(Query(home, (Where("at", ">=", FAR),), ("at",)))
    assert [one.path.rpartition("/")[2] for one in page.documents] == ["first", "second"]
