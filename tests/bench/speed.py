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
OURS, BATCHES, ONE_BY_ONE = "ours", "client library, batches", "client library, one by one"
_NOTES = {
    OURS: "matched and stored",
    BATCHES: "100 a batch, nothing stored",
    ONE_BY_ONE: f"nothing stored, measured on {SLOWEST}",
}
QUOTA_PER_MAIL = 24
"""1.2 × the 20 units that Gmail takes for a message."""

WRITES_PER_MAIL = 4.5
"""A mail has one contact as a rule; now and then the sync says how far it is."""


def chapters(simulated: Simulated) -> Iterator[tuple[str, list[Claim]]]:
    for latency in (0, LATENCY):
        simulated.latency(latency)
        title = f"Import of {COUNT:,} mails, {latency} ms a request, medians of {ROUNDS} rounds"
        yield title, list(_compared(_rounds(simulated.url), latency))
    simulated.latency(0)
    yield f"Quota, {len(CUSTOMERS)} contacts in {COUNT:,} mails", list(_quota(simulated))


def _rounds(url: str) -> dict[str, list[Reading]]:
    """Contenders take turns, so that a busy machine is busy for all of them."""
    found: dict[str, list[Reading]] = {OURS: [], BATCHES: [], ONE_BY_ONE: []}
    for _ in range(ROUNDS):
        found[OURS].append(fresh(contenders.ours, url, CUSTOMERS + OTHERS))
        found[BATCHES].append(fresh(contenders.batches, url, COUNT))
        found[ONE_BY_ONE].append(fresh(contenders.one_by_one, url, SLOWEST))
    assert all(reading.messages == COUNT for reading in found[OURS] + found[BATCHES])
    return found


def _compared(readings: dict[str, list[Reading]], latency: int) -> Iterator[Claim]:
    """Against the batches, in CPU always; in speed where a network is between."""
    rate = {name: median(one.per_second for one in all_) for name, all_ in readings.items()}
    cpu = {name: median(one.cpu_ms for one in all_) for name, all_ in readings.items()}
    for name, value in rate.items():
        least = rate[BATCHES] if latency and name == OURS else None
        yield Claim(name=name, value=value, unit="mails/s", at_least=least, note=_NOTES[name])
    for name, value in cpu.items():
        most = cpu[BATCHES] if name == OURS else None
        note = f"{value / cpu[BATCHES]:.2f} × the batches'"
        yield Claim(name=f"{name}: CPU a mail", value=value, unit="ms", at_most=most, note=note)


def _quota(simulated: Simulated) -> Iterator[Claim]:
    before = simulated.counts().units[ACCOUNT]
    reading = fresh(contenders.ours, simulated.url, CUSTOMERS)
    kept, units = reading.messages, simulated.counts().units[ACCOUNT] - before
    yield Claim(
        name="units a kept mail",
        value=units / kept,
        unit="units",
        at_most=QUOTA_PER_MAIL,
        note=f"{kept} mails kept",
    )
    yield Claim(
        name="writes a kept mail",
        value=reading.store_writes / kept,
        unit="writes",
        at_most=WRITES_PER_MAIL,
        note="message, body, line and the line's event",
    )


def fresh(contender: Callable[..., Reading], url: str, what: Any) -> Reading:
    """In a process and a folder that nobody used before."""
    spawn = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory(prefix="mailbridge-bench-") as folder,
        ProcessPoolExecutor(1, mp_context=spawn) as process,
    ):
        return process.submit(contender, url, Path(folder), what).result()
