"""Cloud Scheduler on one machine: calls each scheduled function when its cron line says so."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from croniter import croniter

Call = Callable[[str], None]
"""Calls a function by name; reports its own failures."""


@contextmanager
def scheduling(schedules: Mapping[str, str], call: Call) -> Iterator[None]:
    """Runs while the context lasts. A run that takes long makes its function skip, never overlap.

    `schedules` is name → cron line, UTC. What was due while the stack was down runs at once: nobody
    wants to wait for the minute to be over.
    """
    stopping = threading.Event()
    threads = [
        threading.Thread(target=_run, args=(name, line, call, stopping), name=f"schedule {name}")
        for name, line in schedules.items()
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


def next_run(line: str, after: datetime) -> datetime:
    """The first moment after `after` that the cron line names."""
    moment: datetime = croniter(line, after).get_next(datetime)
    return moment


def _run(name: str, line: str, call: Call, stopping: threading.Event) -> None:
    while not stopping.is_set():
        call(name)
        now = datetime.now(UTC)
        stopping.wait((next_run(line, now) - now).total_seconds())
