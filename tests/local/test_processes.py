"""Programs that are kept running, and ended for certain."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from infra.processes.ports import HOST, free_port
from infra.processes.process import Process, stop_all, wait_ready

MakeProcess = Callable[..., Process]


@pytest.fixture
def told() -> list[str]:
    """What was reported to the terminal."""
    return []


@pytest.fixture
def make(tmp_path: Path, told: list[str]) -> Iterator[MakeProcess]:
    """Makes a process that runs a module; `{port}` in its arguments is its port."""
    made: list[Process] = []

    def process(*command: str, **more: str) -> Process:
        filled = lambda port: [part.replace("{port}", str(port)) for part in command]  # noqa: E731
        one = Process("one", filled, {}, logs=tmp_path, report=told.append, **more)  # type: ignore[arg-type]
        made.append(one)
        return one

    yield process
    stop_all(made)


def web_server(make: MakeProcess, **more: str) -> Process:
    return make("http.server", "--bind", HOST, "{port}", **more)


def test_it_is_ready_when_it_answers(make: MakeProcess) -> None:
    process = web_server(make)
    assert not process.ready()
    process.start()
    wait_ready([process])
    assert process.ready()


def test_it_is_not_ready_before_its_announcement(make: MakeProcess) -> None:
    process = web_server(make, announces="Serving HTTP")
    process.start()
    wait_ready([process])
    assert "Serving HTTP" in Path(process.log).read_text()


def test_it_comes_back_on_another_port_when_it_is_killed(
    make: MakeProcess, told: list[str]
) -> None:
    process = web_server(make)
    process.start()
    wait_ready([process])
    killed = process.pid
    os.kill(killed, signal.SIGKILL)
    _until(lambda: process.pid not in {0, killed} and process.ready())
    assert told == ["one ended with status -9; starting it again"]


def test_one_that_cannot_start_is_named_with_its_log(make: MakeProcess, told: list[str]) -> None:
    process = make("there_is_no_such_module")
    process.start()
    with pytest.raises(ChildProcessError, match=r"one did not start; see .*one\.log"):
        wait_ready([process])
    process.stop()
    assert "there_is_no_such_module" in Path(process.log).read_text()
    assert told[0].startswith("one ended with status 1")


def test_stopped_it_stays_stopped(make: MakeProcess) -> None:
    process = web_server(make)
    process.start()
    wait_ready([process])
    pid = process.pid
    process.stop()
    assert process.pid == 0
    assert not process.ready()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_one_that_was_never_started_can_be_stopped(make: MakeProcess) -> None:
    web_server(make).stop()


def test_every_line_it_prints_is_kept_as_an_object(make: MakeProcess) -> None:
    process = make("this")
    process.start()
    _until(lambda: process.ended > 0)
    process.stop()
    lines = [msgspec.json.decode(line) for line in Path(process.log).read_text().splitlines()]
    assert {"severity": "INFO", "message": "Beautiful is better than ugly."} in lines


def test_errors_in_its_log_are_told_at_once(make: MakeProcess, told: list[str]) -> None:
    process = make("tests.local.failing")
    process.start()
    _until(lambda: process.ended > 0)
    process.stop()
    assert told[:2] == ["one: it broke", "one: KeyError"]


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_free_port_is_given_to_nobody_else_before_its_server_starts() -> None:
    """Several stacks start at once, and each starts many servers."""
    ours = {free_port() for _ in range(500)}
    with ExitStack() as others:
        for _ in range(1_000):
            other = others.enter_context(socket.socket())
            other.bind((HOST, 0))
            assert other.getsockname()[1] not in ours
        for port in ours:
            others.enter_context(socket.create_server((HOST, port)))
    assert len(ours) == 500
