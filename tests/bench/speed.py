"""Importing a mailbox of 2,000 mails, against Google's client library; and what it costs in quota."""

import multiprocessing
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

from infra.demo.simulated import Simulated
from tests.bench import contenders
from tests.bench.claims import Claim
from tests.bench.contenders import Reading
from tests.bench.mails import COUNT, CUSTOMERS, OTHERS
from tests.bench.simulated import ACCOUNT

ROUNDS = 3
LATENCY = 40
"""Milliseconds of every request."""
SLOWEST = 100
"""So many mails say how fast one by one is; all of them would take minutes."""
QUOTA_PER_MAIL = 24
"""1.2 × the 20 units that Gmail takes for a message."""


def claims(simulated: Simulated) -> Iterator[Claim]:
    for latency in (0, LATENCY):
        simulated.latency(latency)
        readings = _rounds(simulated.url)
        yield from _compared(readings, latency)
    simulated.latency(0)
    yield _quota(simulated)


def _rounds(url: str) -> dict[str, list[Reading]]:
    """Contenders take turns, so that a busy machine is busy for all of them."""
    found: dict[str, list[Reading]] = {"ours": [], "batches": [], "one by one": []}
    for _ in range(ROUNDS):
        found["ours"].append(_fresh(contenders.ours, url, CUSTOMERS + OTHERS))
        found["batches"].append(_fresh(contenders.batches, url, COUNT))
        found["one by one"].append(_fresh(contenders.one_by_one, url, SLOWEST))
    assert all(reading.messages == COUNT for reading in found["ours"] + found["batches"])
    return found


def _compared(readings: dict[str, list[Reading]], latency: int) -> Iterator[Claim]:
    rate = {name: median(one.per_second for one in all_) for name, all_ in readings.items()}
    cpu = {name: median(one.cpu_ms for one in all_) for name, all_ in readings.items()}
    at = f"at {latency} ms"
    faster = rate["batches"] if latency else None
    yield Claim(name=f"ours, stored, {at}", value=rate["ours"], unit="messages/s", at_least=faster)
    yield Claim(
        name=f"client library, batches of 100, {at}", value=rate["batches"], unit="messages/s"
    )
    yield Claim(
        name=f"client library, one by one, {at}",
        value=rate["one by one"],
        unit="messages/s",
        note=f"measured on {SLOWEST}",
    )
    yield Claim(
        name=f"CPU per message, ours, stored, {at}",
        value=cpu["ours"],
        unit="ms",
        at_most=cpu["batches"],
        note=f"{cpu['ours'] / cpu['batches']:.2f} × the batches'",
    )
    yield Claim(name=f"CPU per message, batches of 100, {at}", value=cpu["batches"], unit="ms")
    yield Claim(name=f"CPU per message, one by one, {at}", value=cpu["one by one"], unit="ms")


def _quota(simulated: Simulated) -> Claim:
    before = simulated.counts().units[ACCOUNT]
    kept = _fresh(contenders.ours, simulated.url, CUSTOMERS).messages
    units = simulated.counts().units[ACCOUNT] - before
    return Claim(
        name=f"quota units per kept mail, {len(CUSTOMERS)} contacts, {COUNT} mails",
        value=units / kept,
        unit="units",
        at_most=QUOTA_PER_MAIL,
        note=f"{kept} mails kept",
    )


def _fresh(contender: Callable[..., Reading], url: str, what: Any) -> Reading:
    """In a process and a folder that nobody used before."""
    spawn = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory(prefix="mailbridge-bench-") as folder,
        ProcessPoolExecutor(1, mp_context=spawn) as process,
    ):
        return process.submit(contender, url, Path(folder), what).result()
