"""Queries as ranges of one sorted list, as Firestore does it.

For each shape of query there is an index: for every document that has the shape's fields, one
position: the bytes of its collection, of the values that must be equal, of those it is ordered by and
of its path. A query is then a short run of positions, and a page's cursor is the last position.
"""

import base64
from itertools import product

from msgspec import Struct

from infra.embedded.values import inverted, path_key, sort_key
from shared.domain.errors import InvalidRequest
from shared.ports.documents import Data, Query, Where

MAX_ALTERNATIVES = 30
_LAST = b"\xff"
"""Above every position with the same beginning: no part starts with this byte."""
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


class Shape(Struct, frozen=True):
    """What makes two queries use the same index. `collection` is the last name of its path."""

    collection: str
    group: bool
    equal: tuple[str, ...]
    order: tuple[str, ...]

    def position(self, path: str, data: Data) -> bytes | None:
        """None for a document that lacks a field: queries of this shape leave it out."""
        parent, _, name = path.rpartition("/")
        if not all(field.removeprefix("-") in data for field in self.order):
            return None
        if not all(field in data for field in self.equal):
            return None
        home = b"" if self.group else path_key(parent)
        equal = [sort_key(data[field]) for field in self.equal]
        order = [_directed(sort_key(data[field.removeprefix("-")]), field) for field in self.order]
        place = _directed(path_key(path if self.group else name), *self.order[-1:])
        return b"".join([home, *equal, *order, place])


class Plan(Struct, frozen=True):
    """The positions that start with one of `prefixes` and go on from `lower` until before `upper`."""

    shape: Shape
    prefixes: tuple[bytes, ...]
    lower: bytes
    upper: bytes


def plan(query: Query) -> Plan:
    """ValueError for a query the port does not allow, InvalidRequest for a bad cursor."""
    _check(query)
    equal = _equalities(query)
    shape = Shape(
        collection=query.collection.rpartition("/")[2],
        group=query.group,
        equal=tuple(sorted(equal)),
        order=query.order_by,
    )
    home = b"" if query.group else path_key(query.collection)
    choices = product(*(sorted(equal[field]) for field in shape.equal))
    lower, upper = _bounds(query)
    if query.after:
        lower = max(lower, _position(query.after) + b"\0")
    return Plan(shape, tuple(home + b"".join(choice) for choice in choices), lower, upper)


def cursor(place: bytes) -> str:
    """`place` is a position without its prefix."""
    return base64.urlsafe_b64encode(place).rstrip(b"=").decode()


def _position(after: str) -> bytes:
    """A cursor comes back from callers of the API. Whatever it says, the plan's prefixes still hold."""
    try:
        place = base64.urlsafe_b64decode(after + "=" * (-len(after) % 4))
    except ValueError:
        place = b""
    if cursor(place) != after:  # the decoder skips what is no base64
        raise InvalidRequest("This page cursor is not one of ours.", reason="bad_cursor")
    return place


def _check(query: Query) -> None:
    segments = query.collection.split("/")
    if "" in segments or len(segments) % 2 == 0 or (query.group and len(segments) != 1):
        raise ValueError(f"{query.collection!r} is no collection")
    if query.limit < 1:
        raise ValueError("limit must be at least 1")
    ranged = {where.field for where in query.where if where.op in _MIRRORED}
    if ranged and ranged != {field.removeprefix("-") for field in query.order_by[:1]}:
        raise ValueError("range filters go on one field, the first of order_by")


def _equalities(query: Query) -> dict[str, set[bytes]]:
    """For each field, the keys it may have."""
    equal: dict[str, set[bytes]] = {}
    alternatives = 1
    for where in query.where:
        if where.op in _MIRRORED:
            continue
        values = where.value if where.op == "in" else [where.value]
        alternatives *= len(values)
        keys = {sort_key(value) for value in values}
        equal[where.field] = equal.get(where.field, keys) & keys
    if not 1 <= alternatives <= MAX_ALTERNATIVES:
        raise ValueError(f'"in" takes 1 to {MAX_ALTERNATIVES} values, over all filters together')
    return equal


def _bounds(query: Query) -> tuple[bytes, bytes]:
    lower, upper = b"", _LAST
    for where in query.where:
        if where.op in _MIRRORED:
            low, high = _bound(where, query.order_by[0])
            lower, upper = max(lower, low), min(upper, high)
    return lower, upper


def _bound(where: Where, field: str) -> tuple[bytes, bytes]:
    """The run of keys that match, within those of the same type: they share their first byte."""
    key = _directed(sort_key(where.value), field)
    first, beyond = key[:1], bytes([key[0] + 1])
    match _MIRRORED[where.op] if field.startswith("-") else where.op:
        case "<":
            return first, key
        case "<=":
            return first, key + _LAST
        case ">":
            return key + _LAST, beyond
        case _:
            return key, beyond


def _directed(key: bytes, *field: str) -> bytes:
    return inverted(key) if field and field[0].startswith("-") else key
