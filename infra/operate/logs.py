"""`make logs`: what the functions said, of a deployment or of this machine, oldest first.

FUNCTION=sync_mailbox,sweep · SEVERITY=warning · SINCE=30m, 6h or 2d (default 1h) · FOLLOW=1 goes on.
"""

import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from msgspec import Struct
from rich.console import Console

from infra import functions_map
from infra.operate.cloud_logs import CloudLogs
from infra.operate.deployment import Deployment
from infra.operate.google import Google
from infra.operate.lines import SEVERITIES, Line
from infra.operate.local_logs import LocalLogs
from shared.domain.errors import ConfigurationError

LIMIT = 1000
"""Lines that are read at first."""
LOCAL_PAUSE, CLOUD_PAUSE = 0.5, 5.0
"""Seconds between two looks at what is new."""

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Source(Protocol):
    def read(self) -> list[Line]:
        """What is new since the last time, oldest first."""


class Wanted(Struct, frozen=True):
    functions: tuple[str, ...]
    """None means all."""
    severity: str
    since: datetime
    follow: bool

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Wanted":
        """Raises ConfigurationError."""
        severity = (env.get("SEVERITY") or "DEFAULT").upper()
        if severity not in SEVERITIES:
            raise ConfigurationError(f"SEVERITY must be one of {', '.join(SEVERITIES)}.")
        return cls(
            functions=tuple(name for name in env.get("FUNCTION", "").split(",") if name),
            severity=severity,
            since=datetime.now(UTC) - span(env.get("SINCE") or "1h"),
            follow=env.get("FOLLOW", "") not in {"", "0"},
        )

    def wants(self, line: Line) -> bool:
        named = not self.functions or line.function in self.functions
        return named and line.time >= self.since and line.at_least(self.severity)


def span(text: str) -> timedelta:
    """Of "30m", "6h" or "2d". Raises ConfigurationError."""
    if not (parts := re.fullmatch(r"(\d{1,4})([mhd])", text)):
        raise ConfigurationError(f"SINCE must be like 30m, 6h or 2d, not {text!r}.")
    return timedelta(**{_UNITS[parts[2]]: int(parts[1])})


def of_machine(folder: Path, wanted: Wanted) -> LocalLogs:
    """Raises ConfigurationError when there are none, or none of a function that is wanted."""
    there = {path.stem for path in folder.glob("*.log")}
    if not there:
        raise ConfigurationError(f"Nothing was logged in {folder} yet. Next: make run")
    _check(wanted.functions, there)
    return LocalLogs(folder)


def of_deployment(google: Google, deployment: Deployment, wanted: Wanted) -> CloudLogs:
    _check(wanted.functions, deployment.function_urls)
    return CloudLogs(
        google,
        deployment,
        functions=wanted.functions or tuple(deployment.function_urls),
        severity=wanted.severity,
        since=wanted.since,
        limit=LIMIT,
    )


def show(
    source: Source,
    wanted: Wanted,
    console: Console,
    pause: float,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Until Ctrl-C when it follows."""
    try:
        shown = _print(source, wanted, console)
        while wanted.follow:
            sleep(pause)
            _print(source, wanted, console)
    except KeyboardInterrupt:
        return 0
    said = f"{shown} lines." if shown else "No such lines."
    # Beside the lines, which may go into a file.
    print(f"{said} Next: SINCE=6h for older ones, FOLLOW=1 for new ones.", file=sys.stderr)
    return 0


def _print(source: Source, wanted: Wanted, console: Console) -> int:
    lines = [line for line in source.read() if wanted.wants(line)]
    for line in lines:
        console.print(str(line), style=line.style, markup=False, highlight=False, soft_wrap=True)
    return len(lines)


def _check(wanted: Iterable[str], there: Iterable[str]) -> None:
    if unknown := sorted({*wanted} - {*there}):
        raise ConfigurationError(
            f"FUNCTION names {', '.join(unknown)}; there are {', '.join(sorted(there))}."
        )


def folder(env: Mapping[str, str]) -> Path:
    """Where the stack on this machine keeps its logs."""
    return Path(env.get("EMBEDDED_DATA") or functions_map.ROOT / ".local") / "logs"
