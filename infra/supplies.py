"""What we install of others: by its hash, under licences that ask nothing back, without known holes.

make lock     writes constraints.txt anew, from versions that are a week old at least
make audit    licences of what is installed, and known holes, which a database elsewhere has to tell
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

import msgspec
from msgspec import Struct
from packaging.utils import canonicalize_name

from infra.functions_map import ROOT

LICENCES = (
    *("0BSD", "Apache", "BSD", "CNRI-Python", "HPND", "ISC", "MIT", "MIT-0", "MPL"),
    *("Mozilla Public License", "PSF", "Unlicense", "ZPL"),
)
"""Permissive ones, and the Mozilla licence, which asks nothing of who changes nothing of the library."""
_LOCKED = re.compile(
    r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==(\S+)[^\n]*((?:\n    --hash=\S+(?: \\)?)*)", re.M
)
_WORDS = re.compile(r" (?:AND|OR|WITH) |[()]|, ?| / ")


class Locked(Struct, frozen=True):
    version: str
    hashes: tuple[str, ...]
    """Of every file of this version, for all systems and Pythons."""

    @property
    def line(self) -> str:
        """As it stands behind the name and `==` in a requirements.txt."""
        return " ".join((self.version, *(f"--hash={one}" for one in self.hashes)))


class Hole(Struct, frozen=True):
    id: str
    fix_versions: tuple[str, ...] = ()


class _Dependency(Struct):
    name: str
    version: str = ""
    vulns: list[Hole] = []
    skip_reason: str = ""


class Told(Struct):
    dependencies: list[_Dependency] = []

    def holes(self) -> dict[str, list[Hole]]:
        """Known ones by name and version."""
        return {f"{one.name} {one.version}": one.vulns for one in self.dependencies if one.vulns}

    def unknown(self, names: Sequence[str]) -> list[str]:
        """Those of which the database told nothing, neither good nor bad."""
        told = {canonicalize_name(one.name) for one in self.dependencies if not one.skip_reason}
        return [name for name in names if name not in told]


def locked(root: Path = ROOT) -> dict[str, Locked]:
    """constraints.txt, by canonical name."""
    found = _LOCKED.findall((root / "constraints.txt").read_text())
    return {
        canonicalize_name(name): Locked(version, tuple(re.findall(r"--hash=(\S+)", hashes)))
        for name, version, hashes in found
    }


def unlicensed(names: Sequence[str]) -> dict[str, str]:
    """Those of the installed ones whose licence is not among LICENCES, and what they say it is."""
    said = {name: licence_of(name) for name in names}
    return {
        name: licence or "none"
        for name, licence in said.items()
        if licence is not None and not _permitted(licence)
    }


def licence_of(name: str) -> str | None:
    """In the package's own words, None when it is not installed here (needed elsewhere only)."""
    try:
        said = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None
    classified = [
        line.rpartition(" :: ")[2]
        for line in said.get_all("Classifier") or []
        if line.startswith("License ::") and "approved" not in line
    ]
    written = [*said.get_all("License-Expression", []), " OR ".join(classified)]
    return next((text for text in [*written, *said.get_all("License", [])] if text), "")


def _permitted(licence: str) -> bool:
    words = [word.strip() for word in _WORDS.split(licence.splitlines()[0] if licence else "")]
    return any(words) and all(
        any(
            word.removeprefix("The ").startswith(known) or known in word.split()
            for known in LICENCES
        )
        for word in words
        if word
    )


def told(program: str, root: Path = ROOT) -> Told:
    """What pip-audit hears of the database; nothing when it could not be reached."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answer.json")
        command = [
            program,
            "--disable-pip",
            "--require-hashes",
            "-r",
            str(root / "constraints.txt"),
        ]
        command += ["--progress-spinner", "off", "-f", "json", "-o", str(answer)]
        subprocess.run(command, check=False, capture_output=True, timeout=600)  # noqa: S603  # ours
        try:
            return msgspec.json.decode(answer.read_bytes(), type=Told)
        except (OSError, msgspec.DecodeError):
            return Told()


def audit(program: str, say: Callable[[str], object] = print) -> int:
    """The exit status: 1 for a finding, 2 when nobody could be asked, which is no good news."""
    names = list(locked())
    bad = unlicensed(names)
    for name, licence in bad.items():
        say(
            f"{name}: its licence is {licence}, which LICENCES of infra/supplies.py does not allow."
        )
    heard = told(program)
    for library, found in heard.holes().items():
        for hole in found:
            mended = ", ".join(hole.fix_versions) or "no version yet"
            say(f"{library}: {hole.id}, mended in {mended}.")
    if unknown := heard.unknown(names):
        shown = ", ".join(unknown) if len(unknown) < len(names) else "all of them"
        say(
            f"NOT LOOKED UP, for the database of known weaknesses could not be reached or has none: {shown}."
        )
    if bad or heard.holes():
        return 1
    if not unknown:
        say(f"{len(names)} libraries: every licence is allowed, no hole is known.")
    return 2 if unknown else 0


if __name__ == "__main__":
    sys.exit(audit(sys.argv[1]))
