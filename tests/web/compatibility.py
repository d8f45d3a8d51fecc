"""What a client of an older release would stumble over: the rules of our own, on two descriptions.

Of requests: nothing that was taken is refused. Of answers: nothing that was there is missing or of
another kind; new fields may come, and new values of an enum, which clients are told to expect.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

Schema = Mapping[str, Any]
_METHODS = {"get", "post", "put", "patch", "delete"}
_LOWEST = ("minLength", "minimum", "minItems", "exclusiveMinimum")
_HIGHEST = ("maxLength", "maximum", "maxItems", "exclusiveMaximum")


def breaks(old: Schema, new: Schema) -> list[str]:
    """A line for each, "" none."""
    return sorted(set(_Comparison(old, new).paths()))


class _Comparison(Struct):
    old: Schema
    new: Schema

    def paths(self) -> Iterator[str]:
        for path, methods in self.old["paths"].items():
            for method in _METHODS & methods.keys():
                where = f"{method.upper()} {path}"
                if (now := self.new["paths"].get(path, {}).get(method)) is None:
                    yield f"{where} is gone"
                else:
                    yield from self.operation(where, methods[method], now)

    def operation(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        if old["operationId"] != new["operationId"]:
            yield f"{where} has another name"
        if old.get("security") == [] != new.get("security"):
            yield f"{where} asks for a token now"
        yield from self.parameters(where, _by_name(old), _by_name(new))
        yield from self.body(where, old, new)
        for status, answer in old["responses"].items():
            if status >= "4":
                continue
            if status not in new["responses"]:
                yield f"{where} does not answer {status} any more"
                continue
            was, now = _json(answer), _json(new["responses"][status])
            yield from self.answered(f"{where} {status}", was, now, ())
            for header in answer.get("headers", {}).keys() - new["responses"][status].get(
                "headers", {}
            ):
                yield f"{where} {status} has no header {header} any more"

    def parameters(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        for key, parameter in old.items():
            if key not in new:
                yield f"{where} {key} is gone"
            else:
                yield from self.taken(f"{where} {key}", parameter["schema"], new[key]["schema"], ())
        for key, parameter in new.items():
            if parameter["required"] and not old.get(key, {"required": False})["required"]:
                yield f"{where} {key} is newly required"

    def body(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        was, now = (_json(one.get("requestBody", {})) for one in (old, new))
        if now and not was:
            yield f"{where} takes a body now"
        elif was and not now:
            yield f"{where} takes no body any more"
        elif was:
            yield from self.taken(where, was, now, ())

    def taken(self, where: str, old: Schema, new: Schema, seen: tuple[str, ...]) -> Iterator[str]:
        """What was good in a request, and is not any more."""
        if (name := _reference(old)) in seen:
            return
        was, now = _resolved(self.old, old), _resolved(self.new, new)
        if gone := was.keys() - now.keys():
            yield f"{where} takes no {', '.join(sorted(gone))} any more"
        for kind in was.keys() & now.keys():
            a, b = was[kind], now[kind]
            yield from _narrowed(where, a, b)
            for field in b.get("required", ()):
                if field not in a.get("required", ()):
                    yield f"{where}.{field} is newly required"
            yield from self._parts(where, a, b, (*seen, name), self.taken)

    def answered(
        self, where: str, old: Schema, new: Schema, seen: tuple[str, ...]
    ) -> Iterator[str]:
        """What a reader of the answer counts on, and would miss."""
        if (name := _reference(old)) in seen:
            return
        was, now = _resolved(self.old, old), _resolved(self.new, new)
        if more := now.keys() - was.keys():
            yield f"{where} may be {', '.join(sorted(more))} now"
        for kind in was.keys() & now.keys():
            a, b = was[kind], now[kind]
            if gone := set(a.get("enum", ())) - set(b.get("enum", a.get("enum", ()))):
                yield f"{where} is never {', '.join(sorted(gone))} any more"
            if a.get("format") != b.get("format"):
                yield f"{where} is written otherwise"
            for field in a.get("required", ()):
                if field in b.get("properties", {}) and field not in b.get("required", ()):
                    yield f"{where}.{field} may be missing now"
            yield from self._parts(where, a, b, (*seen, name), self.answered)

    def _parts(
        self, where: str, old: Schema, new: Schema, seen: tuple[str, ...], compare: Any
    ) -> Iterator[str]:
        for field, schema in old.get("properties", {}).items():
            if field not in new.get("properties", {}):
                yield f"{where}.{field} is gone"
            else:
                yield from compare(f"{where}.{field}", schema, new["properties"][field], seen)
        for part, mark in (("items", "[]"), ("additionalProperties", ".*")):
            if isinstance(old.get(part), dict) and isinstance(new.get(part), dict):
                yield from compare(f"{where}{mark}", old[part], new[part], seen)


def _narrowed(where: str, old: Schema, new: Schema) -> Iterator[str]:
    if "enum" in new and (gone := set(old.get("enum", ("anything else",))) - set(new["enum"])):
        yield f"{where} must not be {', '.join(sorted(map(str, gone)))} any more"
    for limit in (*_LOWEST, *_HIGHEST):
        before, now = old.get(limit), new.get(limit)
        if now is not None and (
            before is None or (now > before if limit in _LOWEST else now < before)
        ):
            yield f"{where} has a narrower {limit}"
    if new.get("pattern", old.get("pattern")) != old.get("pattern"):
        yield f"{where} has another pattern"


def _by_name(operation: Schema) -> dict[str, Schema]:
    return {f"{one['in']} {one['name']}": one for one in operation.get("parameters", ())}


def _json(part: Schema) -> Schema:
    found: Schema = part.get("content", {}).get("application/json", {}).get("schema", {})
    return found


def _reference(schema: Schema) -> str:
    return str(schema.get("$ref", id(schema)))


def _resolved(document: Schema, schema: Schema) -> dict[str, Schema]:
    """The schema without references and alternatives: by each type that it allows."""
    if reference := schema.get("$ref"):
        part: Any = document
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]
        return _resolved(document, part)
    found: dict[str, Schema] = {}
    for one in schema.get("anyOf", ()):
        found |= _resolved(document, one)
    if "type" in schema:
        found[schema["type"]] = schema
    return found
