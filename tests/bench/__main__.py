"""`python -m tests.bench [--json FILE]` (`make bench`): a table, the same as JSON, and exit code 1 when
a limit is missed."""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from rich.console import Console

from infra.functions_map import ROOT
from tests.bench import cloud, cold_start, first_request, mails, memory, speed
from tests.bench.claims import Claim, table
from tests.bench.simulated import simulator

Chapter = tuple[str, list[Claim]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "bench.json", metavar="FILE")
    asked = parser.parse_args()
    console, begun = Console(highlight=False), time.monotonic()
    chapters: list[Chapter] = []
    for title, claims in _chapters():
        console.print(table(title, claims))
        chapters.append((title, claims))
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_bytes(_as_json(chapters))
    missed = [claim for _, claims in chapters for claim in claims if not claim.kept]
    console.print(f"{time.monotonic() - begun:.0f} s; {len(missed)} limits missed; {asked.json}")
    return 1 if missed else 0


def _chapters() -> Iterator[Chapter]:
    yield "Cold start: CPU time of the imports", list(cold_start.claims())
    yield first_request.title(), list(first_request.claims())
    yield (
        f"`make run`, and memory after {memory.REQUESTS} requests",
        list(memory.claims()),
    )
    with tempfile.TemporaryDirectory(prefix="mailbridge-bench-") as folder:
        mbox = Path(folder) / "mails.mbox"
        mails.write_mbox(mbox)
        with simulator(mbox) as simulated:
            yield from speed.chapters(simulated)
            yield cloud.title(), list(cloud.claims(simulated))


def _as_json(chapters: list[Chapter]) -> bytes:
    found = {
        title: [msgspec.structs.asdict(claim) | {"kept": claim.kept} for claim in claims]
        for title, claims in chapters
    }
    return msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"


if __name__ == "__main__":
    sys.exit(main())
