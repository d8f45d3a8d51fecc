"""Where a simulator keeps what it must still know after a restart: SQLite, or memory alone."""

import errno
import sqlite3
import threading
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

import msgspec

from infra.private import private_database

R = TypeVar("R")

_SETTINGS = """
PRAGMA locking_mode=EXCLUSIVE;
PRAGMA journal_mode=WAL;
PRAGMA synchronous=NORMAL;
"""
"""Exclusive: the tables are kept in memory too, so a second process would write over the first."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (kind TEXT, key TEXT, body BLOB, PRIMARY KEY (kind, key));
CREATE TABLE IF NOT EXISTS blobs (key TEXT PRIMARY KEY, body BLOB);
"""
_UPSERT = """
INSERT INTO records VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body
"""


class Store:
    """Typed tables, and blobs for raw mails. Small on purpose: one process, one lock.

    `with store:` is a transaction: everything written inside is on the disk together when the
    outermost one ends, and other threads see nothing in between.
    """

    def __init__(self, path: Path | None = None) -> None:
        """`path` is the SQLite file; None keeps everything in memory.

        Raises OSError when another process has the file open.
        """
        if path is not None:
            private_database(path)
        self._lock = threading.RLock()
        self._depth = 0
        self._sqlite = sqlite3.connect(
            path or ":memory:", timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            self._sqlite.executescript(_SETTINGS + _SCHEMA)
        except sqlite3.OperationalError as error:
            self._sqlite.close()
            raise OSError(errno.EBUSY, f"{path} cannot be used: {error}") from error

    def __enter__(self) -> "Store":
        self._lock.acquire()
        self._depth += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        # Committed even after an error: the tables' memory already holds what was written.
        self._depth -= 1
        if self._depth == 0 and self._sqlite.in_transaction:
            self._sqlite.execute("COMMIT")
        self._lock.release()

    def close(self) -> None:
        with self._lock:
            self._sqlite.close()

    def table(self, kind: str, record: type[R]) -> "Table[R]":
        return Table(self, kind, record)

    def records(self, kind: str) -> list[tuple[str, bytes]]:
        """In the order in which they were first written."""
        with self._lock:
            rows = self._sqlite.execute(
                "SELECT key, body FROM records WHERE kind = ? ORDER BY rowid", (kind,)
            )
            return rows.fetchall()

    def write(self, kind: str, key: str, body: bytes) -> None:
        self._execute(_UPSERT, kind, key, body)

    def remove(self, kind: str, key: str) -> None:
        self._execute("DELETE FROM records WHERE kind = ? AND key = ?", kind, key)

    def blob(self, key: str) -> bytes:
        with self._lock:
            row = self._sqlite.execute("SELECT body FROM blobs WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        return bytes(row[0])

    def put_blob(self, key: str, body: bytes) -> None:
        self._execute("REPLACE INTO blobs VALUES (?, ?)", key, body)

    def remove_blob(self, key: str) -> None:
        self._execute("DELETE FROM blobs WHERE key = ?", key)

    def _execute(self, statement: str, *values: str | bytes) -> None:
        with self:
            if not self._sqlite.in_transaction:
                self._sqlite.execute("BEGIN IMMEDIATE")
            self._sqlite.execute(statement, values)


class Table(MutableMapping[str, R], Generic[R]):
    """A dict of frozen structs that is written through to the store and keeps its order."""

    def __init__(self, store: Store, kind: str, record: type[R]) -> None:
        self._store = store
        self._kind = kind
        decoder = msgspec.json.Decoder(record)
        self._records = {key: decoder.decode(body) for key, body in store.records(kind)}

    def __getitem__(self, key: str) -> R:
        return self._records[key]

    def __setitem__(self, key: str, record: R) -> None:
        with self._store:
            self._store.write(self._kind, key, msgspec.json.encode(record))
            self._records[key] = record

    def __delitem__(self, key: str) -> None:
        with self._store:
            del self._records[key]
            self._store.remove(self._kind, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)
