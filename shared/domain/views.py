"""Records as they are shown to people."""

from typing import Any, TypeVar

from msgspec import Struct

V = TypeVar("V", bound=Struct)


def view(kind: type[V], record: Struct, /, **more: Any) -> V:
    """A `kind` with the record's fields of the same names, besides what `more` says."""
    fields = {
        name: more[name] if name in more else getattr(record, name)
        for name in kind.__struct_fields__
    }
    return kind(**fields)
