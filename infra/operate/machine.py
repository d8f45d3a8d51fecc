"""Is this machine fit to run, build and deploy Mailbridge?"""

import os
import re
import shutil
import socket
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.utils import canonicalize_name

from infra import bundle, functions_map
from infra.cloud import firestore_emulator
from infra.functions_map import ROOT
from infra.local import configuration
from infra.local.configuration import port
from infra.operate.findings import Check, Finding, by_hand, mend, ok
from infra.processes.ports import HOST
from shared import bootstrap

OLDEST = (3, 11)
OLDEST_SQLITE = (3, 38)


def checks(env: Mapping[str, str]) -> list[Check]:
    return [
        Check("Python", python),
        Check("bytecode", bytecode),
        Check("SQLite", sqlite),
        Check("packages", lambda: packages(ROOT)),
        Check("settings", lambda: settings(env)),
        Check("port", lambda: gateway_port(env)),
        Check("data", lambda: data(env)),
        Check("emulator", emulator),
    ]


def python() -> Finding:
    here = sys.version.split()[0]
    if sys.version_info < OLDEST:
        return mend(f"This is Python {here}.", "Install 3.11 or newer: make run PYTHON=/path/to/it")
    return ok(f"{here} in {sys.prefix}")


def bytecode() -> Finding:
    """Python 3.13's is of no use to a runtime of 3.11."""
    wanted = bundle.version(functions_map.load().runtime)
    if found := bundle.interpreter(wanted):
        return ok(f"bundles are compiled by {found}, a {wanted} as the functions run on")
    return by_hand(
        f"No Python {wanted} is here, which the functions run on: bundles have no bytecode.",
        f"For shorter cold starts install it: make bundle PYTHON=/path/to/python{wanted}",
    )


def sqlite() -> Finding:
    import sqlite3

    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        return mend(
            f"SQLite {sqlite3.sqlite_version} lacks what the embedded backend needs.",
            "Install a Python with SQLite 3.38 or newer",
        )
    return ok(sqlite3.sqlite_version)


def packages(root: Path) -> Finding:
    pins = re.findall(
        r"^([\w.-]+)(?:\[\w+\])?==(\S+)", (root / "requirements.txt").read_text(), re.M
    )
    other = [f"{name} {_installed(name)}" for name, pin in pins if _installed(name) != pin]
    if other:
        return mend(
            f"Other versions than requirements.txt pins: {', '.join(other)}.",
            "rm -r .venv; make help",
        )
    return ok(f"{len(pins)} as requirements.txt pins them")


def settings(env: Mapping[str, str]) -> Finding:
    """Raises ConfigurationError, which names all that is malformed."""
    bootstrap.settings(env)
    if near := configuration.misspelt(env):
        return by_hand(" ".join(near), "Correct or unset it")
    known = [name for name in bootstrap.every_setting() if env.get(name)]
    return ok(f"from your environment: {', '.join(known)}" if known else "none in your environment")


def gateway_port(env: Mapping[str, str]) -> Finding:
    number = port(env.get("PORT") or "8080")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, number))
        except OSError:
            return by_hand(
                f"Something listens on {HOST}:{number}: if it is not `make run`, it is in the way.",
                "make run PORT=8090",
            )
    return ok(f"{HOST}:{number} is free for `make run`")


def data(env: Mapping[str, str]) -> Finding:
    folder = Path(env.get("EMBEDDED_DATA") or ROOT / ".local")
    nearest = folder if folder.exists() else folder.resolve().parent
    if not os.access(nearest, os.W_OK):
        return mend(f"{nearest} cannot be written to.", "make run EMBEDDED_DATA=/another/folder")
    free = shutil.disk_usage(nearest).free / 1e9
    return ok(f"{folder}, {free:.0f} GB free{'' if folder.exists() else ', made by `make run`'}")


def emulator() -> Finding:
    if why := firestore_emulator.missing():
        return by_hand(why, "Only needed for: make run BACKEND=shared.gcp")
    return ok("Google's Firestore emulator, for: make run BACKEND=shared.gcp")


def _installed(name: str) -> str:
    try:
        return version(canonicalize_name(name))
    except PackageNotFoundError:
        return "missing"
