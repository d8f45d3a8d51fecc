"""Runs a module as a program that does not outlive the stack: `python -m infra.processes.child MODULE …`.

A stack that is killed outright can clean up nothing, so the kernel is asked to stop its children
(Linux). Done here and not between fork and exec, where a threaded parent may run no Python.
"""

import ctypes
import os
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    parent = int(sys.argv[1])
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before we could ask
        sys.exit(1)
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
