"""Starting, stopping, and starting again, whatever happened in between."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from infra.functions_map import EMBEDDED, ROOT
from infra.local.stack import Stack
from shared.domain.errors import ConfigurationError
from tests.local.conftest import ON_CLOUD
from tests.local.http import add_contact, call
from tests.processes import alive

BOTH = pytest.mark.parametrize("backend", [EMBEDDED, ON_CLOUD])
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


def test_a_restart_keeps_what_was_stored_and_the_tokens_given_out(tmp_path: Path) -> None:
    with Stack({}, tmp_path) as stack:
        contact = add_contact(stack, "bob@example.com")
        pids = [process.pid for process in stack.processes.values()]
    assert not [pid for pid in pids if alive(pid)]
    with Stack({}, tmp_path) as stack:
        assert call(stack, "GET", f"/contacts/{contact}").status_code == 200


def test_a_folder_has_one_stack_at_a_time(tmp_path: Path) -> None:
    with Stack({}, tmp_path), pytest.raises(ConfigurationError, match="Another stack"):
        Stack({}, tmp_path).__enter__()


@linux
@BOTH
def test_ctrl_c_ends_everything(tmp_path: Path, backend: str) -> None:
    with _program(tmp_path, backend) as program:
        pids = _children(program)
        assert pids
        program.send_signal(signal.SIGINT)
        assert program.wait(20) == 0
    assert not [pid for pid in pids if alive(pid)]


@linux
@BOTH
def test_a_stack_that_is_killed_takes_everything_along_and_starts_again(
    tmp_path: Path, backend: str
) -> None:
    with _program(tmp_path, backend) as program:
        pids = _children(program)
        program.kill()
        _until(lambda: not [pid for pid in pids if alive(pid)])
    with Stack({"BACKEND": backend}, tmp_path) as stack:
        assert requests.get(stack.url, timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"PORT": "no"}, "PORT must be a number"),
        ({"PORT": "70000"}, "PORT must be a number"),
        ({"GMAIL_URL": "ftp://x", "MAX_RECIPIENTS": "0"}, "GMAIL_URL must be an https:// URL"),
        ({"GOOGLE_CLIENT_ID": "x"}, "GOOGLE_CLIENT_SECRET must be set"),
        ({"AUTH_ISSUER": "https://login.example.com"}, "AUTH_AUDIENCE, AUTH_JWKS_URL must be set"),
        ({"PUBLIC_URL": "https://mail.example.com"}, "PUBLIC_URL is not on this machine"),
        ({"MAIL": "nowhere.mbox"}, "nowhere.mbox"),
        ({"BACKEND": "shared.elsewhere"}, "this machine has infra.embedded and shared.gcp"),
    ],
)
def test_a_broken_setting_is_one_clear_line(
    tmp_path: Path, environment: dict[str, str], said: str
) -> None:
    ended = _refused(tmp_path, {"PORT": "0", **environment})
    assert said in ended
    assert ended.count("\n") == 1


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = _refused(tmp_path, {"PORT": port})
    assert ended.startswith(f"mailbridge: Port {port} cannot be used")
    assert ended.count("\n") == 1


def _environment(folder: Path, more: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "EMBEDDED_DATA": str(folder), **more}


def _refused(folder: Path, environment: Mapping[str, str]) -> str:
    """What it says on stderr before it ends with status 2."""
    ended = subprocess.run(
        [sys.executable, "-m", "infra.local"],
        cwd=ROOT,
        env=_environment(folder, environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    return ended.stderr


@contextmanager
def _program(folder: Path, backend: str) -> Iterator["subprocess.Popen[str]"]:
    """`python -m infra.local`, ready."""
    program = subprocess.Popen(
        [sys.executable, "-u", "-m", "infra.local"],
        cwd=ROOT,
        env=_environment(folder, {"PORT": "0", "BACKEND": backend}),
        stdout=subprocess.PIPE,
        text=True,
    )
    with program:
        assert program.stdout is not None
        try:
            for line in program.stdout:
                if "Ctrl-C" in line:
                    break
            yield program
        finally:
            program.kill()


def _children(program: "subprocess.Popen[str]") -> list[int]:
    """All processes below it."""
    return list(_below(program.pid))


def _below(pid: int) -> Iterator[int]:
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, listing.read_text().split()):
            yield child
            yield from _below(child)


def _until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
