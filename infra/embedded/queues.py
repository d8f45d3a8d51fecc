"""The tasks of one machine as queues, for the dispatcher that delivers them."""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from infra.delivery.lanes import Limits
from infra.embedded.tasks import PendingTask, Tasks
from infra.private import private
from shared.domain.errors import ConfigurationError
from shared.ports.clock import Clock

DISPATCH_DEADLINE = timedelta(minutes=10)
"""Cloud Tasks' default: a delivery that takes longer counts as failed, and the task is due again."""


class Queue:
    """Implements `infra.delivery.queue.Queue`: the tasks of some functions."""

    def __init__(self, tasks: Tasks, functions: Sequence[str], limits: Limits) -> None:
        self.limits = limits
        self.finish = tasks.finish
        self.retry = tasks.retry
        self._tasks = tasks
        self._functions = functions

    def claim(self, limit: int) -> list[PendingTask]:
        return self._tasks.claim(self._functions, limit, DISPATCH_DEADLINE)


@contextmanager
def taken_over(folder: Path, clock: Clock | None = None) -> Iterator[Tasks]:
    """The tasks of a folder, for who alone delivers them: whoever did it before is dead, and what they
    had claimed is due. ConfigurationError when somebody else does it now."""
    with _locked(folder / "dispatcher.lock"):
        tasks = Tasks(folder, clock, durable=False)  # a lost claim or ending is done again
        tasks.release()
        try:
            yield tasks
        finally:
            tasks.close()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """The lock ends with this process, however that ends."""
    with private(path).open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(f"The tasks in {path.parent} are being run already.") from None
        yield
