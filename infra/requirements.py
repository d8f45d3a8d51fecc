"""What a bundle has installed: the deployed part of requirements.txt and all that it pulls in, pinned."""

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra import supplies
from infra.functions_map import ROOT
from shared.domain.errors import ConfigurationError

_DEPLOYED_UNTIL = "this machine only"


def pinned(python: str, root: Path = ROOT) -> str:
    """A requirements.txt for Linux and a Python such as "3.11": one exact version a line, sorted, with the
    hashes of its files, so that pip takes nothing else there either.

    What a package pulls in is read from the packages installed here, which are of the pinned versions.
    Raises ConfigurationError naming every package that constraints.txt forgets.
    """
    pins = supplies.locked(root)
    needed = closure(direct(root), _linux(python))
    if missing := sorted(needed - pins.keys()):
        raise ConfigurationError(
            f"constraints.txt pins no version of {', '.join(missing)}. Next: make lock"
        )
    return "".join(f"{name}=={pins[name].line}\n" for name in sorted(needed))


def direct(root: Path = ROOT) -> list[Requirement]:
    """Those that requirements.txt deploys by name."""
    deployed, _, _ = (root / "requirements.txt").read_text().partition(_DEPLOYED_UNTIL)
    return [Requirement(line) for line in re.findall(r"^[A-Za-z].*", deployed, re.M)]


def closure(roots: Iterable[Requirement], environment: Mapping[str, str]) -> set[str]:
    """The canonical names of `roots` and of all that they pull in where `environment` holds."""
    waiting = list(roots)
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        one = waiting.pop()
        key = canonicalize_name(one.name), frozenset(one.extras)
        if key not in seen:
            seen.add(key)
            waiting += _needs(one, environment)
    return {name for name, _ in seen}


def _needs(one: Requirement, environment: Mapping[str, str]) -> list[Requirement]:
    try:
        lines = requires(one.name) or []
    except PackageNotFoundError:  # needed on another system or Python than this one
        return []
    extras = one.extras | {""}
    needs = map(Requirement, lines)
    return [
        need
        for need in needs
        if need.marker is None
        or any(need.marker.evaluate({**environment, "extra": extra}) for extra in extras)
    ]


def _linux(python: str) -> dict[str, str]:
    """What Google runs functions on."""
    return {
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "python_version": python,
        "python_full_version": f"{python}.0",
    }
