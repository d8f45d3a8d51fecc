"""A document's fields as Firestore's messages, and back.

These are raw protobuf messages: the wrappers around them that Google's library offers are many times
slower, and a sync handles thousands of values.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import NoneType
from typing import Any

from shared.ports.documents import Data


def encode(fields: Any, data: Mapping[str, Any]) -> None:
    """Fills the `fields` of a message. ValueError naming the field when documents cannot hold a value."""
    for name, value in data.items():
        try:
            set_value(fields[name], value)
        except ValueError as error:
            raise ValueError(f"field {name!r} holds {error}") from error


def decode(fields: Any) -> Data:
    return {name: get_value(message) for name, message in fields.items()}


def set_value(message: Any, value: Any) -> None:
    """Fills a Value. ValueError for a kind of value that documents do not hold."""
    if (setter := _SETTERS.get(type(value))) is None:
        raise ValueError(f"a {type(value).__name__}")
    setter(message, value)


def get_value(message: Any) -> Any:
    return _GETTERS[message.WhichOneof("value_type")](message)


def _set_null(message: Any, _value: None) -> None:
    message.null_value = 0


def _set_bool(message: Any, value: bool) -> None:
    message.boolean_value = value


def _set_int(message: Any, value: int) -> None:
    if not -(2**63) <= value < 2**63:
        raise ValueError("an int of more than 64 bits")
    message.integer_value = value


def _set_float(message: Any, value: float) -> None:
    message.double_value = value


def _set_text(message: Any, value: str) -> None:
    message.string_value = value


def _set_time(message: Any, value: datetime) -> None:
    if value.utcoffset() is None:
        raise ValueError("a datetime without a time zone")
    message.timestamp_value.FromDatetime(value)


def _set_list(message: Any, value: list[Any] | tuple[Any, ...]) -> None:
    message.array_value.SetInParent()
    for item in value:
        if isinstance(item, list | tuple):
            raise ValueError("a list directly inside a list")
        set_value(message.array_value.values.add(), item)


def _set_dict(message: Any, value: dict[str, Any]) -> None:
    message.map_value.SetInParent()
    for key, item in value.items():
        if type(key) is not str:
            raise ValueError(f"a key that is a {type(key).__name__}")
        set_value(message.map_value.fields[key], item)


_SETTERS: Mapping[type, Callable[[Any, Any], None]] = {
    NoneType: _set_null,
    bool: _set_bool,
    int: _set_int,
    float: _set_float,
    str: _set_text,
    datetime: _set_time,
    list: _set_list,
    tuple: _set_list,
    dict: _set_dict,
}
_GETTERS: Mapping[str, Callable[[Any], Any]] = {
    "null_value": lambda _: None,
    "boolean_value": lambda message: message.boolean_value,
    "integer_value": lambda message: message.integer_value,
    "double_value": lambda message: message.double_value,
    "string_value": lambda message: message.string_value,
    "timestamp_value": lambda message: message.timestamp_value.ToDatetime(UTC),
    "array_value": lambda message: [get_value(item) for item in message.array_value.values],
    "map_value": lambda message: decode(message.map_value.fields),
}
