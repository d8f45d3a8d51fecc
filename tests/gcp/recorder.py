"""A DocumentStore that notes the shape of each query and the line of the code that asked it."""

import sys
from pathlib import Path
from types import FrameType

from msgspec import Struct

from infra.embedded.documents import Documents
from shared.ports.documents import Page, Query

SHARED = Path(__file__).parents[2] / "shared"
ASKERS = (SHARED / "services", SHARED.parent / "infra" / "operate")
"""Where the code is that makes queries."""


class Shape(Struct, frozen=True, order=True):
    """What decides which index a query needs."""

    collection: str
    """Its last name."""
    group: bool
    equal: tuple[str, ...]
    """Fields that must equal something, sorted."""
    order: tuple[str, ...]


class Site(Struct, frozen=True, order=True):
    """A line of the project."""

    file: str
    line: int


class Recorder(Documents):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.asked: set[tuple[Shape, Site]] = set()

    def query(self, query: Query) -> Page:
        self._note(query)
        return super().query(query)

    def count(self, query: Query) -> int:
        self._note(query)
        return super().count(query)

    def _note(self, query: Query) -> None:
        if asker := _asker(sys._getframe(1)):
            self.asked.add((shape(query), asker))


def shape(query: Query) -> Shape:
    equal = {where.field for where in query.where if where.op in ("==", "in")}
    name = query.collection.rpartition("/")[2]
    return Shape(name, query.group, tuple(sorted(equal)), query.order_by)


def _asker(frame: FrameType | None) -> Site | None:
    """The nearest caller among those who ask, None for what a test wants to know."""
    while frame:
        file = Path(frame.f_code.co_filename)
        if any(file.is_relative_to(place) for place in ASKERS):
            return Site(str(file.relative_to(SHARED.parent)), frame.f_lineno)
        frame = frame.f_back
    return None
