"""The simulator in a process of its own, so that what it costs is not counted as ours."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.demo.simulated import Simulated
from infra.functions_map import ROOT

ACCOUNT = "ana@example.com"
"""Who owns the loaded mails."""


@contextmanager
def simulator(mbox: Path) -> Iterator[Simulated]:
    """Ready, with the mails of `mbox` in ACCOUNT; quota is counted and never refused."""
    command = [sys.executable, "-m", "infra.simulator", "--mail", str(mbox)]
    with subprocess.Popen(  # noqa: S603  # our own program
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            running = Simulated(_url(process))
            running.lift_quota()
            yield running
        finally:
            process.terminate()


def _url(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    for line in process.stdout:
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found.group()
    raise ChildProcessError("the simulator did not start")
