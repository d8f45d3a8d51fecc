"""Google's emulator is ended for certain, and its end is noticed. A program in Java's place serves, so that
this is known also where the emulator is not installed."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.cloud import firestore_emulator
from infra.functions_map import ROOT
from shared.domain.errors import ConfigurationError
from tests.processes import alive

_SERVES = """#!/bin/sh
echo $$ > {pid}
for last; do true; done
exec {python} -m http.server --bind 127.0.0.1 "${{last#--port=}}"
"""
_IS_KILLED = """
import os, signal
from pathlib import Path
from infra.cloud import firestore_emulator
firestore_emulator.jar = lambda: Path("emulator.jar")
with firestore_emulator.running(Path(os.devnull)):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program that is found as Java; writes its process id to "pid" beside it."""
    program = tmp_path / "java"
    program.write_text(_SERVES.format(pid=tmp_path / "pid", python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    # What is examined is how a program is run, whichever is installed.
    monkeypatch.setattr(firestore_emulator, "jar", lambda: tmp_path / "emulator.jar")
    return program


def pid(java: Path) -> int:
    return int((java.parent / "pid").read_text())


def test_it_answers_while_the_context_lasts_and_is_gone_after(java: Path, tmp_path: Path) -> None:
    told: list[str] = []
    with (
        firestore_emulator.running(tmp_path / "log", told.append) as host,
        urllib.request.urlopen(f"http://{host}/", timeout=10) as answer,
    ):
        assert answer.status == 200
    _until(lambda: not alive(pid(java)))
    assert told == []


def test_one_that_ends_too_early_is_told_with_what_it_means(java: Path, tmp_path: Path) -> None:
    told: list[str] = []
    with firestore_emulator.running(tmp_path / "log", told.append):
        os.kill(pid(java), signal.SIGKILL)
        _until(lambda: bool(told))
    assert "ended with status -9, and every document with it" in told[0]
    assert str(tmp_path / "log") in told[0]


def test_one_that_does_not_start_is_told_at_once_with_its_log(java: Path, tmp_path: Path) -> None:
    java.write_text("#!/bin/sh\necho this Java is too old\nexit 1\n")
    log = tmp_path / "log"
    with pytest.raises(ChildProcessError, match=f"did not start; see {log}"):
        firestore_emulator.running(log).__enter__()
    assert log.read_text() == "this Java is too old\n"


def test_it_ends_with_whoever_started_it_though_that_was_killed(java: Path) -> None:
    command = [sys.executable, "-c", _IS_KILLED]
    ended = subprocess.run(command, cwd=ROOT, check=False, timeout=60)  # noqa: S603
    assert ended.returncode == -signal.SIGKILL
    _until(lambda: not alive(pid(java)))


def test_without_java_it_says_where_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="needs Java 17 or newer"):
        firestore_emulator.running(tmp_path / "log").__enter__()


@pytest.mark.usefixtures("java")
def test_without_the_emulator_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firestore_emulator, "jar", lambda: None)
    assert "gcloud components install cloud-firestore-emulator" in firestore_emulator.missing()


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
