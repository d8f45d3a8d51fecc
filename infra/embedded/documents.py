"""The DocumentStore of one machine: SQLite, with the rules of Firestore."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from sqlite3 import Connection
from typing import Any, TypeVar

from infra.embedded import tables, writes
from infra.embedded.indexes import Plan, Shape, cursor, plan
from infra.embedded.sqlite import Database
from infra.embedded.values import unpack
from shared.bootstrap import SystemClock
from shared.ports.clock import Clock
from shared.ports.documents import Document, Page, Query, Transaction, Write

T = TypeVar("T")


class Documents:
    """Implements `shared.ports.DocumentStore`.

    A query's first use makes its index (`infra.embedded.indexes`). A transaction holds the write lock
    while its work runs, so it never loses to another writer.
    """

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._database = Database(folder / "documents.sqlite3", tables.SCHEMA)
        self._indexes = tables.Indexes()

    def get(self, path: str) -> Document | None:
        return self.get_many([path]).get(path)

    def get_many(self, paths: Iterable[str]) -> dict[str, Document]:
        with self._database.reading() as connection:
            return _documents(connection, paths)

    def write(self, *batch: Write) -> None:
        if packed := writes.packed(batch):
            with self._database.writing() as connection:
                writes.apply(connection, packed, self._indexes, self._clock.now())
            self._forget(batch)

    def transaction(self, work: Callable[[Transaction], T]) -> T:
        with self._database.writing() as connection:
            transaction = _Transaction(connection)
            result = work(transaction)
            if packed := writes.packed(transaction.writes):
                writes.apply(connection, packed, self._indexes, self._clock.now())
        self._forget(transaction.writes)
        return result

    def query(self, query: Query) -> Page:
        steps = plan(query)
        if not steps.prefixes:
            return Page([], "")
        sql, values = page_statement(steps, self._index(steps.shape), query.limit + 1)
        with self._database.reading() as connection:
            rows = connection.execute(sql, values).fetchall()
        found = [
            Document(path, unpack(data), version) for path, version, data, _ in rows[: query.limit]
        ]
        return Page(found, cursor(rows[query.limit - 1][3]) if len(rows) > query.limit else "")

    def count(self, query: Query) -> int:
        steps = plan(Query(query.collection, query.where, query.order_by, group=query.group))
        index = self._index(steps.shape)
        with self._database.reading() as connection:
            found = [
                connection.execute(f"SELECT count(*) {_RUN}", run).fetchone()[0]
                for run in _runs(steps, index)
            ]
        return sum(found)

    def close(self) -> None:
        self._database.close()

    def _forget(self, batch: Iterable[Write]) -> None:
        if any(write.kind == "delete" for write in batch):
            self._database.forget()

    def _index(self, shape: Shape) -> int:
        """Its id; made now if this is the first query of its shape."""
        if shape not in self._indexes.ids:
            with self._database.writing() as connection:
                tables.make_index(connection, shape)
            with self._database.reading() as connection:
                self._indexes.refresh(connection)
        return self._indexes.ids[shape]


class _Transaction:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.writes: list[Write] = []

    def get(self, path: str) -> Document | None:
        return self.get_many([path]).get(path)

    def get_many(self, paths: Sequence[str]) -> dict[str, Document]:
        if self.writes:
            raise ValueError("a transaction reads first, then writes")
        return _documents(self._connection, paths)

    def write(self, *batch: Write) -> None:
        self.writes += batch


_RUN = "FROM entries WHERE shape = ? AND position >= ? AND position < ?"


def _runs(steps: Plan, index: int) -> list[tuple[Any, ...]]:
    return [(index, prefix + steps.lower, prefix + steps.upper) for prefix in steps.prefixes]


def page_statement(steps: Plan, index: int, limit: int) -> tuple[str, list[Any]]:
    """SQL and values: the runs merged, then only this page's documents read, however large others are.

    The rows are path, version, data and place, which is the position without its prefix.
    """
    places = f"SELECT substr(position, ?) AS place, document {_RUN} ORDER BY position LIMIT ?"
    run = f"SELECT * FROM ({places})"  # noqa: S608  # constants and question marks
    merged = " UNION ALL ".join([run] * len(steps.prefixes))
    values: list[Any] = []
    for prefix, bounds in zip(steps.prefixes, _runs(steps, index), strict=True):
        values += [len(prefix) + 1, *bounds, limit]
    sql = f"""
        SELECT path, version, data, place
        FROM (SELECT place, document FROM ({merged}) ORDER BY place LIMIT ?)
        JOIN documents ON id = document ORDER BY place"""  # noqa: S608  # constants and question marks
    return sql, [*values, limit]


def _documents(connection: Connection, paths: Iterable[str]) -> dict[str, Document]:
    rows = tables.rows(connection, map(writes.document_path, paths))
    return {path: Document(path, unpack(row.data), row.version) for path, row in rows.items()}
