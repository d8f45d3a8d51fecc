"""What a document's field may hold, and bytes that sort as Firestore sorts such values.

The order (https://firebase.google.com/docs/firestore/manage-data/data-types): null, booleans, NaN,
numbers (int and float together), times, strings by UTF-8 bytes, lists, dicts. No key is the beginning
of another, so that keys may be joined, and inverted for a descending order.
"""

import math
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import NoneType
from typing import Any

import msgspec

from shared.ports.documents import Data

_NULL, _BOOL, _NAN, _NUMBER, _TIME, _TEXT, _LIST, _DICT = (bytes([tag]) for tag in range(1, 9))
_END = b"\0"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SIGN = 1 << 63

_packer = msgspec.msgpack.Encoder()
_unpacker = msgspec.msgpack.Decoder(dict[str, Any])


def pack(data: Data) -> bytes:
    """ValueError naming the field when a value is of a kind that documents do not hold."""
    for name, value in data.items():
        try:
            _check(value)
        except ValueError as error:
            raise ValueError(f"field {name!r} holds {error}") from None
    return _packer.encode(data)


def unpack(packed: bytes) -> Data:
    return _unpacker.decode(packed)


def sort_key(value: Any) -> bytes:
    _check(value)
    return _key(value)


def path_key(path: str) -> bytes:
    """Sorts paths segment by segment: "a/b" before "a!/b"."""
    return b"".join(_text(segment) for segment in path.split("/"))


def inverted(key: bytes) -> bytes:
    return key.translate(_INVERSE)


_INVERSE = bytes(255 - byte for byte in range(256))


def _check(value: Any, *, in_list: bool = False) -> None:
    kind = type(value)
    if kind is str or kind is NoneType or kind is bool or kind is float:
        return
    if kind is int:
        if not -_SIGN <= value < _SIGN:
            raise ValueError("an int of more than 64 bits")
    elif kind is datetime:
        if value.utcoffset() is None:
            raise ValueError("a datetime without a time zone")
    elif kind is dict:
        _check_dict(value)
    elif kind is list or kind is tuple:
        if in_list:  # Firestore refuses it, so nothing may come to rely on it here
            raise ValueError("a list directly inside a list")
        for item in value:
            _check(item, in_list=True)
    else:
        raise ValueError(f"a {kind.__name__}")


def _check_dict(value: dict[Any, Any]) -> None:
    for key, item in value.items():
        if type(key) is not str:
            raise ValueError(f"a key that is a {type(key).__name__}")
        _check(item)


def _key(value: Any) -> bytes:
    return _KEYS[type(value)](value)


def _number(value: float) -> bytes:
    """The nearest float's bits, then how far an int lies from it: exact beyond 2**53."""
    if math.isnan(value):
        return _NAN
    nearest = float(value)
    (bits,) = struct.unpack(">Q", struct.pack(">d", nearest + 0.0))  # -0.0 + 0.0 is 0.0
    ordered = bits ^ (2 * _SIGN - 1) if bits & _SIGN else bits | _SIGN
    rest = value - int(nearest) if isinstance(value, int) else 0
    return _NUMBER + struct.pack(">QH", ordered, rest + 0x8000)


def _time(value: datetime) -> bytes:
    return _TIME + struct.pack(">Q", (value - _EPOCH) // _MICROSECOND + _SIGN)


def _text(value: str) -> bytes:
    return _TEXT + value.encode().replace(b"\0", b"\0\xff") + b"\0\1"


def _list(value: list[Any]) -> bytes:
    return _LIST + b"".join(map(_key, value)) + _END


def _dict(value: dict[str, Any]) -> bytes:
    items = sorted((_text(name), item) for name, item in value.items())
    return _DICT + b"".join(name + _key(item) for name, item in items) + _END


_KEYS: dict[type, Callable[[Any], bytes]] = {
    NoneType: lambda _: _NULL,
    bool: lambda value: _BOOL + bytes([1 + value]),
    int: _number,
    float: _number,
    datetime: _time,
    str: _text,
    list: _list,
    tuple: _list,
    dict: _dict,
}
