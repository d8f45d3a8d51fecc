"""The same import on the Google Cloud backend, kept by Google's emulator on this machine.

Told and not judged: the emulator is a Java program that shares our processors, and says nothing about
the speed of Firestore. What it does show is the processor time of our side.
"""

from collections.abc import Iterator
from functools import partial
from statistics import median

from msgspec.structs import replace

from infra.demo.simulated import Simulated
from shared.config import Settings
from tests.bench import contenders
from tests.bench.claims import Claim
from tests.bench.mails import COUNT, CUSTOMERS, OTHERS
from tests.bench.speed import ROUNDS, fresh
from tests.gcp import emulator
from tests.gcp.cloud import QUEUE, make_queue, project, settings

EMBEDDED, CLOUD = "infra.embedded", "shared.gcp on emulators"


def title() -> str:
    skipped = f"; skipped: {why}" if (why := emulator.missing()) else ""
    return f"Import of {COUNT:,} mails by backend, medians of {ROUNDS} rounds{skipped}"


def claims(simulated: Simulated) -> Iterator[Claim]:
    """Nothing where the emulator is missing."""
    if emulator.missing():
        return
    contacts = CUSTOMERS + OTHERS
    found: dict[str, list[contenders.Reading]] = {EMBEDDED: [], CLOUD: []}
    for _ in range(ROUNDS):
        found[EMBEDDED].append(fresh(contenders.ours, simulated.url, contacts))
        on_cloud = partial(contenders.ours, cloud=_new_project())
        found[CLOUD].append(fresh(on_cloud, simulated.url, contacts))
    rate = {name: median(one.per_second for one in all_) for name, all_ in found.items()}
    cpu = {name: median(one.cpu_ms for one in all_) for name, all_ in found.items()}
    for name in found:
        note = f"{rate[name] / rate[EMBEDDED]:.2f} × the embedded's"
        yield Claim(name=name, value=rate[name], unit="mails/s", note=note)
    for name in found:
        note = f"{cpu[name] / cpu[EMBEDDED]:.2f} × the embedded's"
        yield Claim(name=f"{name}: CPU a mail", value=cpu[name], unit="ms", note=note)


def _new_project() -> Settings:
    made = settings(project())
    make_queue(made.google_cloud_project)
    return replace(made, tasks_queues=(("sync_mailbox", QUEUE),))
