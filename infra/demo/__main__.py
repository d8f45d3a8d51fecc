"""`python -m infra.demo` (`make demo`): the whole story against a stack of its own.

MAIL is a file or folder of .eml, .txt or mbox files, without it the simulator's own samples serve.
REPORT is a JSON file to write what became of every mail to. Other settings are passed on, but for
those that name providers, users and places: the demo brings its own.
Exit codes: 0 every step happened, 1 one did not, 2 it cannot start as it is set up, 130 Ctrl-C.
"""

import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import msgspec
from rich.console import Console

from infra.demo.accounting import Report
from infra.demo.failure import Failed
from infra.demo.screen import Screen
from infra.demo.stage import Stage
from infra.demo.story import tell
from infra.local.stack import Stack
from shared.config import declared
from shared.domain.errors import ConfigurationError
from shared.providers.registry import declarations

_OWN = {
    *("AUTH_ISSUER", "AUTH_AUDIENCE", "AUTH_JWKS_URL"),
    *("PUBLIC_URL", "ALLOWED_ORIGINS", "EMBEDDED_DATA"),
}
"""Settings that would lead to real users or real data, besides all of the providers."""


def main() -> int:
    console = Console(highlight=False)
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    try:
        return _run(os.environ, Screen(console))
    except ConfigurationError as error:
        return _ended(2, error.detail)
    except (Failed, ChildProcessError) as error:
        return _ended(1, str(error))
    except KeyboardInterrupt:
        return _ended(130, "stopped; nothing is left behind.")


def _interrupt(*_: object) -> None:
    """Once: the cleaning up that follows is not to be interrupted."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _ended(status: int, said: str) -> int:
    print(f"\ndemo: {said}", file=sys.stderr)
    return status


def _run(environment: Mapping[str, str], screen: Screen) -> int:
    mail, path = _mail(environment.get("MAIL", "")), _report_path(environment.get("REPORT", ""))
    kept_back = _OWN.union(*(declared(one.settings) for one in declarations().values()))
    passed_on = {name: value for name, value in environment.items() if name not in kept_back}
    with tempfile.TemporaryDirectory(prefix="mailbridge-demo-") as data:
        screen.step("Starting Mailbridge, with a folder and ports of its own")
        with Stack(passed_on, Path(data), report=screen.trouble) as stack:
            backend = stack.settings["BACKEND"]
            screen.done(f"{len(stack.map.functions)} functions on {backend} behind {stack.url}")
            screen.done(f"simulated providers at {stack.simulator_url}")
            with closing(Stage(stack, screen)) as stage:
                report = tell(stage, backend, mail)
    if path:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    return _judged(report, screen)


def _mail(text: str) -> Path | None:
    path = Path(text).expanduser().resolve() if text else None
    if path and not path.exists():
        raise ConfigurationError(f"MAIL names {text}, and there is no such file or folder.")
    return path


def _report_path(text: str) -> Path | None:
    """Tried now: nobody should wait for a report that cannot be written."""
    path = Path(text).expanduser().resolve() if text else None
    try:
        if path:
            path.touch()
    except OSError as error:
        raise ConfigurationError(f"REPORT names {text}: {error.strerror}.") from error
    return path


def _judged(report: Report, screen: Screen) -> int:
    if not report.adds_up:
        raise Failed(
            f"Of {report.loaded} mails {report.stored} are on a timeline and {report.named} are named: "
            f"{report.lost} lost, {report.doubled} doubled."
        )
    screen.done(
        f"{report.loaded:,} loaded = {report.stored:,} on a timeline + {report.named:,} named; "
        f"none lost, none doubled, {report.sent} sent"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
