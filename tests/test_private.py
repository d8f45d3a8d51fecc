"""What lies on this machine is for its owner alone, whatever was there before."""

import logging
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from infra.embedded import Embedded
from infra.private import RotatingLog, private
from infra.simulator.store import Store
from shared.ports.documents import Write


@pytest.fixture
def open_folder(tmp_path: Path) -> Iterator[Path]:
    """One that everybody may read, in which everything is made readable for everybody."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    before = os.umask(0)
    yield folder
    os.umask(before)


def modes(folder: Path) -> set[int]:
    return {file.stat().st_mode & 0o777 for file in folder.rglob("*") if file.is_file()}


def work(folder: Path) -> None:
    backend = Embedded(folder)
    backend.documents.write(Write("put", "teams/t", {"a": 1}))
    backend.secrets.put("token", b"value")
    assert backend.tasks.claim(["f"], 1, timedelta(minutes=1)) == []
    backend.close()
    simulator = Store(folder / "simulator.sqlite")
    simulator.close()
    log = RotatingLog(folder / "f.log", maxBytes=100, backupCount=1, encoding="utf-8")
    for _ in range(5):
        log.emit(logging.makeLogRecord({"msg": "x" * 60}))
    log.close()


def test_every_file_is_its_owners_alone(open_folder: Path) -> None:
    work(open_folder)
    assert modes(open_folder) == {0o600}


def test_also_those_that_others_could_read_before(open_folder: Path) -> None:
    work(open_folder)
    for file in open_folder.iterdir():
        file.chmod(0o644)
    work(open_folder)
    readable = {file.name for file in open_folder.iterdir() if file.stat().st_mode & 0o077}
    assert not readable


def test_a_file_keeps_what_is_in_it(open_folder: Path) -> None:
    (open_folder / "lock").write_text("x")
    assert private(open_folder / "lock").read_text() == "x"
