"""Files that only their owner may read, also where they existed before, or the folder did."""

import logging.handlers
import os
from io import TextIOWrapper
from pathlib import Path


def private(path: Path) -> Path:
    """Makes it if it is not there. Other files of the folder keep the modes they have."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
    return path


def private_database(path: Path) -> Path:
    """A SQLite file, and what SQLite keeps beside it: what it makes there later has the file's mode."""
    for beside in (path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        if beside.exists():
            private(beside)
    return private(path)


class RotatingLog(logging.handlers.RotatingFileHandler):
    """Each of its files in turn."""

    def _open(self) -> TextIOWrapper:
        private(Path(self.baseFilename))
        return super()._open()
