"""SQLite files that many processes and threads use at once."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident

from infra.private import private, private_database
from shared.domain.errors import ProviderUnavailable

BUSY_SECONDS = 60.0
PATIENCE_MS = 500
"""How long a deletion waits for readers before it leaves the log to be emptied later."""
_OUTAGES = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
}


class Database:
    """One file in WAL mode: readers never wait, writers queue.

    Opened on first use. A connection serves one thread at a time, and never a process other than the
    one that opened it, so that forking is safe (https://www.sqlite.org/howtocorrupt.html, 2.6). Folder
    and file are readable by their owner alone. Raises ProviderUnavailable when the file cannot be
    used now: locked by another program, disk full, not accessible.
    """

    def __init__(self, path: Path, schema: str, *, durable: bool = True) -> None:
        """`schema` is run once in the life of the file. Without `durable`, the last commits may be
        missing after a power cut (never after a crash of ours)."""
        self._path = path
        self._schema = schema
        self._synchronous = "FULL" if durable else "NORMAL"
        self._idle: dict[int, list[sqlite3.Connection]] = {}
        self._writers: set[int] = set()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """For single statements, each of which sees one state of the file."""
        idle = self._idle.setdefault(os.getpid(), [])
        with _outages_named(self._path):
            connection = idle.pop() if idle else self._open()
            try:
                yield connection
            finally:
                idle.append(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction with the write lock held from its start: nobody comes between its statements.
        Committed at the end, rolled back on an exception. RuntimeError inside another one of this
        thread, which it would wait for forever."""
        me = get_ident()
        if me in self._writers:
            raise RuntimeError(
                f"{self._path.name}: a write within a transaction of the same thread"
            )
        self._writers.add(me)
        try:
            with self.reading() as connection, self._turn(), _transaction(connection):
                yield connection
        finally:
            self._writers.discard(me)

    def forget(self) -> None:
        """What was deleted can be read nowhere any more: it is overwritten where it stood, and the log
        of writes, which still has it, is emptied. While somebody reads, the next call does it."""
        with self.reading() as connection, self._turn():
            connection.execute(f"PRAGMA busy_timeout = {PATIENCE_MS}")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")

    def close(self) -> None:
        for connection in self._idle.pop(os.getpid(), []):
            connection.close()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One writer at a time, in the order they came, whatever process they are in.

        SQLite's own waiting is a sleep of growing length: under eight busy processes a write took up to
        3 s with it, and 0.04 s with the kernel's queue. It also covers the switch to WAL, for which
        SQLite does not wait at all.
        """
        with self._path.with_suffix(".lock").open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                # Closing the file would not be enough if a fork holds it open too.
                fcntl.flock(file, fcntl.LOCK_UN)

    def _open(self) -> sqlite3.Connection:
        try:
            private(self._path.with_suffix(".lock"))
            with self._turn():
                private_database(self._path)
                return self._connected()
        except OSError as error:
            raise ProviderUnavailable(f"{self._path}: {error}", reason="storage") from error

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        connection.execute("PRAGMA secure_delete = ON")
        if connection.execute("PRAGMA user_version").fetchone() == (0,):
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(f"BEGIN; {self._schema}; PRAGMA user_version = 1; COMMIT")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


@contextmanager
def _outages_named(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in _OUTAGES:
            raise
        raise ProviderUnavailable(f"{path}: {error}", reason="storage") from error
