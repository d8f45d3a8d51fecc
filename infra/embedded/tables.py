"""The tables behind the documents: a row for each, and for each index its entries."""

import sqlite3
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from infra.embedded.indexes import Shape
from infra.embedded.values import unpack

SCHEMA = """
CREATE TABLE documents (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    collection TEXT NOT NULL,  -- the last name of the collection's path
    version INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE TABLE commits (last INTEGER NOT NULL);
INSERT INTO commits VALUES (0);
CREATE TABLE shapes (id INTEGER PRIMARY KEY, definition TEXT NOT NULL UNIQUE);
CREATE TABLE entries (
    shape INTEGER NOT NULL,
    position BLOB NOT NULL,
    document INTEGER NOT NULL,
    PRIMARY KEY (shape, position)
) WITHOUT ROWID
"""

_CHUNK = 500


class Row(Struct, frozen=True):
    id: int
    version: int
    data: bytes


class Change(Struct, frozen=True):
    """What a row held and holds; None where it did or does not exist."""

    path: str
    id: int
    old: bytes | None
    new: bytes | None


class Indexes:
    """The shapes of query that have an index, as this process knows them.

    Any process may add one, none ever goes. Writers look again inside their transaction, so that no
    write misses an index.
    """

    def __init__(self) -> None:
        self.ids: dict[Shape, int] = {}

    def refresh(self, connection: sqlite3.Connection) -> None:
        (count,) = connection.execute("SELECT coalesce(max(id), 0) FROM shapes").fetchone()
        if count != len(self.ids):
            known = connection.execute("SELECT definition, id FROM shapes")
            self.ids = {msgspec.json.decode(text, type=Shape): id_ for text, id_ in known}

    def follow(self, connection: sqlite3.Connection, changes: Iterable[Change]) -> None:
        gone: list[tuple[int, bytes]] = []
        come: list[tuple[int, bytes, int]] = []
        for change in changes:
            collection = collection_of(change.path)
            shapes = [
                (shape, id_) for shape, id_ in self.ids.items() if shape.collection == collection
            ]
            old = _positions(shapes, change.path, change.old)
            new = _positions(shapes, change.path, change.new)
            gone += old - new
            come += ((*position, change.id) for position in new - old)
        connection.executemany("DELETE FROM entries WHERE shape = ? AND position = ?", gone)
        connection.executemany("INSERT INTO entries VALUES (?, ?, ?)", come)


def make_index(connection: sqlite3.Connection, shape: Shape) -> None:
    """Once for each shape of query, of which there are as many as the code has: reads every document."""
    definition = msgspec.json.encode(shape).decode()
    made = connection.execute("INSERT OR IGNORE INTO shapes (definition) VALUES (?)", (definition,))
    if made.rowcount:
        connection.executemany(
            "INSERT INTO entries VALUES (?, ?, ?)",
            _all_entries(connection, shape, made.lastrowid or 0),
        )


def rows(connection: sqlite3.Connection, paths: Iterable[str]) -> dict[str, Row]:
    wanted = list(dict.fromkeys(paths))
    found: dict[str, Row] = {}
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        marks = ",".join("?" * len(chunk))
        sql = f"SELECT path, id, version, data FROM documents WHERE path IN ({marks})"  # noqa: S608  # question marks
        found |= {path: Row(*rest) for path, *rest in connection.execute(sql, chunk)}
    return found


def collection_of(path: str) -> str:
    return path.rsplit("/", 2)[-2]


def _all_entries(
    connection: sqlite3.Connection, shape: Shape, shape_id: int
) -> Iterator[tuple[int, bytes, int]]:
    found = connection.execute(
        "SELECT path, id, data FROM documents WHERE collection = ?", (shape.collection,)
    )
    for path, id_, data in found:
        for entry in _positions([(shape, shape_id)], path, data):
            yield (*entry, id_)


def _positions(
    shapes: list[tuple[Shape, int]], path: str, data: bytes | None
) -> set[tuple[int, bytes]]:
    if data is None or not shapes:
        return set()
    fields = unpack(data)
    found = ((id_, shape.position(path, fields)) for shape, id_ in shapes)
    return {(id_, position) for id_, position in found if position is not None}
