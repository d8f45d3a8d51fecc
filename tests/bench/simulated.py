"""The simulator in a process of its own, so that what it costs is not counted as ours."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from infra.local.functions_map import ROOT

ACCOUNT = "ana@example.com"
"""Who owns the loaded mails."""


class Simulated:
    def __init__(self, url: str) -> None:
        self.url = url

    def unlimited(self) -> None:
        """Quota is counted and never refused."""
        self.control("PATCH", "limits/google", units_per_minute=None, sends_per_day=None)

    def latency(self, milliseconds: int) -> None:
        """Of every HTTP request."""
        self.control("PUT", "latency", ms=milliseconds)

    def units(self) -> int:
        """Quota units that ACCOUNT used since the counters were reset."""
        return int(self.control("GET", "counters")["units"].get(ACCOUNT, 0))

    def reset(self) -> None:
        self.control("DELETE", "counters")

    def control(self, method: str, path: str, **body: object) -> Any:
        url = f"{self.url}/_simulator/{path}"
        answer = requests.request(method, url, json=body or None, timeout=30)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def simulator(mbox: Path) -> Iterator[Simulated]:
    """Ready, with the mails of `mbox` in ACCOUNT."""
    command = [sys.executable, "-m", "infra.simulator", "--mail", str(mbox)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            running = Simulated(_url(process))
            running.unlimited()
            yield running
        finally:
            process.terminate()


def _url(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    for line in process.stdout:
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found.group()
    raise ChildProcessError("the simulator did not start")
