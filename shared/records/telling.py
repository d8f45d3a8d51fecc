"""What was stored is told to somebody: never before it is stored, and not if it is not."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from shared.ports.documents import Document, DocumentStore, Page, Query, Transaction, Write

T = TypeVar("T")


class TellingDocuments:
    """A DocumentStore that calls `then` with all that was written together, once it is stored."""

    def __init__(self, store: DocumentStore, then: Callable[[Sequence[Write]], None]) -> None:
        self._store = store
        self._then = then

    def get(self, path: str) -> Document | None:
        return self._store.get(path)

    def get_many(self, paths: Iterable[str]) -> dict[str, Document]:
        return self._store.get_many(paths)

    def write(self, *writes: Write) -> None:
        self._store.write(*writes)
        self._then(writes)

    def query(self, query: Query) -> Page:
        return self._store.query(query)

    def count(self, query: Query) -> int:
        return self._store.count(query)

    def transaction(self, work: Callable[[Transaction], T]) -> T:
        written: list[Write] = []

        def watched(transaction: Transaction) -> T:
            written.clear()  # of a run that lost
            return work(_Watched(transaction, written))

        result = self._store.transaction(watched)
        self._then(written)
        return result


class _Watched:
    """A Transaction that notes what it writes."""

    def __init__(self, transaction: Transaction, written: list[Write]) -> None:
        self._transaction = transaction
        self._written = written

    def get(self, path: str) -> Document | None:
        return self._transaction.get(path)

    def get_many(self, paths: Sequence[str]) -> dict[str, Document]:
        return self._transaction.get_many(paths)

    def write(self, *writes: Write) -> None:
        self._transaction.write(*writes)
        self._written += writes
