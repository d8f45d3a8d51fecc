"""A meter belongs to one request, whatever other requests do meanwhile."""

import contextvars
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import pytest

from infra.embedded.documents import Documents
from shared.metering import Meter, MeteredDocuments, current, measured
from shared.ports.documents import Query, Transaction, Write

T = TypeVar("T")


class _Overtaken(Exception):
    pass


class Contended(Documents):
    """Every transaction loses once, and its collections are as large as is said."""

    entries = 0

    def transaction(self, work: Callable[[Transaction], T]) -> T:
        def lose(transaction: Transaction) -> None:
            work(transaction)
            raise _Overtaken

        with suppress(_Overtaken):
            super().transaction(lose)
        return super().transaction(work)

    def count(self, query: Query) -> int:
        return super().count(query) + self.entries


@pytest.fixture
def contended(tmp_path: Path) -> Iterator[Contended]:
    store = Contended(tmp_path)
    yield store
    store.close()


@pytest.fixture
def store(contended: Contended) -> MeteredDocuments:
    return MeteredDocuments(contended)


def test_a_transaction_that_runs_again_is_counted_again(store: MeteredDocuments) -> None:
    def work(transaction: Transaction) -> str:
        transaction.get("a/b")
        transaction.get_many(["a/b", "a/c", "a/b"])
        transaction.write(Write("delete", "a/b"), Write("delete", "a/c"))
        return "done"

    with measured() as meter:
        assert store.transaction(work) == "done"
    assert meter == Meter(store_reads=6, store_writes=4)


@pytest.mark.parametrize(("entries", "reads"), [(0, 1), (1_000, 1), (1_001, 2), (25_000, 25)])
def test_a_count_is_a_read_for_every_thousand_entries(
    contended: Contended, store: MeteredDocuments, entries: int, reads: int
) -> None:
    contended.entries = entries
    with measured() as meter:
        assert store.count(Query("a")) == entries
    assert meter.store_reads == reads


def test_requests_at_the_same_time_have_meters_of_their_own(store: MeteredDocuments) -> None:
    together = Barrier(2)

    def request(reads: int) -> Meter:
        with measured() as meter:
            together.wait(10)
            for _ in range(reads):
                store.get("a/b")
            together.wait(10)
        return meter

    with ThreadPoolExecutor(2) as threads:
        meters = list(threads.map(request, [3, 50]))
    assert meters == [Meter(store_reads=3), Meter(store_reads=50)]


def test_a_pool_counts_for_the_request_whose_context_it_runs_in() -> None:
    with measured() as meter, ThreadPoolExecutor(1) as pool:
        pool.submit(_spend).result(10)
        assert meter == Meter()
        pool.submit(contextvars.copy_context().run, _spend).result(10)
    assert meter == Meter(quota_units=5)


def test_after_a_request_nothing_is_counted() -> None:
    with measured() as meter:
        _spend()
    _spend()
    assert meter == Meter(quota_units=5)


def _spend() -> None:
    current().quota_units += 5
