"""The log lines of the stack on this machine: one file a process, of JSON objects."""

import heapq
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from infra.operate.lines import Line

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class LocalLogs:
    """All files of a folder as one, by time; what is written meanwhile comes with the next `read`.

    A line that says no time, as libraries print them, has that of the line before it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[Path, _File] = {}

    def read(self) -> list[Line]:
        """What is new since the last time, oldest first."""
        for path in sorted(self._folder.glob("*.log")):
            if path not in self._files:
                self._files[path] = _File(path)
        new = [file.read() for file in self._files.values()]
        return list(heapq.merge(*new, key=lambda line: line.time))


class _File:
    """One process's. When it is full it is renamed to .log.1, and another takes its place."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._time = _BEGINNING
        self._read: dict[int, int] = {}
        """How far each file was read, by its inode, which a renamed one keeps."""

    def read(self) -> list[Line]:
        lines: list[Line] = []
        for path in (self._path.with_suffix(".log.1"), self._path):
            with suppress(FileNotFoundError), path.open("rb") as file:
                lines += self._rest(file)
        return sorted(lines, key=lambda line: line.time)

    def _rest(self, file: BinaryIO) -> Iterator[Line]:
        """Whole lines; a half one is left for the next time."""
        found = os.fstat(file.fileno())
        begin = self._read.get(found.st_ino, 0)
        file.seek(begin if begin <= found.st_size else 0)  # a shorter one is another's successor
        while (raw := file.readline()).endswith(b"\n"):
            self._read[found.st_ino] = file.tell()
            yield self._line(raw.decode("utf-8", "replace"))

    def _line(self, text: str) -> Line:
        fields = _fields(text)
        self._time = _time(fields) or self._time
        severity = str(fields.get("severity", "DEFAULT"))
        return Line(self._time, severity, self._path.stem, fields)


def _fields(text: str) -> Mapping[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {"message": text.rstrip()}


def _time(fields: Mapping[str, Any]) -> datetime | None:
    try:
        return msgspec.convert(fields.get("time"), datetime).astimezone(UTC)
    except msgspec.ValidationError:
        return None
