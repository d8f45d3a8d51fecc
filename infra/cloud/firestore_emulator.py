"""Google's own Firestore emulator: found on this machine, run, and ended for certain.

It keeps everything in memory: its export on exit was tried (emulator 1.19.9) and fails.
"""

import functools
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import BinaryIO

from infra.private import private
from infra.processes.ports import HOST, free_port
from shared.config import Settings
from shared.domain.errors import ConfigurationError
from shared.gcp import GoogleCloud
from shared.ports.documents import Query, Where, Write

START_SECONDS = 60.0
_JAR = Path("platform/cloud-firestore-emulator/cloud-firestore-emulator.jar")
_USUAL = (
    Path("/usr/lib/google-cloud-sdk"),
    Path("/usr/share/google-cloud-sdk"),
    Path.home() / "google-cloud-sdk",
    Path("/opt/homebrew/share/google-cloud-sdk"),
)
_MAIN = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
_JAVA = ("java", "-Xmx512m", "-Duser.language=en")
_WATCHED = """exec 3<&0; (read -r _ <&3; kill -9 $$) & exec "$@" </dev/null 3<&-"""
"""Becomes the program, and ends it when its standard input ends, as it does with this process, however
that ends. The one who waits for it is of the same group, whose number therefore stays the program's."""


def missing() -> str:
    """Why it cannot run here, and what to do about it; "" if it can."""
    if not shutil.which("java"):
        return "The Firestore emulator needs Java 17 or newer on the PATH; https://adoptium.net has it."
    if jar() is None:
        return (
            "The Firestore emulator is not installed; `gcloud components install cloud-firestore-emulator` "
            "does it, or of Debian's packages google-cloud-cli-firestore-emulator."
        )
    return ""


@functools.cache
def jar() -> Path | None:
    return next((found for sdk in (*_USUAL, *_asked()) if (found := sdk / _JAR).exists()), None)


def _asked() -> list[Path]:
    """Where the gcloud CLI says it lives."""
    if not (gcloud := shutil.which("gcloud")):
        return []
    command = [gcloud, "info", "--format=value(installation.sdk_root)"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return [Path(answer.stdout.strip())]


@contextmanager
def running(log: Path, report: Callable[[str], None] = lambda _line: None) -> Iterator[str]:
    """host:port of an empty one that answers, for as long as the context lasts.

    `log` gets what it prints; `report` is told when it ends too early. Raises ConfigurationError when
    it is not installed, and ChildProcessError when it does not start.
    """
    if why := missing():
        raise ConfigurationError(why)
    host, stopping = f"{HOST}:{free_port()}", Event()
    with private(log).open("ab") as output:
        process = _started(host, output)
    watch = Thread(
        target=_watch, args=(process, stopping, log, report), name="emulator", daemon=True
    )
    watch.start()
    try:
        _wait(f"http://{host}/", process, log)
        yield host
    finally:
        stopping.set()
        _kill(process)
        watch.join()


def warm_up(host: str) -> None:
    """On a busy machine Java loads what a first commit and query need for longer than a function waits.

    Raises ProviderUnavailable."""
    settings = Settings(google_cloud_project="warm-up", firestore_emulator_host=host)
    with closing(GoogleCloud(settings)) as cloud:
        cloud.documents.write(Write("put", "warm/up", {"n": 1}))
        cloud.documents.transaction(lambda t: t.write(Write("delete", "warm/up")))
        cloud.documents.query(Query("warm", (Where("n", "==", 1),)))


def _started(host: str, output: BinaryIO) -> subprocess.Popen[bytes]:
    java = [*_JAVA, "-cp", str(jar()), _MAIN, "start", f"--host={HOST}"]
    inherited = ("PATH", "HOME", "JAVA_HOME", "LANG", "TZ")
    return subprocess.Popen(  # noqa: S603  # Google's program
        ["/bin/sh", "-c", _WATCHED, "sh", *java, f"--port={host.rpartition(':')[2]}"],
        env={name: os.environ[name] for name in inherited if name in os.environ},
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _watch(
    process: subprocess.Popen[bytes], stopping: Event, log: Path, report: Callable[[str], None]
) -> None:
    status = process.wait()
    if not stopping.is_set():
        report(
            f"The Firestore emulator ended with status {status}, and every document with it; see {log}. "
            "Stop this and start it again."
        )


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with suppress(OSError), urllib.request.urlopen(url, timeout=1):  # noqa: S310  # ours
            return
        time.sleep(0.05)
    raise ChildProcessError(f"The Firestore emulator did not start; see {log}.")
