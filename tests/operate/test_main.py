"""The command line: what it prints, and how it ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.functions_map import ROOT
from infra.simulator import Simulator
from tests.world import ANA, FakeClock, LocalWorld, connect_account


def operate(command: str, **env: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **env}
    return subprocess.run(  # noqa: S603  # our own module
        [sys.executable, "-m", "infra.operate", command],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_word_it_does_not_know_is_answered_with_those_it_does() -> None:
    done = operate("destroy")
    assert (done.returncode, done.stdout) == (2, "")
    assert "plan | deploy | doctor | logs | status" in done.stderr


@pytest.mark.parametrize("command", ["plan", "deploy", "doctor", "logs", "status"])
def test_an_environment_that_is_none_is_an_error_in_a_sentence(command: str) -> None:
    done = operate(command, ENVIRONMENT="nope")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("mailbridge: There is no terraform/environments/nope.tfvars")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["logs", "status"])
def test_before_the_first_run_it_says_what_to_start(command: str, tmp_path: Path) -> None:
    done = operate(command, EMBEDDED_DATA=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.endswith("Next: make run\n")
    assert list(tmp_path.iterdir()) == [], "looking makes nothing"


def test_the_status_of_this_machine(tmp_path: Path, simulator: Simulator, clock: FakeClock) -> None:
    world = LocalWorld(tmp_path, simulator, clock)
    simulator.add_account("ana@example.com")
    mailbox = connect_account(world, ANA, "ana@example.com")
    world.backend.close()
    done = operate("status", EMBEDDED_DATA=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert mailbox.id in done.stdout
    assert "To watch: make logs FOLLOW=1" in done.stdout


def test_the_doctor_of_this_machine(tmp_path: Path) -> None:
    done = operate("doctor", EMBEDDED_DATA=str(tmp_path), PORT="0")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Next: make run" in done.stdout


def test_without_a_way_into_google_it_says_how_to_sign_in(tmp_path: Path) -> None:
    done = operate(
        "doctor",
        ENVIRONMENT="staging",
        GOOGLE_APPLICATION_CREDENTIALS=str(tmp_path / "none.json"),
        HTTPS_PROXY="http://127.0.0.1:9",  # so that nothing leaves this machine
    )
    assert done.returncode == 1
    assert "gcloud auth application-default login" in done.stdout
    assert "Traceback" not in done.stderr
