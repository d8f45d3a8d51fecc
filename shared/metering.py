"""What a request uses of what costs money or quota.

A Meter belongs to one request and is found through its context, so that nobody has to hand it on:

    with measured() as meter:
        current().quota_units += 5

The stores count at the port, in the caller's thread, by Firestore's price list
(https://cloud.google.com/firestore/pricing). What an adapter reads for itself, such as the document
that says which version of a secret is live, is not in it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from msgspec import Struct

from shared.ports.documents import Document, DocumentStore, Page, Query, Transaction, Write
from shared.ports.secrets import SecretStore
from shared.ports.tasks import Task, TaskQueue

T = TypeVar("T")

ENTRIES_PER_READ = 1_000
"""Index entries that one read of a count goes through."""


class Meter(Struct):
    quota_units: int = 0
    """Of the mail provider, by its own measure."""
    provider_requests: int = 0
    """HTTP requests to the provider, those for tokens and repeated ones included."""
    store_reads: int = 0
    store_writes: int = 0
    """Deletions included."""
    secrets: int = 0
    """Operations on the SecretStore."""
    tasks: int = 0
    """Enqueued."""


_current: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def measured() -> Iterator[Meter]:
    """What is used within is counted by this Meter, and by no outer one."""
    meter = Meter()
    token = _current.set(meter)
    try:
        yield meter
    finally:
        _current.reset(token)


def current() -> Meter:
    """To add to. Where nothing is measured, one that nobody reads."""
    return _current.get() or Meter()


class MeteredDocuments:
    """A DocumentStore that counts."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store

    def get(self, path: str) -> Document | None:
        current().store_reads += 1  # one that is not there costs the same
        return self._store.get(path)

    def get_many(self, paths: Iterable[str]) -> dict[str, Document]:
        distinct = list(dict.fromkeys(paths))
        current().store_reads += len(distinct)
        return self._store.get_many(distinct)

    def write(self, *writes: Write) -> None:
        self._store.write(*writes)
        current().store_writes += len(writes)

    def query(self, query: Query) -> Page:
        page = self._store.query(query)
        further = bool(page.next)  # read to see whether anything follows
        current().store_reads += max(1, len(page.documents) + further)
        return page

    def count(self, query: Query) -> int:
        count = self._store.count(query)
        current().store_reads += max(1, -(-count // ENTRIES_PER_READ))
        return count

    def transaction(self, work: Callable[[Transaction], T]) -> T:
        return self._store.transaction(lambda transaction: work(_Metered(transaction)))


class _Metered:
    """A Transaction that counts, each of its runs."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def get(self, path: str) -> Document | None:
        current().store_reads += 1
        return self._transaction.get(path)

    def get_many(self, paths: Sequence[str]) -> dict[str, Document]:
        current().store_reads += len(set(paths))
        return self._transaction.get_many(paths)

    def write(self, *writes: Write) -> None:
        current().store_writes += len(writes)
        self._transaction.write(*writes)


class MeteredSecrets:
    """A SecretStore that counts."""

    def __init__(self, secrets: SecretStore) -> None:
        self._secrets = secrets

    def get(self, name: str) -> bytes | None:
        current().secrets += 1
        return self._secrets.get(name)

    def put(self, name: str, value: bytes, *, labels: Mapping[str, str] | None = None) -> None:
        current().secrets += 1
        self._secrets.put(name, value, labels=labels)

    def create(self, name: str, value: bytes, *, labels: Mapping[str, str] | None = None) -> bytes:
        current().secrets += 1
        return self._secrets.create(name, value, labels=labels)

    def delete(self, name: str) -> None:
        current().secrets += 1
        self._secrets.delete(name)


class MeteredTasks:
    """A TaskQueue that counts."""

    def __init__(self, tasks: TaskQueue) -> None:
        self._tasks = tasks

    def enqueue(self, *tasks: Task) -> None:
        self._tasks.enqueue(*tasks)
        current().tasks += len(tasks)
