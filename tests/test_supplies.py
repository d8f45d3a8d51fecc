"""What we install of others."""

import json
import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra import supplies
from infra.functions_map import ROOT

LOCKED = supplies.locked()
WANTED = [
    Requirement(line)
    for line in re.findall(r"^[A-Za-z].*", (ROOT / "requirements.txt").read_text(), re.M)
]


def test_every_library_is_locked_by_the_hash_of_its_files() -> None:
    assert len(LOCKED) > 80
    assert [name for name, lock in LOCKED.items() if not lock.hashes] == [], (
        "`make lock` finds them"
    )
    assert all(
        re.fullmatch(r"sha256:[0-9a-f]{64}", one) for lock in LOCKED.values() for one in lock.hashes
    )


@pytest.mark.parametrize("wanted", WANTED, ids=str)
def test_what_is_wanted_is_what_is_locked(wanted: Requirement) -> None:
    assert f"=={LOCKED[canonicalize_name(wanted.name)].version}" == str(wanted.specifier), (
        "`make lock`"
    )


def test_nothing_is_installed_that_is_not_locked() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert "--require-hashes --no-deps -r constraints.txt" in makefile


def test_every_licence_is_one_that_asks_nothing_back() -> None:
    assert supplies.unlicensed(list(LOCKED)) == {}


@pytest.mark.parametrize(
    ("licence", "permitted"),
    [("MIT", True), ("Apache 2.0 AND BSD-3-Clause", True), ("BSD License OR Apache Software License", True),
     ("GPL-3.0-only", False), ("MIT AND AGPL-3.0", False), ("", False), ("LGPLv3", False)],
)  # fmt: skip
def test_a_licence_is_read_word_by_word(
    monkeypatch: pytest.MonkeyPatch, licence: str, *, permitted: bool
) -> None:
    monkeypatch.setattr(supplies, "licence_of", lambda _: licence)
    assert (supplies.unlicensed(["some"]) == {}) is permitted


def program(folder: Path, answer: str) -> str:
    """A pip-audit that tells this; nothing when there is nothing to tell."""
    path = folder / "pip-audit"
    write = f"pathlib.Path(sys.argv[-1]).write_text({answer!r})" if answer else "sys.exit(1)"
    path.write_text(f"#!{sys.executable}\nimport pathlib, sys\n{write}\n")
    path.chmod(0o700)
    return str(path)


def answer(**idna: object) -> str:
    listed = [{"name": name, "version": lock.version, "vulns": []} for name, lock in LOCKED.items()]
    return json.dumps(
        {"dependencies": [one | idna if one["name"] == "idna" else one for one in listed]}
    )


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (answer(), 0, "no hole is known"),
        (answer(vulns=[{"id": "CVE-1", "fix_versions": ["4.0"]}]), 1, ": CVE-1, mended in 4.0."),
        (answer(vulns=[{"id": "CVE-1", "fix_versions": []}]), 1, "no version yet"),
        (answer(skip_reason="not found"), 2, "or has none: idna."),
        ("", 2, "or has none: all of them."),
        ("{", 2, "or has none: all of them."),
    ],
)
def test_an_audit_says_what_it_found_and_what_it_could_not_ask(
    tmp_path: Path, answer: str, status: int, said: str
) -> None:
    lines: list[str] = []
    assert supplies.audit(program(tmp_path, answer), lines.append) == status
    assert said in "\n".join(lines)
