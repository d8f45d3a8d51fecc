"""The SecretStore of one machine: sealed with a key that lies beside the database, for its owner alone."""

import os
import re
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import msgspec

from infra.embedded.sqlite import Database
from infra.private import private
from shared.domain.errors import ConfigurationError, InvalidRequest, ProviderUnavailable
from shared.domain.ids import random
from shared.sealing import KEY_BYTES, Sealer, new_key

MAX_BYTES = 64 * 1024
_NAME = re.compile(r"[A-Za-z0-9_-]{1,200}")
_SCHEMA = """
CREATE TABLE versions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    sealed TEXT NOT NULL,
    labels TEXT NOT NULL,
    UNIQUE (name, id)
)
"""


class Secrets:
    """Implements `shared.ports.SecretStore`. The live version of a secret is its newest."""

    def __init__(self, folder: Path) -> None:
        self._database = Database(folder / "secrets.sqlite3", _SCHEMA)
        self._key_file = folder / "secrets.key"
        self._lazy_sealer: Sealer | None = None

    def get(self, name: str) -> bytes | None:
        with self._database.reading() as connection:
            return self._live(connection, _checked(name))

    def put(self, name: str, value: bytes, *, labels: Mapping[str, str] | None = None) -> None:
        row = self._row(_checked(name, value), value, labels)
        with self._database.writing() as connection:
            version = connection.execute(_INSERT, row).lastrowid or 0
        if self._read(version) != value:
            raise ProviderUnavailable(f"Secret {name} was not stored.", reason="storage")
        with self._database.writing() as connection:
            connection.execute("DELETE FROM versions WHERE name = ? AND id < ?", (name, version))
        self._database.forget()

    def create(self, name: str, value: bytes, *, labels: Mapping[str, str] | None = None) -> bytes:
        row = self._row(_checked(name, value), value, labels)
        with self._database.writing() as connection:
            older = self._live(connection, name)
            if older is None:
                connection.execute(_INSERT, row)
        return value if older is None else older

    def delete(self, name: str) -> None:
        with self._database.writing() as connection:
            connection.execute("DELETE FROM versions WHERE name = ?", (_checked(name),))
        self._database.forget()

    def close(self) -> None:
        self._database.close()

    def _live(self, connection: sqlite3.Connection, name: str) -> bytes | None:
        sql = "SELECT name, sealed FROM versions WHERE name = ? ORDER BY id DESC LIMIT 1"
        row = connection.execute(sql, (name,)).fetchone()
        return self._opened(*row) if row else None

    def _read(self, version: int) -> bytes | None:
        with self._database.reading() as connection:
            sql = "SELECT name, sealed FROM versions WHERE id = ?"
            row = connection.execute(sql, (version,)).fetchone()
        return self._opened(*row) if row else None

    def _row(
        self, name: str, value: bytes, labels: Mapping[str, str] | None
    ) -> tuple[str, str, str]:
        sealed = self._sealer.seal(value, context=_context(name))
        return name, sealed, msgspec.json.encode(dict(labels or {})).decode()

    def _opened(self, name: str, sealed: str) -> bytes:
        try:
            return self._sealer.open(sealed, context=_context(name))
        except InvalidRequest as error:
            raise ConfigurationError(
                f"{self._key_file} is not the key that secret {name} was sealed with."
            ) from error

    @property
    def _sealer(self) -> Sealer:
        if self._lazy_sealer is None:
            self._lazy_sealer = Sealer([_key(self._key_file)])
        return self._lazy_sealer


_INSERT = "INSERT INTO versions (name, sealed, labels) VALUES (?, ?, ?)"


def _context(name: str) -> str:
    return f"secret:{name}"


def _checked(name: str, value: bytes = b"") -> str:
    if not _NAME.fullmatch(name):
        raise InvalidRequest(f"{name!r} is no name of a secret: [A-Za-z0-9_-]{{1,200}}.")
    if len(value) > MAX_BYTES:
        raise InvalidRequest(f"A secret of {len(value)} bytes; at most {MAX_BYTES} are kept.")
    return name


def _key(file: Path) -> bytes:
    """The key in `file`, made first if there is none. Of several processes at once one makes it."""
    if not file.exists():
        _make_key(file)
    key = private(file).read_bytes()
    if len(key) != KEY_BYTES:
        raise ConfigurationError(f"{file} does not hold a key of {KEY_BYTES} bytes.")
    return key


def _make_key(file: Path) -> None:
    """A link appears complete or not at all, and never in place of another file."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{random()}")
    try:
        with open(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as new:  # noqa: PTH123  # mode at creation
            new.write(new_key())
            new.flush()
            os.fsync(new.fileno())
        os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)
