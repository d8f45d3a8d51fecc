"""Cloud Scheduler on one machine: calls each scheduled function when its cron line says so."""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from croniter import croniter  # type: ignore[import-untyped]  # it ships no types

Call = Callable[[str], None]
"""Calls a function by name; deals with its failures."""


class Scheduler:
    """A run that takes long makes its function skip the next one; runs never overlap."""

    def __init__(self, schedules: Mapping[str, str], call: Call) -> None:
        """`schedules` is name → cron line, in UTC."""
        self._call = call
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(name, line), name=f"schedule {name}")
            for name, line in schedules.items()
        ]

    def start(self) -> None:
        """Everything runs once now: it may have been due while the stack was down."""
        for thread in self._threads:
            thread.start()

    def ask_to_stop(self) -> None:
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def join(self) -> None:
        """Returns when no run is left."""
        self._stopping.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _run(self, name: str, line: str) -> None:
        while not self._stopping.is_set():
            self._call(name)
            now = datetime.now(UTC)
            self._stopping.wait((next_run(line, now) - now).total_seconds())


def next_run(line: str, after: datetime) -> datetime:
    """The first moment after `after` that the cron line names."""
    moment: datetime = croniter(line, after).get_next(datetime)
    return moment
