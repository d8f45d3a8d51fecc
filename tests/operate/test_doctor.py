"""The doctor says of each thing that it is right, how to mend it, or that it could not see it."""

import io
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from infra import bundle
from infra.operate import doctor, findings, machine
from infra.operate.findings import Check, State
from shared.domain.errors import ConfigurationError

Text = Callable[[], str]


def test_a_machine_that_runs_the_tests_has_nothing_to_mend() -> None:
    found = dict(findings.run(machine.checks({"PORT": "0"})))
    assert {name: one for name, one in found.items() if one.state is State.MEND} == {}
    assert {"Python", "packages", "port"} <= found.keys()


def test_a_package_of_another_version_is_named(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("msgspec==0.0.1\nPyJWT[crypto]==0.0.2\nnothere==1\n")
    found = machine.packages(tmp_path)
    assert found.state is State.MEND
    for part in ("msgspec", "PyJWT", "nothere missing"):
        assert part in found.said


def test_a_malformed_setting_is_named() -> None:
    [(_, found)] = findings.run([Check("settings", lambda: machine.settings({"GMAIL_URL": "x"}))])
    assert found.state is State.MEND
    assert "GMAIL_URL must be" in found.said


def test_a_port_in_use_is_for_a_person_to_judge() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = machine.gateway_port({"PORT": str(taken.getsockname()[1])})
    assert found.state is State.BY_HAND
    assert "PORT=8090" in found.to_do


def test_without_a_python_of_the_runtime_it_says_what_that_costs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bundle, "interpreter", lambda _python: "")
    found = machine.bytecode()
    assert found.state is State.BY_HAND
    assert "PYTHON=" in found.to_do


FOUND = [
    Check("good", lambda: findings.ok("it is [so]")),
    Check("open", lambda: findings.by_hand("nobody knows", "look")),
    Check("bad", lambda: findings.mend("it is broken", "mend it")),
]


def test_into_a_pipe_each_finding_is_a_line(screen: Console, text: Text) -> None:
    assert doctor.show(FOUND, screen, "make run") == 1
    assert text().splitlines() == [
        "ok       good: it is [so]",
        "by hand  open: nobody knows → look",
        "mend     bad: it is broken → mend it",
        "1 to mend, 1 to look at yourself. Next: what stands behind each, from the top",
    ]


def test_on_a_terminal_it_is_a_table() -> None:
    screen = Console(file=io.StringIO(), width=120, force_terminal=True, color_system=None)
    assert doctor.show(FOUND[:2], screen, "make run") == 0
    assert isinstance(screen.file, io.StringIO)
    shown = screen.file.getvalue()
    assert "what was found" in shown
    assert "it is [so]" in shown
    assert "Nothing to mend, 1 to look at yourself. Next: make run" in shown


def test_an_environment_without_variables_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match=r"nope\.tfvars"):
        doctor.of_deployment("nope")


def test_a_setting_that_is_nearly_ours_is_named() -> None:
    found = machine.settings({"SYNC_INTERVALL_SECONDS": "60"})
    assert found.state is State.BY_HAND
    assert "is it SYNC_INTERVAL_SECONDS?" in found.said
