"""Requests into typed values, or into all reasons why not, each with its pointer (RFC 6901)."""

import functools
import re
import typing
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from types import NoneType, UnionType
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, UnsetType

from shared.domain.errors import FieldError, InvalidRequest

T = TypeVar("T", bound=Struct)

MAX_ERRORS = 50
"""How many of a request's errors are listed: enough to mend it, no way to make us write a book."""


def body(data: bytes, kind: type[T]) -> T:
    """Raises InvalidRequest with all that is wrong."""
    try:
        decoded = msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise _refused(_explain(_plain(data), kind) or [_field_error(error, "")]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise refused("", _malformed(data, error)) from None
    if _forgiving(kind) and (problems := _explain(_plain(data), kind)):
        raise _refused(problems)
    return decoded


def lenient_body(data: bytes, kind: type[T]) -> T:
    """The same, and fields that `kind` does not know are passed by: a newer release may send them."""
    given = _plain(data)
    known = {field.encode_name for field in msgspec.structs.fields(kind)}
    if isinstance(given, dict):
        given = {name: field for name, field in given.items() if name in known}
    return _converted(given, kind)


def texts(pairs: Iterable[tuple[str, str]], kind: type[T]) -> T:
    """The same for name and text pairs (a query string, headers)."""
    return _strictly(single(pairs), kind, strict=False)


def value(given: object, kind: type[T]) -> T:
    """The same for data that is decoded already."""
    return _strictly(given, kind)


def _strictly(given: object, kind: type[T], *, strict: bool = True) -> T:
    converted = _converted(given, kind, strict=strict)
    if _forgiving(kind) and (problems := _explain(given, kind, strict=strict)):
        raise _refused(problems)
    return converted


def _converted(given: object, kind: type[T], *, strict: bool = True) -> T:
    try:
        return msgspec.convert(given, kind, strict=strict)
    except msgspec.ValidationError as error:
        problems = _explain(given, kind, strict=strict)
        raise _refused(problems or [_field_error(error, "")]) from None


@functools.cache
def _forgiving(kind: type[Struct]) -> bool:
    """True when an enum in it takes values that it does not have (`_missing_`), as records of a newer
    release need it. A request has to name one that there is."""
    return any(_forgives(field.type) for field in msgspec.structs.fields(kind))


def _forgives(kind: Any) -> bool:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "_missing_" in kind.__dict__
    if _is_struct(kind):
        return _forgiving(kind)
    return any(map(_forgives, typing.get_args(kind)))


def single(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Raises InvalidRequest when a name occurs twice: nobody could say which one was meant."""
    pairs = list(pairs)
    twice = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]
    if twice:
        raise _refused([FieldError(_pointer(name), "is given more than once") for name in twice])
    return dict(pairs)


def closed(kind: object) -> bool:
    """True when `kind`, and every Struct in it, refuses fields it does not know."""
    if isinstance(kind, type) and issubclass(kind, Struct):
        return kind.__struct_config__.forbid_unknown_fields and all(
            closed(field.type) for field in msgspec.structs.fields(kind)
        )
    return all(closed(part) for part in typing.get_args(kind))


def refused(pointer: str, detail: str) -> InvalidRequest:
    """For one thing that is wrong; `detail` goes on after the pointer, or "The request"."""
    return _refused([FieldError(pointer, detail)])


def _refused(problems: Sequence[FieldError]) -> InvalidRequest:
    first = f"{problems[0].pointer or 'The request'} {problems[0].detail}"
    more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
    return InvalidRequest(f"{first}{more}.", errors=problems[:MAX_ERRORS])


def _plain(data: bytes) -> object:
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise refused("", _malformed(data, error)) from None


def _malformed(data: bytes, error: Exception) -> str:
    match error:
        case RecursionError():
            return "is nested too deeply"
        case UnicodeDecodeError():
            return "is not valid UTF-8"
        case _ if not data.strip():
            return "is empty; send a JSON object"
    return f"is not valid JSON: {str(error).removeprefix('JSON is malformed: ')}"


# -- Explaining -----------------------------------------------------------------------------------
# msgspec stops at the first error. A form wants to mark every wrong field at once, so a refused
# request (and only that) is gone through again, field by field.


def _explain(
    value: object, kind: Any, pointer: str = "", *, strict: bool = True
) -> list[FieldError]:
    inner = _without_none(kind)
    problems: list[FieldError] = []
    if _is_struct(inner) and isinstance(value, dict):
        problems = list(_explain_fields(value, inner, pointer, strict))
    elif (item := _item(inner, value)) is not None:
        for name, part in _parts(value):
            problems += _explain(part, item, pointer + _pointer(name), strict=strict)
            if len(problems) > MAX_ERRORS:
                break
    return problems or _explain_whole(value, kind, pointer, strict)


def _explain_fields(
    value: Mapping[str, object], kind: type[Struct], pointer: str, strict: bool
) -> Iterator[FieldError]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name in (name for name in value if name not in fields):
        known = ", ".join(fields) or "none"
        yield FieldError(pointer + _pointer(name), f"is not known here; known: {known}")
    for name, field in fields.items():
        if name in value:
            yield from _explain(value[name], field.type, pointer + _pointer(name), strict=strict)
        elif field.required:
            yield FieldError(pointer + _pointer(name), "is missing")


def _explain_whole(value: object, kind: Any, pointer: str, strict: bool) -> list[FieldError]:
    inner = _without_none(kind)
    if isinstance(inner, type) and issubclass(inner, Enum) and isinstance(value, str):
        known = [one.value for one in inner]
        if value not in known:
            return [FieldError(pointer, f"must be one of {', '.join(known)}")]
    try:
        msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        return [_field_error(error, pointer)]
    return []


def _without_none(kind: Any) -> Any:
    """`X` of `X | None`, `X | UnsetType` and `Annotated[X, …]`; other unions stay whole."""
    if hasattr(kind, "__metadata__"):
        return _without_none(kind.__origin__)
    if typing.get_origin(kind) in {typing.Union, UnionType}:
        others = [part for part in typing.get_args(kind) if part not in {NoneType, UnsetType}]
        return _without_none(others[0]) if len(others) == 1 else kind
    return kind


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _item(kind: Any, value: object) -> Any:
    """`X` when `value` could be a `list[X]`, `tuple[X, ...]` or `dict[…, X]` and `kind` is that."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(value, list) and (origin is list or (origin is tuple and parts[1:] == (...,))):
        return parts[0]
    if isinstance(value, dict) and origin is dict:
        return parts[1]
    return None


def _parts(value: object) -> Iterator[tuple[str, object]]:
    """The items of a list by index, of a dict by key."""
    if isinstance(value, dict):
        yield from ((str(key), part) for key, part in value.items())
    elif isinstance(value, list):
        yield from ((str(index), part) for index, part in enumerate(value))


# -- The sentences of msgspec, for people who do not know Python -----------------------------------

_WHERE = re.compile(r"(?s)^(.*?)(?: - at `(?:key in )?\$(.*)`)?$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_FIELD = re.compile(r"^Object (?:missing required|contains unknown) field `(.+)`$")
_NAMES = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "datetime": "a time (RFC 3339)",
}


def _field_error(error: Exception, pointer: str) -> FieldError:
    found = _WHERE.match(str(error))
    sentence, path = found.groups() if found else (str(error), None)
    steps = [name or index for name, index in _STEP.findall(path or "")]
    if field := _FIELD.match(sentence):
        steps.append(field[1])
        sentence = "is missing" if "missing" in sentence else "is not known here"
    where = pointer + "".join(_pointer(step) for step in steps)
    return FieldError(where, _plainly(sentence))


def _plainly(sentence: str) -> str:
    named = re.sub(r"`([^`]*)`", lambda found: _name(found[1]), sentence)
    return re.sub(r"^Expected ", "must be ", named).replace(", got ", ", not ").rstrip(".")


def _name(kinds: str) -> str:
    return " or ".join(_NAMES.get(kind, kind) for kind in kinds.split(" | "))


def _pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")
