"""The TaskQueue of one machine, and its other end, which `infra.embedded.queues` gives a dispatcher."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from msgspec import Struct

from infra.delivery.queue import Counts
from infra.embedded.sqlite import Database
from shared.bootstrap import SystemClock
from shared.domain.errors import InvalidRequest
from shared.ports.clock import Clock
from shared.ports.tasks import Task

MAX_BODY_BYTES = 1024 * 1024
MAX_DELAY = timedelta(days=30)
NAME_KEPT = timedelta(hours=24)
"""How long a name stays taken once its task is done. Until then it is taken anyway."""

_SCHEMA = """
CREATE TABLE tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    function TEXT NOT NULL,
    body BLOB NOT NULL,
    due INTEGER NOT NULL,  -- microseconds since 1970; of a running task, when its lease ends
    attempts INTEGER NOT NULL DEFAULT 0,
    running INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX tasks_due ON tasks (function, due);
CREATE TABLE names (
    name TEXT PRIMARY KEY,
    until INTEGER  -- NULL while the task lives
) WITHOUT ROWID;
CREATE INDEX names_until ON names (until)
"""


class PendingTask(Struct, frozen=True):
    """A task to be delivered now."""

    id: int
    name: str
    """Every task has one, as in Cloud Tasks."""
    function: str
    body: dict[str, str]
    attempt: int
    """1 for the first delivery."""


class Tasks:
    """Implements `shared.ports.TaskQueue`, with the rules of Cloud Tasks.

    A claimed task is leased: whoever claimed it settles it by `finish` or `retry`, or it becomes due
    again when the lease ends. Settling after that has no effect: the attempt's number is a fence.
    """

    def __init__(self, folder: Path, clock: Clock | None = None, *, durable: bool = True) -> None:
        self._database = Database(folder / "tasks.sqlite3", _SCHEMA, durable=durable)
        self._clock = clock or SystemClock()

    def enqueue(self, *tasks: Task) -> None:
        now = self._clock.now()
        rows = [_row(task, now) for task in tasks]
        with self._database.writing() as connection:
            fresh = [row for row in rows if not row[0] or _take_name(connection, row[0], now)]
            connection.executemany(
                "INSERT INTO tasks (name, function, body, due) VALUES (?, ?, ?, ?)", fresh
            )

    def claim(self, functions: Sequence[str], limit: int, lease: timedelta) -> list[PendingTask]:
        """At most `limit` due tasks of these functions, the longest due first."""
        now = self._clock.now()
        if not self._any_due(functions, now):
            return []
        until = _micros(now + lease)
        with self._database.writing() as connection:
            rows = connection.execute(_claim(functions), (until, *functions, _micros(now), limit))
            return sorted(map(_pending, rows), key=lambda task: task.id)

    def finish(self, task: PendingTask) -> None:
        """Done, or given up."""
        now = self._clock.now()
        with self._database.writing() as connection:
            gone = connection.execute(
                "DELETE FROM tasks WHERE id = ? AND attempts = ? RETURNING name",
                (task.id, task.attempt),
            ).fetchone()
            if gone:
                _keep_name(connection, gone[0], now)

    def retry(self, task: PendingTask, after: timedelta) -> None:
        due = _micros(self._clock.now() + after)
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE tasks SET due = ?, running = 0 WHERE id = ? AND attempts = ?",
                (due, task.id, task.attempt),
            )

    def release(self) -> None:
        """Ends every lease: whoever held them is known to be dead."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE tasks SET due = ?, running = 0 WHERE running", (_micros(self._clock.now()),)
            )

    def counts(self) -> Counts:
        now = _micros(self._clock.now())
        sql = """SELECT count(*) FILTER (WHERE due > :now AND running),
                        count(*) FILTER (WHERE due <= :now),
                        count(*) FILTER (WHERE due > :now AND NOT running) FROM tasks"""
        with self._database.reading() as connection:
            return Counts(*connection.execute(sql, {"now": now}).fetchone())

    def close(self) -> None:
        self._database.close()

    def _any_due(self, functions: Sequence[str], now: datetime) -> bool:
        """A look without the write lock: most looks find nothing."""
        sql = f"SELECT 1 FROM tasks WHERE function IN ({_marks(functions)}) AND due <= ? LIMIT 1"  # noqa: S608
        with self._database.reading() as connection:
            return connection.execute(sql, (*functions, _micros(now))).fetchone() is not None


def _row(task: Task, now: datetime) -> tuple[str, str, bytes, int]:
    body = msgspec.json.encode(task.body)
    due = task.not_before or now
    if len(body) > MAX_BODY_BYTES:
        raise InvalidRequest(
            f"A task body of {len(body)} bytes; at most {MAX_BODY_BYTES} are taken."
        )
    if due > now + MAX_DELAY:
        raise InvalidRequest(f"A task cannot wait more than {MAX_DELAY.days} days.")
    return task.name, task.function, body, _micros(max(due, now))


def _take_name(connection: sqlite3.Connection, name: str, now: datetime) -> bool:
    """False while an earlier task of this name lives, and for a day after."""
    taken = connection.execute(
        "INSERT INTO names VALUES (?, NULL) ON CONFLICT DO UPDATE SET until = NULL WHERE until <= ?",
        (name, _micros(now)),
    )
    return taken.rowcount > 0


def _keep_name(connection: sqlite3.Connection, name: str, now: datetime) -> None:
    connection.execute("DELETE FROM names WHERE until <= ?", (_micros(now),))
    connection.execute(
        "UPDATE names SET until = ? WHERE name = ?", (_micros(now + NAME_KEPT), name)
    )


def _claim(functions: Sequence[str]) -> str:
    return f"""
        UPDATE tasks SET due = ?, attempts = attempts + 1, running = 1 WHERE id IN (
            SELECT id FROM tasks WHERE function IN ({_marks(functions)}) AND due <= ?
            ORDER BY due LIMIT ?
        ) RETURNING id, name, function, body, attempts"""  # noqa: S608


def _marks(values: Sequence[str]) -> str:
    return ",".join("?" * len(values))


def _pending(row: tuple[int, str, str, bytes, int]) -> PendingTask:
    id_, name, function, body, attempts = row
    fields = msgspec.json.decode(body, type=dict[str, str])
    return PendingTask(id_, name or f"{function}-{id_}", function, fields, attempts)


def _micros(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
