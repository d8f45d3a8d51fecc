"""The implementations that sit the exams. A new one is one class and one line in `BACKENDS`."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from infra.embedded import Embedded
from shared.metering import MeteredDocuments, MeteredSecrets, MeteredTasks
from shared.ports.world import Backend
from tests.gcp.candidate import google_cloud


class Candidate(Backend, Protocol):
    """A backend, and what an exam must see of it beyond the ports.

    It may hold other tests' things, so the exams choose names that nobody else has. Nobody takes
    tasks out while an exam runs.
    """

    def versions_kept(self, secret: str) -> int:
        """Of a secret: those not destroyed."""

    def stored_tasks(self, function: str) -> list[dict[str, str]]:
        """The bodies of the tasks for a function, due or later, in any order."""


class EmbeddedCandidate(Embedded):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._folder = folder

    def versions_kept(self, secret: str) -> int:
        return len(self._rows("secrets", "SELECT id FROM versions WHERE name = ?", secret))

    def stored_tasks(self, function: str) -> list[dict[str, str]]:
        rows = self._rows("tasks", "SELECT body FROM tasks WHERE function = ?", function)
        return [msgspec.json.decode(body, type=dict[str, str]) for (body,) in rows]

    def _rows(self, database: str, sql: str, *values: str) -> list[tuple[Any, ...]]:
        file = self._folder / f"{database}.sqlite3"
        if not file.exists():
            return []
        connection = sqlite3.connect(file)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()


@contextmanager
def embedded(folder: Path) -> Iterator[Candidate]:
    candidate = EmbeddedCandidate(folder / "data")
    yield candidate
    candidate.close()


class MeteredCandidate:
    """The embedded backend as services see it: each use counted, nothing else changed."""

    def __init__(self, inner: Candidate) -> None:
        self.documents = MeteredDocuments(inner.documents)
        self.secrets = MeteredSecrets(inner.secrets)
        self.tasks = MeteredTasks(inner.tasks)
        self.versions_kept = inner.versions_kept
        self.stored_tasks = inner.stored_tasks


@contextmanager
def metered(folder: Path) -> Iterator[Candidate]:
    with embedded(folder) as inner:
        yield MeteredCandidate(inner)


BACKENDS: Mapping[str, Callable[[Path], AbstractContextManager[Candidate]]] = {
    "embedded": embedded,
    "metered": metered,
    "google_cloud": google_cloud,
}
"""Each takes an empty folder of its own, and skips the test with a reason where it cannot run."""
