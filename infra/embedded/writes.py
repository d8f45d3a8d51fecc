"""Checks a batch of writes as Firestore does, and applies it inside one SQLite transaction."""

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct, structs

from infra.embedded.tables import Change, Indexes, Row, collection_of, rows
from infra.embedded.values import pack, unpack
from shared.domain.errors import AlreadyExists, NotFound, PreconditionFailed
from shared.ports.documents import Data, Write

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_WRITES = 500
MAX_BATCH_BYTES = 9 * 1024 * 1024
MAX_DOCUMENT_BYTES = 1024 * 1024
"""Firestore's own limit: what outgrows it is to be noticed here, not only there."""


class Packed(Struct, frozen=True):
    write: Write
    data: bytes


def packed(writes: Sequence[Write]) -> list[Packed]:
    """All that can be done before taking the lock. ValueError for a batch that Firestore would refuse."""
    if len(writes) > MAX_WRITES:
        raise ValueError(f"{len(writes)} writes in one batch, more than {MAX_WRITES}")
    if len({document_path(write.path) for write in writes}) < len(writes):
        raise ValueError("a path occurs twice in one batch")
    batch = [_packed(write) for write in writes]
    if (size := sum(len(packed.data) for packed in batch)) > MAX_BATCH_BYTES:
        raise ValueError(f"a batch of {size} bytes, more than {MAX_BATCH_BYTES}")
    return batch


def _packed(write: Write) -> Packed:
    return Packed(write, _pack(write.path, write.data))


def document_path(path: str) -> str:
    """`path` itself, ValueError if it is no document's."""
    segments = path.split("/")
    if len(segments) % 2 or not set(segments).isdisjoint({"", ".", ".."}):
        raise ValueError(f"{path!r} is no document's path")
    return path


def apply(
    connection: sqlite3.Connection, batch: Sequence[Packed], indexes: Indexes, now: datetime
) -> None:
    """Within a write transaction, which the caller rolls back when this raises. Nobody else counts or
    stamps meanwhile."""
    (version,) = connection.execute(
        "UPDATE commits SET last = last + 1 WHERE rowid = 1 RETURNING last"
    ).fetchone()
    if any(one.write.stamped for one in batch):
        batch = _stamped(batch, _stamp(connection, now))
    indexes.refresh(connection)
    indexes.follow(connection, list(_changes(connection, batch, version)))


def _stamp(connection: sqlite3.Connection, now: datetime) -> datetime:
    """Later than every one before, whatever the clock says. Kept beside the count of commits."""
    connection.execute("INSERT OR IGNORE INTO commits (rowid, last) VALUES (2, 0)")
    (micros,) = connection.execute(
        "UPDATE commits SET last = max(last + 1, ?) WHERE rowid = 2 RETURNING last",
        ((now - EPOCH) // timedelta(microseconds=1),),
    ).fetchone()
    return EPOCH + timedelta(microseconds=micros)


def _stamped(batch: Sequence[Packed], at: datetime) -> list[Packed]:
    return [
        _packed(
            structs.replace(one.write, data=one.write.data | dict.fromkeys(one.write.stamped, at))
        )
        for one in batch
    ]


def _changes(
    connection: sqlite3.Connection, batch: Sequence[Packed], version: int
) -> Iterator[Change]:
    before = rows(connection, (packed.write.path for packed in batch))
    for packed in batch:
        path = packed.write.path
        row = before.get(path)
        _check(packed.write, row)
        new = _merged(packed, row)
        if row:
            _replace(connection, row.id, new, version)
            yield Change(path, row.id, row.data, new)
        elif new is not None:
            yield Change(path, _insert(connection, path, new, version), None, new)


def _check(write: Write, row: Row | None) -> None:
    if write.kind == "create":
        if row:
            raise AlreadyExists(f"{write.path} exists.")
    elif write.if_version is not None and (row is None or row.version != write.if_version):
        raise PreconditionFailed(f"{write.path} changed since it was read.")
    elif write.kind == "update" and row is None:
        raise NotFound(f"{write.path} does not exist.")


def _merged(one: Packed, row: Row | None) -> bytes | None:
    """The document after the write, None when it is gone."""
    if one.write.kind == "delete":
        return None
    if one.write.kind == "update" and row:
        return _pack(one.write.path, {**unpack(row.data), **one.write.data})
    return one.data


def _pack(path: str, data: Data) -> bytes:
    try:
        found = pack(data)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if len(found) > MAX_DOCUMENT_BYTES:
        raise ValueError(f"{path}: {len(found)} bytes, more than {MAX_DOCUMENT_BYTES}")
    return found


def _insert(connection: sqlite3.Connection, path: str, data: bytes, version: int) -> int:
    made = connection.execute(
        "INSERT INTO documents (path, collection, version, data) VALUES (?, ?, ?, ?)",
        (path, collection_of(path), version, data),
    )
    return made.lastrowid or 0


def _replace(connection: sqlite3.Connection, id_: int, data: bytes | None, version: int) -> None:
    if data is None:
        connection.execute("DELETE FROM documents WHERE id = ?", (id_,))
    else:
        connection.execute(
            "UPDATE documents SET version = ?, data = ? WHERE id = ?", (version, data, id_)
        )
