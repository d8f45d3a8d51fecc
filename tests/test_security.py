"""docs/security.md names code and tests that are there."""

import re

import pytest

from infra.functions_map import ROOT

PAGE = (ROOT / "docs/security.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| threat")
]
_CODE = re.compile(r"`([\w/.-]+)`")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_it_has_threats_of_every_kind() -> None:
    assert PAGE.count("\n## ") == 7
    assert len(ROWS) >= 35


@pytest.mark.parametrize("row", ROWS, ids=[row[0][:60] for row in ROWS])
def test_each_threat_is_answered_somewhere_and_held_by_a_test(row: list[str]) -> None:
    threat, answered, held = row
    assert threat
    places = [place for place in _CODE.findall(answered) if "/" in place or "." in place]
    assert places
    assert [place for place in places if not (ROOT / place).exists()] == []
    tests = _TEST.findall(held)
    assert tests
    assert held.count("`") == 2 * len(tests), "every test is named by its file and its name"
    for file, name in tests:
        path = ROOT / file
        assert path.exists(), file
        assert re.search(rf"^ *def {name}\(", path.read_text(), re.MULTILINE), name
