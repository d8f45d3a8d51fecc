"""Queries as Firestore takes them, and the cursors of their pages."""

import base64
import math
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from shared.domain.errors import InvalidRequest
from shared.gcp.paths import Database
from shared.gcp.values import set_value
from shared.gcp.writes import field_path
from shared.ports.documents import Document, Query, Where

if TYPE_CHECKING:
    from google.cloud.firestore_v1.types import Cursor, StructuredQuery, Value

MAX_ALTERNATIVES = 30
_RANGES = {"<", "<=", ">", ">="}
_OPERATORS = {
    "==": "EQUAL",
    "<": "LESS_THAN",
    "<=": "LESS_THAN_OR_EQUAL",
    ">": "GREATER_THAN",
    ">=": "GREATER_THAN_OR_EQUAL",
    "in": "IN",
}


class _Place(Struct, array_like=True, frozen=True):
    """Where a page ended: the last document's ordering values and path. In a query of one collection
    the path is only its id, so that a cursor tells nobody where things lie."""

    values: list[Any]
    path: str


def structured(database: Database, query: Query) -> tuple[str, "StructuredQuery"]:
    """What the query looks in, and itself, without its limit.

    ValueError for a query that the port does not allow, InvalidRequest for a bad cursor.
    """
    from google.cloud.firestore_v1.types import StructuredQuery

    _check(query)
    parent, collection = database.collection(query.collection, group=query.group)
    fields: dict[str, Any] = {
        "from_": [{"collection_id": collection, "all_descendants": query.group}],
        "order_by": _order(query),
    }
    if query.where:
        filters = [_filter(where) for where in query.where]
        fields["where"] = {"composite_filter": {"op": "AND", "filters": filters}}
    if query.after:
        fields["start_at"] = _start(database, query)
    return parent, StructuredQuery(fields)


def cursor(query: Query, last: Document) -> str:
    values = [last.data[field.removeprefix("-")] for field in query.order_by]
    path = last.path if query.group else last.path.rpartition("/")[2]
    return _text(msgspec.msgpack.encode(_Place(values, path)))


def bad_cursor() -> InvalidRequest:
    return InvalidRequest("This page cursor is not one of ours.", reason="bad_cursor")


def _check(query: Query) -> None:
    if query.limit < 1:
        raise ValueError("limit must be at least 1")
    ranged = {where.field for where in query.where if where.op in _RANGES}
    if ranged and ranged != {field.removeprefix("-") for field in query.order_by[:1]}:
        raise ValueError("range filters go on one field, the first of order_by")
    alternatives = math.prod(len(where.value) for where in query.where if where.op == "in")
    if not 1 <= alternatives <= MAX_ALTERNATIVES:
        raise ValueError(f'"in" takes 1 to {MAX_ALTERNATIVES} values, over all filters together')


def _order(query: Query) -> list[dict[str, Any]]:
    fields = [_ordering(field_path(field.removeprefix("-")), field) for field in query.order_by]
    return [*fields, _ordering("__name__", *query.order_by[-1:])]


def _ordering(path: str, *field: str) -> dict[str, Any]:
    """By `path`, in the direction of the field as it stands in `order_by`."""
    direction = "DESCENDING" if field and field[0].startswith("-") else "ASCENDING"
    return {"field": {"field_path": path}, "direction": direction}


def _filter(where: Where) -> dict[str, Any]:
    field = {"field_path": field_path(where.field)}
    if where.op == "==" and where.value is None:
        return {"unary_filter": {"field": field, "op": "IS_NULL"}}
    if where.op == "==" and where.value != where.value:
        return {"unary_filter": {"field": field, "op": "IS_NAN"}}
    operator = _OPERATORS[where.op]
    return {"field_filter": {"field": field, "op": operator, "value": _value(where.value)}}


def _value(value: Any) -> "Value":
    from google.cloud.firestore_v1.types import Value

    made = Value()
    set_value(Value.pb(made), value)
    return made


def _start(database: Database, query: Query) -> "Cursor":
    from google.cloud.firestore_v1.types import Cursor, Value

    place = _place(query.after)
    path = place.path if query.group else f"{query.collection}/{place.path}"
    home = path.rpartition("/")[0]
    if (home.rpartition("/")[2] if query.group else home) != query.collection:
        raise bad_cursor()
    try:
        name = Value(reference_value=database.document(path))
        values = [_value(value) for value in place.values]
    except ValueError as error:
        raise bad_cursor() from error
    if len(values) != len(query.order_by):
        raise bad_cursor()
    return Cursor(values=[*values, name], before=False)


def _place(after: str) -> _Place:
    """A cursor comes back from callers of the API. Whatever it says, the query's filters still hold."""
    try:
        packed = base64.urlsafe_b64decode(after + "=" * (-len(after) % 4))
        if _text(packed) != after:  # the decoder skips what is no base64
            raise bad_cursor()
        return msgspec.msgpack.decode(packed, type=_Place)
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise bad_cursor() from error


def _text(packed: bytes) -> str:
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()
