"""Google's Firestore emulator, one for all tests of a process, started by the first who asks."""

import atexit
import functools
import os
from contextlib import ExitStack
from pathlib import Path

from infra.cloud import firestore_emulator

missing = firestore_emulator.missing


@functools.cache
def host() -> str:
    """Its host:port."""
    stack = ExitStack()
    atexit.register(stack.close)
    started = stack.enter_context(firestore_emulator.running(Path(os.devnull)))
    firestore_emulator.warm_up(started)
    return started
