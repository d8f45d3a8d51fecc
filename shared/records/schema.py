"""Documents that several releases share.

While a release rolls out, and after one is taken back, older and newer code work on the same
documents. Each says in `schema` the newest version of its kind that wrote it whole; absent is 1.

- What a release does not know it does not see, and leaves as it is when it writes the rest.
- What it does not change it leaves to the letter, also a value it reads as something else (an enum's
  `_missing_`). Of a list, that holds for each unchanged item.
- A document that is behind is brought up to date as it is read, by the UPGRADES of its kind.
- `schema` never goes down.
- A field lies under its encoded name, so that one may be renamed in the code and not in the store.

How to change a kind with that: README, Development.
"""

import functools
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct, structs

from shared.ports.documents import Data

FIELD = "schema"

Upgrade = Callable[[Data], Data]
"""From one version to the next. It fills in what is missing and takes nothing away: releases that have
not heard of it read its document too, and may have filled in part of it."""

UPGRADES: Mapping[type[Struct], tuple[Upgrade, ...]] = {}
"""Of each kind that ever needed one, the first from version 1 to 2. A kind without is at version 1."""


def current(kind: type[Struct]) -> int:
    return 1 + len(UPGRADES.get(kind, ()))


def upgraded(kind: type[Struct], data: Data) -> Data:
    """`data` as this release reads it; as it is when a newer one wrote it."""
    for step in UPGRADES.get(kind, ())[data.get(FIELD, 1) - 1 :]:
        data = step(data)
    return data


def fresh(record: Struct) -> Data:
    """A document that nobody wrote before."""
    data: Data = to_data(record)
    return data | {FIELD: current(type(record))}


def rewritten(stored: Data, record: Struct) -> Data:
    """`stored`, once read, upgraded and changed into `record`."""
    kind = type(record)
    version = max(stored.get(FIELD, 1), current(kind))
    return stored | changed(stored, kind, structs.asdict(record)) | {FIELD: version}


def changed(stored: Data, kind: type[Struct], fields: Mapping[str, Any]) -> Data:
    """The named top-level fields of `stored`, changed."""
    return _fields(stored, msgspec.convert(stored, kind), fields)


def named(kind: type[Struct], fields: Mapping[str, Any]) -> Data:
    """The fields as a document holds them; one that only other releases know keeps its name."""
    names = _stored_names(kind)
    return {names.get(name, name): to_data(value) for name, value in fields.items()}


def to_data(value: Any) -> Any:
    return msgspec.to_builtins(value, builtin_types=(datetime,))


def _fields(stored: Data, before: Struct, now: Mapping[str, Any]) -> Data:
    names = _stored_names(type(before))
    return {
        names[name]: _value(stored[names[name]], getattr(before, name), value)
        if names[name] in stored
        else to_data(value)
        for name, value in now.items()
    }


@functools.cache
def _stored_names(kind: type[Struct]) -> dict[str, str]:
    return {one.name: one.encode_name for one in structs.fields(kind)}


def _value(stored: Any, before: object, now: object) -> Any:
    """`stored`, which this release reads as `before`, changed into `now`."""
    if before == now:
        return stored
    if isinstance(now, Struct) and type(now) is type(before):
        return stored | _fields(stored, before, structs.asdict(now))
    if isinstance(now, list | tuple) and isinstance(before, list | tuple):
        known = list(before)
        return [stored[known.index(one)] if one in known else to_data(one) for one in now]
    return to_data(now)
