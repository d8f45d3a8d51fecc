"""Clients are made when first used, once for all threads, and anew in every process."""

import itertools
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from shared.config import Settings
from shared.domain.errors import ConfigurationError
from shared.gcp import GoogleCloud
from shared.gcp.clients import PerProcess

_FORKING = """
import os, threading, time
from shared.gcp.clients import PerProcess

inside = threading.Event()
def make():
    if not inside.is_set():
        inside.set()
        time.sleep(2)  # the lock is held while this process forks
    return os.getpid()

client = PerProcess(make)
threading.Thread(target=client).start()
inside.wait()
child = os.fork()
if child == 0:
    os._exit(0 if client() == os.getpid() else 1)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert client() == os.getpid()
raise SystemExit(status)
"""


def test_threads_share_one_client() -> None:
    numbers = itertools.count()
    client = PerProcess(lambda: next(numbers))
    gate = Barrier(8)

    def use(_: int) -> object:
        gate.wait()
        return client()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(use, range(8))) == {0}


def test_a_forked_process_makes_its_own_even_while_the_parent_makes_its() -> None:
    command = [sys.executable, "-W", "ignore", "-c", _FORKING]
    subprocess.run(command, check=True, timeout=30)  # noqa: S603


_IDLE = """
import sys
from shared.config import Settings
from shared.gcp import backend
backend(Settings(google_cloud_project="p"))
print({"grpc", "google.api_core", "google.protobuf", "google.auth", "requests"} & {*sys.modules})
"""


def test_nothing_of_google_is_loaded_before_it_is_used() -> None:
    command = [sys.executable, "-c", _IDLE]
    answer = subprocess.run(command, capture_output=True, check=True)  # noqa: S603
    assert answer.stdout.strip() == b"set()"


def test_without_a_project_it_says_which_setting_is_missing() -> None:
    with pytest.raises(ConfigurationError, match="GOOGLE_CLOUD_PROJECT"):
        GoogleCloud(Settings())
