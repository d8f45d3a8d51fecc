"""Documents outlive the releases that wrote them."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from msgspec import Struct

from shared import records
from shared.ports.documents import Data
from shared.records import schema

RELEASES = Path(__file__).parent / "releases"
"""A file a release that changed what is stored: its documents, each field and each state in use. Never
edited: what was written stays written."""


class Line(Struct):
    kind: str
    document: Data


def _kinds() -> Iterator[type[Struct]]:
    for _, place in inspect.getmembers(records, inspect.isfunction):
        yield from get_args(get_type_hints(place).get("return"))


KINDS = {kind.__name__: kind for kind in _kinds()}


def _written() -> Iterator[Any]:
    for file in sorted(RELEASES.glob("*.jsonl")):
        for number, line in enumerate(file.read_bytes().splitlines(), 1):
            written = msgspec.json.decode(line, type=Line)
            yield pytest.param(written, id=f"{file.stem}:{number} {written.kind}")


@pytest.mark.parametrize("line", list(_written()))
def test_what_any_release_wrote_is_still_read_and_kept(line: Line) -> None:
    """Fails for a field that lost its default or changed its type, and for a state that is gone."""
    kind = KINDS[line.kind]
    stored = schema.upgraded(kind, line.document)
    rewritten = schema.rewritten(stored, msgspec.convert(stored, kind))
    assert line.document.items() <= rewritten.items()
    assert rewritten["schema"] == schema.current(kind)


@pytest.mark.parametrize("kind", list(KINDS.values()))
def test_the_version_is_no_field_of_any_record(kind: type[Struct]) -> None:
    assert schema.FIELD not in kind.__struct_fields__


@pytest.mark.parametrize(
    ("written", "taken"),
    [({}, "12"), ({"schema": 2}, "2"), ({"schema": 3}, ""), ({"schema": 9}, "")],
)
def test_a_document_takes_the_steps_it_lacks_in_their_order(
    monkeypatch: pytest.MonkeyPatch, written: Data, taken: str
) -> None:
    def step(name: str) -> schema.Upgrade:
        return lambda data: data | {"taken": data.get("taken", "") + name}

    monkeypatch.setattr(schema, "UPGRADES", {Line: (step("1"), step("2"))})
    assert schema.upgraded(Line, written).get("taken", "") == taken
