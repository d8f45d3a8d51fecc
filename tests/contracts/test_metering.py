"""The meter reads the same whatever the backend, and as Firestore's bill does."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.errors import AlreadyExists
from shared.metering import Meter, MeteredDocuments, MeteredSecrets, MeteredTasks, measured
from shared.ports.documents import DocumentStore, Query, Transaction, Where, Write
from shared.ports.tasks import Task
from tests.contracts.backends import BACKENDS, Candidate
from tests.contracts.documents import put

pytestmark = pytest.mark.parametrize(
    "candidate", [name for name in BACKENDS if name != "metered"], indirect=True
)
ALL = Query("metered")


@pytest.fixture
def store(candidate: Candidate) -> DocumentStore:
    """With three documents, `number` 0 to 2."""
    for number in range(3):
        put(candidate.documents, f"metered/m{number}", number=number)
    return MeteredDocuments(candidate.documents)


def test_a_read_is_a_document_asked_for_whether_or_not_it_is_there(store: DocumentStore) -> None:
    with measured() as meter:
        store.get("metered/m0")
        store.get("metered/nothing")
        store.get_many(iter(["metered/m1", "metered/m2", "metered/m1", "metered/none"]))
    assert meter == Meter(store_reads=5)


@pytest.mark.parametrize(
    ("query", "reads"),
    [
        (ALL, 3),
        (Query("metered", order_by=("number",), limit=2), 3),  # the third says that more follows
        (Query("metered", where=(Where("number", "==", 7),)), 1),
        (Query("metered_nothing"), 1),
    ],
)
def test_a_query_is_what_it_finds_and_never_nothing(
    store: DocumentStore, query: Query, reads: int
) -> None:
    with measured() as meter:
        store.query(query)
    assert meter == Meter(store_reads=reads)


def test_counting_is_cheap(store: DocumentStore) -> None:
    with measured() as meter:
        assert store.count(ALL) == 3
        assert store.count(Query("metered_nothing")) == 0
    assert meter == Meter(store_reads=2)


def test_a_write_is_a_document_and_one_that_was_refused_is_none(store: DocumentStore) -> None:
    with measured() as meter:
        store.write(Write("create", "metered/new"), Write("delete", "metered/m0"))
        store.write()
        with pytest.raises(AlreadyExists):
            store.write(Write("create", "metered/new"))
    assert meter == Meter(store_writes=2)


def test_a_transaction_is_its_reads_and_writes(store: DocumentStore) -> None:
    def work(transaction: Transaction) -> None:
        assert transaction.get("metered/m0")
        assert len(transaction.get_many(["metered/m1", "metered/m2", "metered/none"])) == 2
        transaction.write(Write("update", "metered/m0", {"number": 10}))

    with measured() as meter:
        store.transaction(work)
    assert meter == Meter(store_reads=4, store_writes=1)


def test_secrets_and_tasks_are_counted_by_the_piece(candidate: Candidate) -> None:
    secrets, tasks = MeteredSecrets(candidate.secrets), MeteredTasks(candidate.tasks)
    later = datetime.now(UTC) + timedelta(days=1)
    with measured() as meter:
        secrets.put("metered", b"value", labels={"team": "t"})
        assert secrets.create("metered", b"other") == b"value"
        assert secrets.get("metered") == b"value"
        secrets.delete("metered")
        tasks.enqueue(*(Task("metered_work", {"id": id_}, not_before=later) for id_ in "abc"))
    assert meter == Meter(secrets=4, tasks=3)
    assert len(candidate.stored_tasks("metered_work")) == 3
