"""`python -m infra.simulator`: the simulator as a process of its own, until Ctrl-C or SIGTERM."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from infra.simulator import (
    CLIENT_ID,
    CLIENT_SECRET,
    MICROSOFT_CLIENT_ID,
    MICROSOFT_CLIENT_SECRET,
    Simulator,
)


def main() -> int:
    asked = _arguments()
    try:
        simulator = Simulator.start(asked.port, asked.data)
    except OSError as error:
        print(f"Simulator: cannot start on port {asked.port}: {error.strerror}.", file=sys.stderr)
        return 1
    with simulator:
        try:
            _fill(simulator, asked.mail)
        except FileNotFoundError as error:
            print(f"Simulator: {error}", file=sys.stderr)
            return 1
        stopped = _told_to_stop()
        _introduce(simulator)
        stopped.wait()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--data", type=Path, help="folder that keeps everything; memory without it")
    parser.add_argument(
        "--mail",
        type=Path,
        help="file or folder of mails, for the first account",
    )
    return parser.parse_args()


def _fill(simulator: Simulator, mail: Path | None) -> None:
    """What is there stays. Mail is loaded once: a start with the same MAIL again brings nothing twice."""
    if mail is not None:
        _load(simulator, mail)
    elif not simulator.office.accounts():
        simulator.add_samples()


def _load(simulator: Simulator, mail: Path) -> None:
    first, *_ = simulator.office.accounts() or simulator.add_team()
    if before := simulator.loaded():
        print(f"{len(before)} mails were loaded at an earlier start, so these are not loaded")
        return
    loaded = simulator.load(first.address, mail)
    for one in loaded:
        if one.problem:
            print(f"not loaded: {one.name}: {one.problem}")
    print(f"{sum(not one.problem for one in loaded)} mails loaded into {first.address}")


def _introduce(simulator: Simulator) -> None:
    print(f"Simulated Google and Microsoft at {simulator.url}")
    print(f"  Google's client id {CLIENT_ID}, secret {CLIENT_SECRET}")
    print(f"  Microsoft's client id {MICROSOFT_CLIENT_ID}, secret {MICROSOFT_CLIENT_SECRET}")
    for account in simulator.office.accounts():
        print(f"  {account.address}: {len(simulator.messages(account.address))} mails")
    sys.stdout.flush()


def _told_to_stop() -> threading.Event:
    """Set by Ctrl-C or SIGTERM, from before anybody is told that we are here."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    return stopped


if __name__ == "__main__":
    sys.exit(main())
