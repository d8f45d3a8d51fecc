"""`python -m infra.local` (`make run`): the stack until Ctrl-C or SIGTERM.

PORT is the gateway's port (8080), MAIL a file or folder of mails for the simulator, EMBEDDED_DATA
the folder that keeps everything (.local); every setting of shared/config.py may be given.
Exit codes: 0 stopped on request, 1 it failed, 2 it cannot start as it is set up.
"""

import os
import signal
import sys
import threading
from pathlib import Path

from infra.local import configuration
from infra.local.functions_map import ROOT
from shared.domain.errors import ConfigurationError


def main() -> int:
    try:
        configuration.check_machine()
        return _run()
    except ConfigurationError as error:
        print(f"mailbridge: {error.detail}", file=sys.stderr)
        return 2
    except ChildProcessError as error:
        print(f"mailbridge: {error}", file=sys.stderr)
        return 1


def _run() -> int:
    from rich.console import Console

    from infra.local.stack import Stack
    from infra.local.welcome import welcome

    stopping = _asked_to_stop()
    errors = Console(stderr=True, highlight=False)
    stack = Stack(
        os.environ,
        Path(os.environ.get("EMBEDDED_DATA") or ROOT / ".local"),
        _port(os.environ.get("PORT") or "8080"),
        mail=Path(os.environ["MAIL"]) if os.environ.get("MAIL") else None,
        report=lambda line: errors.print(line, style="red", markup=False),
    )
    with stack:
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


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65535:
        raise ConfigurationError(f"PORT must be a number up to 65535, not {text!r}.")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
