"""How soon `make run` is ready, what each function's process weighs after a hundred real requests, and
what all of them together do."""

import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from infra.demo.api import User
from infra.demo.simulated import Simulated
from infra.functions_map import Function, Trigger
from infra.local.stack import Stack
from tests.bench.claims import Claim

REQUESTS = 100
PROVIDER = "google"
_CONTACT = "priya@north-loop.example"
_IDLE_SECONDS = 120
READY_SECONDS = 10
TOTAL_MIB = 1536


def claims() -> Iterator[Claim]:
    """The limit of a function is what terraform/functions.yaml asks the cloud for."""
    if sys.platform != "linux":
        return  # nobody else tells a process's share of its memory
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="mailbridge-bench-") as folder,
        Stack({}, Path(folder)) as stack,
        closing(User(stack.url, "ana", "acme")) as user,
    ):
        ready = time.monotonic() - began
        yield Claim(name="all of it, ready", value=ready, unit="s", at_most=READY_SECONDS)
        _call_everything(stack, user)
        for name, function in stack.map.functions.items():
            yield Claim(
                name=name,
                value=_resident(stack.processes[name].pid) / 2**20,
                unit="MiB",
                at_most=_granted(function),
            )
        yield Claim(
            name="all of it",
            value=_resident(os.getpid()) / 2**20,
            unit="MiB",
            at_most=TOTAL_MIB,
            note="gateway, simulator and this benchmark included",
        )


def _call_everything(stack: Stack, user: User) -> None:
    """Every function works REQUESTS times: users' calls, and the tasks and schedules behind them."""
    simulated = Simulated(stack.simulator_url)
    simulated.lift_quota()
    account = next(a.address for a in simulated.accounts() if a.provider == PROVIDER)
    contact = user.add_contact(_CONTACT).id
    for _ in range(REQUESTS):
        mailbox = user.connect(PROVIDER, account).id
    stack.wait_idle(_IDLE_SECONDS)
    newest = next(user.timeline(contact)).message_id
    for number in range(REQUESTS):
        list(user.timeline(contact))
        user.message(newest)
        email = {"mailbox_id": mailbox, "to": [_CONTACT], "subject": f"No. {number}", "text": "."}
        user.send(email, key=f"bench-{number}")
        for name in stack.map.triggered_by(Trigger.SCHEDULE):
            stack.run_schedule(name)
        user.sync(mailbox)
    stack.wait_idle(_IDLE_SECONDS)


def _resident(pid: int) -> int:
    """Bytes of a process and all below it; what several of them share counts once (PSS)."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    return int(found[1]) * 1024 + sum(map(_resident, _children(pid))) if found else 0


def _children(pid: int) -> Iterator[int]:
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        yield from map(int, listing.read_text().split())


def _granted(function: Function) -> float:
    """MiB."""
    number, unit = int(function.memory[:-2]), function.memory[-2:]
    return number * (1024 if unit == "Gi" else 1)
