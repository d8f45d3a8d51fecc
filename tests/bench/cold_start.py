"""What a user waits for when no instance of a function runs: its imports."""

import subprocess
import sys
from collections.abc import Iterator
from statistics import median

from infra import functions_map
from infra.functions_map import ROOT
from tests.bench.claims import Claim

ROUNDS = 9
AT_MOST = 1.6
"""Times what functions_framework takes alone."""
_PROGRAM = f"""
import sys, time
sys.path.append({str(ROOT)!r})
begun = time.process_time()
import functions_framework
if len(sys.argv) > 1:
    functions_framework.create_app(sys.argv[1], sys.argv[2])
print(time.process_time() - begun)
"""


def claims() -> Iterator[Claim]:
    """In CPU time, which a busy machine does not stretch; the ratio is taken round by round."""
    functions = functions_map.load().functions
    ratios: dict[str, list[float]] = {name: [] for name in functions}
    alone: list[float] = []
    for warming in range(-1, ROUNDS):
        framework = _seconds()
        for name in functions:
            ratio = _seconds(name, str(ROOT / "functions" / name / "main.py")) / framework
            if warming >= 0:
                ratios[name].append(ratio)
        alone.append(framework)
    yield Claim(name="functions_framework alone", value=1_000 * median(alone), unit="ms")
    for name in functions:
        yield Claim(name=name, value=median(ratios[name]), unit="× that", at_most=AT_MOST)


def _seconds(*function: str) -> float:
    command = [sys.executable, "-I", "-c", _PROGRAM, *function]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  # ours
    return float(done.stdout)
