"""`python -m infra.local` (`make run`): the stack until Ctrl-C or SIGTERM.

PORT is the gateway's port (8080), MAIL a file or folder of mails for the simulator, EMBEDDED_DATA
the folder that keeps everything (.local); every setting of shared/config.py may be given.
Exit codes: 0 stopped on request, 1 it failed, 2 it cannot start as it is set up.

Only the standard library is imported before the machine has been looked at.
"""

import importlib.util
import os
import signal
import sys
import threading
from pathlib import Path

PYTHON = (3, 11)
SQLITE = (3, 38)
"""The first that always has the JSON functions, which the document store's queries are made of."""


def main() -> int:
    if problem := _machine_problem():
        print(f"mailbridge: {problem}", file=sys.stderr)
        return 2
    from shared.domain.errors import ConfigurationError

    try:
        return _run()
    except ConfigurationError as error:
        print(f"mailbridge: {error.detail}", file=sys.stderr)
        return 2
    except ChildProcessError as error:
        print(f"mailbridge: {error}", file=sys.stderr)
        return 1


def _machine_problem() -> str:
    """What this Python lacks, in a sentence; "" when it will do."""
    if sys.version_info < PYTHON:
        return f"Python {_dotted(PYTHON)} or newer is needed; this is {sys.version.split()[0]}."
    if importlib.util.find_spec("_sqlite3") is None:
        return "this Python was built without SQLite; install one that has the sqlite3 module."
    import sqlite3

    if sqlite3.sqlite_version_info < SQLITE:
        return f"SQLite {_dotted(SQLITE)} or newer is needed; here is {sqlite3.sqlite_version}."
    if importlib.util.find_spec("msgspec") is None:
        return "the requirements are not installed; `make run` does it."
    return ""


def _dotted(version: "tuple[int, ...]") -> str:
    return ".".join(map(str, version))


def _run() -> int:
    from rich.console import Console

    from infra.functions_map import ROOT
    from infra.local.configuration import port
    from infra.local.stack import Stack
    from infra.local.welcome import welcome

    stopping = _asked_to_stop()
    errors = Console(stderr=True, highlight=False)
    stack = Stack(
        os.environ,
        Path(os.environ.get("EMBEDDED_DATA") or ROOT / ".local"),
        port(os.environ.get("PORT") or "8080"),
        mail=Path(os.environ["MAIL"]) if os.environ.get("MAIL") else None,
        report=lambda line: errors.print(line, style="red", markup=False),
    )
    with stack:
        if not stopping.is_set():
            welcome(stack, Console())
        stopping.wait()
        print("Stopping …")
    return 0


def _asked_to_stop() -> threading.Event:
    """Set by Ctrl-C and SIGTERM; from now on neither of them interrupts anything."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


if __name__ == "__main__":
    sys.exit(main())
