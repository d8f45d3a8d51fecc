"""Requests become typed values, or every reason why not."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Struct, UnsetType

from shared.domain.errors import FieldError, InvalidRequest
from shared.web import decoding


class Part(Struct, forbid_unknown_fields=True):
    name: str
    size: int = 0


class Thing(Struct, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=20)]
    parts: tuple[Part, ...] = ()
    at: datetime | None = None
    note: str | UnsetType = UNSET
    tags: dict[str, int] = {}
    first: Part | None = None


def errors(data: str | bytes) -> Sequence[FieldError]:
    raw = data.encode() if isinstance(data, str) else data
    with pytest.raises(InvalidRequest) as refused:
        decoding.body(raw, Thing)
    return refused.value.errors


def test_a_right_one_is_taken() -> None:
    data = b'{"name": "x", "parts": [{"name": "a"}], "at": "2026-05-01T14:00:00+02:00"}'
    assert decoding.body(data, Thing) == Thing(
        "x", (Part("a"),), datetime(2026, 5, 1, 12, tzinfo=UTC)
    )


def test_every_wrong_field_is_pointed_at() -> None:
    found = errors(
        """{"nme": 1, "parts": [{"name": 1}, {"name": "a", "size": "b", "/~": 1}, {}],
            "at": "soon", "tags": {"a": "b", "c": 1}, "first": {"name": "n", "more": 1}}"""
    )
    assert {error.pointer for error in found} == {
        *("/nme", "/name", "/at", "/tags/a", "/first/more"),
        *("/parts/0/name", "/parts/1/size", "/parts/1/~1~0", "/parts/2/name"),
    }


@pytest.mark.parametrize(
    ("data", "pointer", "said"),
    [
        ("", "", "is empty"),
        ("  ", "", "is empty"),
        ("{", "", "not valid JSON"),
        ('{"name": "x"} y', "", "not valid JSON"),
        ('{"name": NaN}', "", "not valid JSON"),
        ('{"name": Infinity}', "", "not valid JSON"),
        (b'{"name": "\xff"}', "", "UTF-8"),
        ('{"name": "\\ud800"}', "", "not valid JSON"),
        ("[" * 500_000, "", "nested too deeply"),
        ("[]", "", "must be an object, not a list"),
        ("null", "", "must be an object"),
        ("{}", "/name", "is missing"),
        ('{"name": ""}', "/name", "length >= 1"),
        ('{"name": null}', "/name", "must be text, not null"),
        ('{"name": "x", "note": 1}', "/note", "must be text, not a whole number"),
        ('{"name": "x", "parts": {}}', "/parts", "must be a list, not an object"),
        ('{"name": "x", "parts": [{"name": "a", "size": 1e400}]}', "", "out of range"),
        ('{"name": "x", "at": "2026-02-30T00:00:00Z"}', "/at", "RFC3339"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_one_wrong_thing_is_pointed_at_and_explained(
    data: str | bytes, pointer: str, said: str
) -> None:
    (error,) = errors(data)
    assert error.pointer == pointer
    assert said in error.detail


class Colour(Enum):
    """A record of a newer release may have another one, which is then read as grey."""

    RED = "red"
    GREY = "grey"

    @classmethod
    def _missing_(cls, _value: object) -> "Colour":
        return cls.GREY


class Painted(Struct, forbid_unknown_fields=True):
    colour: Colour | UnsetType = UNSET
    more: tuple[Colour, ...] = ()


@pytest.mark.parametrize(
    ("data", "pointer"),
    [('{"colour": "blue"}', "/colour"), ('{"more": ["red", "blue"]}', "/more/1")],
)
def test_what_records_forgive_requests_do_not(data: str, pointer: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        decoding.body(data.encode(), Painted)
    (error,) = refused.value.errors
    assert (error.pointer, error.detail) == (pointer, "must be one of red, grey")
    with pytest.raises(InvalidRequest):
        decoding.value(msgspec.json.decode(data), Painted)
    assert decoding.body(b'{"colour": "grey", "more": ["red"]}', Painted).colour is Colour.GREY
    assert decoding.lenient_body(b'{"colour": "blue"}', Painted).colour is Colour.GREY


def test_a_flood_of_errors_is_cut() -> None:
    assert len(errors('{"parts": [' + ",".join("1" * 900) + "]}")) == decoding.MAX_ERRORS


_names = st.text() | st.sampled_from(("name", "parts", "size", "tags", "first"))
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(_names, inner),
)


@given(_json)
def test_any_value_is_taken_or_pointed_into(value: object) -> None:
    for error in _refusals(value):
        _resolve_parent(value, error.pointer)


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_taken_or_refused_in_words(data: bytes) -> None:
    try:
        decoding.body(data, Thing)
    except InvalidRequest as refused:
        detail = refused.detail
        assert detail.endswith(".")  # not every example is refused


def test_a_struct_that_lets_unknown_fields_in_is_found_wherever_it_hides() -> None:
    class Lax(Struct):
        name: str

    class Outer(Struct, forbid_unknown_fields=True):
        inner: list[Lax] | None

    assert decoding.closed(Thing)
    assert not decoding.closed(Lax)
    Outer.__annotations__["inner"] = list[Lax] | None
    assert not decoding.closed(Outer)


def _refusals(value: object) -> Sequence[FieldError]:
    try:
        msgspec.convert(value, Thing)
    except msgspec.ValidationError:
        with pytest.raises(InvalidRequest) as refused:
            decoding.value(value, Thing)
        assert refused.value.errors
        return refused.value.errors
    return ()


def _resolve_parent(value: Any, pointer: str) -> None:
    """Fails when the pointer's parent is not there; what is missing itself cannot be."""
    for step in pointer.split("/")[1:-1]:
        name = step.replace("~1", "/").replace("~0", "~")
        value = value[int(name)] if isinstance(value, list) else value[name]
