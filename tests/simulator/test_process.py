"""`python -m infra.simulator` as a process."""

import base64
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from infra.simulator import Simulator
from tests.simulator.people import mail

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The process and the lines it printed until it was ready."""
    command = [sys.executable, "-m", "infra.simulator", *arguments]
    with subprocess.Popen(  # noqa: S603 - our own program
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            lines: list[str] = []
            while not lines or "chris@" not in lines[-1]:
                lines.append(process.stdout.readline())
                assert lines[-1], process.stderr.read() if process.stderr else ""
            yield process, lines
        finally:
            process.kill()


def url(lines: list[str]) -> str:
    match = re.search(r"http://127\.0\.0\.1:\d+", "".join(lines))
    assert match
    return match.group()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_its_samples_until_it_is_told_to_stop(number: signal.Signals) -> None:
    with running() as (process, lines):
        accounts = requests.get(url(lines) + "/_simulator/accounts", timeout=10).json()
        process.send_signal(number)

        assert process.wait(10) == 0
    assert len(accounts) == 3


def test_it_loads_mail_once_and_keeps_it(tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    folder.mkdir()
    (folder / "a.eml").write_bytes(mail())
    (folder / "b.eml").write_bytes(b"")
    arguments = ("--data", str(tmp_path / "data"), "--mail", str(folder))

    with running(*arguments) as (_, first):
        pass
    with running(*arguments) as (_, second):
        assert "  ana@example.com: 1 mails\n" in second

    assert "not loaded: b.eml: empty: there is no mail in it\n" in first
    assert "1 mails loaded into ana@example.com\n" in first


def test_mail_can_be_added_to_what_an_earlier_start_left(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(mail())
    data = ("--data", str(tmp_path / "data"))

    with running(*data) as (_, samples):
        pass
    with running(*data, "--mail", str(tmp_path / "a.eml")) as (_, added):
        assert "1 mails loaded into ana@example.com\n" in added

    before, after = (
        int(line.split()[1])
        for line in (*samples, *added)
        if line.startswith("  ana@example.com: ")
    )
    assert after == before + 1


def test_what_it_answered_survives_being_killed(tmp_path: Path) -> None:
    raw = base64.b64encode(mail(Subject="Kept")).decode()
    with running("--data", str(tmp_path)) as (process, lines):
        body = {"to": "chris@example.com", "raw": raw}
        requests.post(url(lines) + "/_simulator/deliver", json=body, timeout=10)
        process.kill()

    with running("--data", str(tmp_path)) as (_, lines):
        mails = requests.get(
            url(lines) + "/_simulator/messages?account=chris@example.com", timeout=10
        )
    assert mails.json()[0]["subject"] == "Kept"


def test_a_taken_port_and_a_wrong_path_are_one_line_each() -> None:
    with Simulator.start() as taken:
        port = taken.url.rpartition(":")[2]
        for arguments in (["--port", port], ["--mail", "/no/such/folder"]):
            command = [sys.executable, "-m", "infra.simulator", *arguments]
            ended = subprocess.run(  # noqa: S603 - our own program
                command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
            )
            assert ended.returncode == 1
            assert len(ended.stderr.splitlines()) == 1
