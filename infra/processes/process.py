"""Child processes: each on a port of its own, started again when it ends, and stopped for certain."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from infra.functions_map import ROOT
from infra.private import RotatingLog
from infra.processes.ports import HOST, free_port

START_SECONDS = 30.0
STOP_SECONDS = 5.0
LOG_BYTES = 5_000_000
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 30.0

Report = Callable[[str], None]
"""Told, in one line each, what a person at the terminal should know."""


class Process:
    """A Python module as a program, in a process group of its own, its output kept as JSON lines.

    It is started by a thread that stays until `stop`: the kernel signals a child when the thread
    that made it ends, and not only when the process does.
    """

    def __init__(
        self,
        name: str,
        command: Callable[[int], Sequence[str]],
        environment: Mapping[str, str],
        *,
        logs: Path,
        report: Report,
        port: int = 0,
        announces: str = "",
    ) -> None:
        """`command` gives the module and its arguments for the port that it is to listen on.

        Without `port`, it gets a free one every time it is started. It is ready once it accepts
        connections, and has printed a line that begins with `announces`.
        """
        self.name = name
        self.port = port
        self._fixed_port = port
        self._awaited = announces
        self.ended = 0
        """How many times it ended by itself."""
        self._command = command
        self._environment = _minimal() | dict(environment)
        self.log = str(logs / f"{name}.log")
        self._log = RotatingLog(self.log, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8")
        self._report = report
        self._popen: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._keep_running, name=name)

    def start(self) -> None:
        self._thread.start()

    def ready(self) -> bool:
        if self._awaited:
            return False
        with socket.socket() as probe:
            return self.port > 0 and probe.connect_ex((HOST, self.port)) == 0

    @property
    def pid(self) -> int:
        """0 while it is not running."""
        popen = self._popen
        return popen.pid if popen is not None and popen.returncode is None else 0

    def ask_to_stop(self) -> None:
        with self._lock:
            self._stopping.set()
        self._signal(signal.SIGTERM)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Asks, waits a little, then kills. Nothing of its group is left."""
        self.ask_to_stop()
        if self._thread.ident is not None:
            self._thread.join(seconds)
            self._signal(signal.SIGKILL)
            self._thread.join()
        self._log.close()

    def _keep_running(self) -> None:
        pause = FIRST_PAUSE
        while (popen := self._run()) is not None:
            began = time.monotonic()
            reader = threading.Thread(target=self._keep_output, args=(popen,))
            reader.start()
            popen.wait()
            self._signal(signal.SIGKILL)  # a worker may outlive its master
            reader.join()
            if self._stopping.is_set():
                return
            self.ended += 1
            self._report(f"{self.name} ended with status {popen.returncode}; starting it again")
            pause = FIRST_PAUSE if time.monotonic() - began > 60 else min(pause * 2, LONGEST_PAUSE)
            self._stopping.wait(pause)

    def _run(self) -> "subprocess.Popen[bytes] | None":
        """None when it is to stop."""
        with self._lock:
            if self._stopping.is_set():
                return None
            self.port = self._fixed_port or free_port()
            parent = str(os.getpid())
            self._popen = subprocess.Popen(  # noqa: S603  # our own modules
                [sys.executable, "-m", "infra.processes.child", parent, *self._command(self.port)],
                env=self._environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            return self._popen

    def _signal(self, number: int) -> None:
        if self._popen is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._popen.pid, number)

    def _keep_output(self, popen: subprocess.Popen[bytes]) -> None:
        assert popen.stdout is not None  # noqa: S101  # it is a pipe
        with popen.stdout as output:
            for raw in output:
                if line := raw.decode("utf-8", "replace").rstrip():
                    self._keep(line)

    def _keep(self, text: str) -> None:
        if self._awaited and text.startswith(self._awaited):
            self._awaited = ""
        line = _as_line(text)
        self._log.emit(logging.makeLogRecord({"msg": msgspec.json.encode(line).decode()}))
        if line.get("severity") in {"ERROR", "CRITICAL"}:
            self._report(f"{self.name}: {_in_short(line)}")


def wait_ready(processes: Sequence[Process]) -> None:
    """Raises ChildProcessError naming those that ended, or do not answer in time."""
    deadline = time.monotonic() + START_SECONDS
    while waiting := [process for process in processes if not process.ready()]:
        broken = [process.name for process in waiting if process.ended]
        if broken or time.monotonic() > deadline:
            names = broken or [process.name for process in waiting]
            logs = ", ".join(process.log for process in waiting if process.name in names)
            raise ChildProcessError(f"{', '.join(names)} did not start; see {logs}.")
        time.sleep(0.02)


def stop_all(processes: Sequence[Process]) -> None:
    """All at once, within STOP_SECONDS."""
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes:
        process.ask_to_stop()
    for process in processes:
        process.stop(max(0.0, deadline - time.monotonic()))


def _minimal() -> dict[str, str]:
    """What a program needs to run at all; every setting beyond it has to be granted."""
    needed = ("PATH", "HOME", "LANG", "TZ")
    inherited = {name: os.environ[name] for name in needed if name in os.environ}
    return inherited | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}


def _in_short(line: Mapping[str, object]) -> object:
    """A failed request says why in `detail`, or by the name of an error that nobody expected."""
    return line.get("detail") or line.get("error") or line.get("message")


def _as_line(text: str) -> dict[str, object]:
    """Our log lines are objects already; whatever else a program prints is made one."""
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except msgspec.MsgspecError:
        return {"severity": "INFO", "message": text}
