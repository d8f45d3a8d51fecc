"""What the first request of a new instance takes: the function's own imports, its backend's, a key fetched,
a document looked for."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median

from infra.functions_map import ROOT
from tests.bench.claims import Claim
from tests.gcp import emulator
from tests.gcp.cloud import project
from tests.issuers import AUDIENCE, HOUR, new_issuer, published

ROUNDS = 9
FUNCTION = "contacts"
_PROGRAM = f"""
import sys, time
token = sys.stdin.read()
sys.path.append({str(ROOT)!r})
begun = time.process_time()
import functions_framework
app = functions_framework.create_app({FUNCTION!r}, {str(ROOT / "functions" / FUNCTION / "main.py")!r})
answer = app.test_client().get("/", headers={{"Authorization": "Bearer " + token}})
spent = time.process_time() - begun
assert answer.status_code == 200, answer.text
print(spent)
"""


def title() -> str:
    skipped = f"; shared.gcp skipped: {why}" if (why := emulator.missing()) else ""
    return f"Cold start: CPU time to the first answer of {FUNCTION}{skipped}"


def claims() -> Iterator[Claim]:
    """Told and not judged, of each backend; the ratio is taken round by round, as a busy machine slows
    both. On the emulator nobody asks the metadata server for a token, which costs a few ms more."""
    with tempfile.TemporaryDirectory(prefix="mailbridge-bench-") as folder:
        backends = dict(_backends(folder))
        found = _rounds(Path(folder), backends)
    embedded = found["infra.embedded"]
    for name, seconds in found.items():
        ratios = [mine / theirs for mine, theirs in zip(seconds, embedded, strict=True)]
        note = f"{median(ratios):.2f} × the embedded's"
        yield Claim(name=name, value=1_000 * median(seconds), unit="ms", note=note)


def _backends(folder: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    yield "infra.embedded", {"EMBEDDED_DATA": folder}
    if not emulator.missing():
        host = emulator.host()
        yield "shared.gcp", {"GOOGLE_CLOUD_PROJECT": project(), "FIRESTORE_EMULATOR_HOST": host}


def _rounds(folder: Path, backends: Mapping[str, Mapping[str, str]]) -> dict[str, list[float]]:
    issuer = new_issuer(folder)
    token = issuer.token(AUDIENCE, HOUR, {"sub": "ana", "team": "acme"})
    found: dict[str, list[float]] = {name: [] for name in backends}
    with published(issuer) as keys:
        users = {"AUTH_ISSUER": issuer.url, "AUTH_AUDIENCE": AUDIENCE, "AUTH_JWKS_URL": keys.url}
        for warming in range(-1, ROUNDS):
            for name, own in backends.items():
                seconds = _seconds(token, {"BACKEND": name, **users, **own})
                if warming >= 0:
                    found[name].append(seconds)
    return found


def _seconds(token: str, environment: Mapping[str, str]) -> float:
    done = subprocess.run(  # noqa: S603  # the program above
        [sys.executable, "-I", "-c", _PROGRAM],
        env={"PATH": os.environ["PATH"], **environment},
        input=token,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)
