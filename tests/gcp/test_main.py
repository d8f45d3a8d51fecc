"""`python -m tests.gcp`: everything at once, as a process of its own."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from infra.local.invoker import EMAIL
from shared.config import Settings
from shared.ports import Task, Write
from tests.gcp import emulator
from tests.gcp.cloud import backend
from tests.gcp.functions import NAME, function, issuer


@contextmanager
def cloud(*arguments: str) -> Iterator[dict[str, str]]:
    """The settings it prints."""
    command = [sys.executable, "-m", "tests.gcp", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603
        assert process.stdout
        assert process.stdin
        yield msgspec.json.decode(process.stdout.readline(), type=dict[str, str])
        process.stdin.close()
        assert process.wait(20) == 0


@pytest.mark.skipif(bool(emulator.missing()), reason=emulator.missing())
def test_what_it_prints_is_all_that_the_backend_needs(tmp_path: Path) -> None:
    signer = issuer(tmp_path)
    with (
        function(signer, EMAIL) as called,
        cloud("demo", signer.url, str(tmp_path / "invoker.pem")) as printed,
        backend(Settings.from_env(printed | {"FUNCTIONS_URL": called.url})) as made,
    ):
        made.documents.write(Write("put", "teams/t1", {"n": 1}))
        made.secrets.put("name", b"value")
        made.tasks.enqueue(Task(NAME, {"mailbox_id": "m1"}))
        end = time.monotonic() + 10
        while not called.deliveries and time.monotonic() < end:
            time.sleep(0.02)
        assert made.documents.get("teams/t1")
        assert made.secrets.get("name") == b"value"
    assert [one.body for one in called.deliveries] == [b'{"mailbox_id":"m1"}']
