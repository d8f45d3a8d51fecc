"""The exam of `shared.ports.DocumentStore`: batches and transactions."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.domain import ids
from shared.domain.errors import AlreadyExists, PreconditionFailed
from shared.ports.documents import DocumentStore, Transaction, Write
from tests.contracts.backends import Candidate
from tests.contracts.documents import data, put, version


@pytest.fixture
def store(candidate: Candidate) -> DocumentStore:
    return candidate.documents


@pytest.fixture
def home() -> str:
    """A collection of this test's own."""
    return f"teams/{ids.random()}/things"


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
