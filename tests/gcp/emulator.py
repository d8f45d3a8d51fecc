"""Google's own Firestore emulator: found, started once for all tests of a process, and stopped."""

import atexit
import functools
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

START_SECONDS = 60.0
_JAR = Path("platform/cloud-firestore-emulator/cloud-firestore-emulator.jar")
_USUAL = (
    Path("/usr/lib/google-cloud-sdk"),
    Path("/usr/share/google-cloud-sdk"),
    Path.home() / "google-cloud-sdk",
    Path("/opt/homebrew/share/google-cloud-sdk"),
)
_MAIN = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
_WATCHED = """exec 3<&0; "$@" </dev/null >/dev/null 2>&1 & read -r _ <&3; kill -9 $!; wait"""
"""Ends the program when its standard input ends, as it does with this process, however that ends."""


def missing() -> str:
    """Why it cannot run here, "" if it can."""
    if not shutil.which("java"):
        return "the Firestore emulator needs Java"
    return "" if jar() else "the gcloud CLI's Firestore emulator is not installed"


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


@functools.cache
def host() -> str:
    """host:port of the running emulator; started by the first who asks."""
    port = _free_port()
    java = ["java", "-Xmx512m", "-Duser.language=en", "-cp", str(jar()), _MAIN, "start"]
    command = ["sh", "-c", _WATCHED, "sh", *java, "--host=127.0.0.1", f"--port={port}"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603
    atexit.register(_stop, process)
    _wait(f"http://127.0.0.1:{port}/")
    return f"127.0.0.1:{port}"


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.communicate()


def _wait(url: str) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310  # ours
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"the Firestore emulator did not answer within {START_SECONDS:.0f} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
