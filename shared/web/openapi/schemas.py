"""JSON Schemas of the types that requests and answers are made of."""

import functools
import operator
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import Enum
from types import NoneType
from typing import Any, get_args, get_origin

import msgspec
from msgspec import Struct, structs

from shared.providers.registry import PROVIDERS
from shared.web import problems
from shared.web.answers import Content, Redirect, Stream
from shared.web.openapi import descriptions
from shared.web.problems import Problem
from shared.web.routing import Route

_EVERYWHERE = {
    "id": "Opaque.",
    "etag": "Its version, which If-Match takes in quotes.",
    "next_page_token": 'The `page_token` of the next page, "" when this is the last.',
    "contact_id": "The contact.",
    "mailbox_id": "The mailbox.",
    "message_id": 'The stored message, "" when there is none.',
    "provider": "Where the account is.",
    "provider_message_id": "The provider's own id.",
    "to": "Recipients.",
    "cc": "Recipients of a copy.",
    "bcc": "Recipients of a copy whom the others do not see.",
    "html": "The body as HTML.",
    "text": "The body as plain text.",
    "created_at": "When it was made.",
    "updated_at": "When it last changed.",
    "sent_at": "When it was sent; null before.",
    "at": "When it was.",
}
"""What fields of these names are, wherever a type says nothing else of them."""
_REFS = "#/components/schemas/{name}"


class Schemas:
    """Of all types that these routes take and return."""

    def __init__(self, routes: Iterable[Route]) -> None:
        """Raises TypeError for a type that is both taken and returned: what may be left out of a
        request is there in every answer, so they cannot be described alike."""
        routes = list(routes)
        taken = {one for route in routes for one in _structs(route.takes.get("body"))}
        shown = {one for route in routes for one in _structs(returned(route))}
        if both := taken & shown:
            raise TypeError(f"Both taken and returned: {', '.join(one.__name__ for one in both)}")
        kinds = list(dict.fromkeys([Problem, *(kind for one in routes for kind in _types(one))]))
        found, self.components = msgspec.json.schema_components(kinds, ref_template=_REFS)
        self._found = dict(zip(kinds, found, strict=True))
        for struct in {*taken, *shown, *_structs(Problem)}:
            self._describe(struct, in_answers=struct not in taken)
        for name, component in self.components.items():
            _complete(component)
            component["title"] = _public(name)
        self._found[Problem], self.components = _renamed((self._found[Problem], self.components))
        self._found = {kind: _renamed(schema) for kind, schema in self._found.items()}
        self.components["Problem"]["properties"]["type"]["enum"] = problems.kinds()
        self.components["Provider"] = {
            "title": "Provider",
            "type": "string",
            "enum": sorted(PROVIDERS),
        }

    def of(self, kind: Any) -> dict[str, Any]:
        """A reference, or the schema itself where the type is none of ours."""
        return _complete(dict(self._found[kind]), kind)

    def _describe(self, kind: type[Struct], *, in_answers: bool) -> None:
        component = self.components[kind.__name__]
        component.pop("description", None)
        if said := descriptions.of_type(kind):
            component["description"] = said
        said_of = _EVERYWHERE | descriptions.of_fields(kind)
        for field in structs.fields(kind):
            schema = component["properties"][field.encode_name]
            schema.pop("default", None)
            component["properties"][field.encode_name] = _complete(schema, field.type)
            if field.name in said_of:
                component["properties"][field.encode_name]["description"] = said_of[field.name]
        if in_answers and not kind.__struct_config__.omit_defaults:
            component["required"] = [field.encode_name for field in structs.fields(kind)]
        if not component["required"]:
            del component["required"]


def returned(route: Route) -> Any:
    """The type of the answer's body, None when it has none."""
    kind = route.takes.get("return")
    kinds = get_args(kind) or [kind]
    kinds = [one for one in kinds if one not in {None, NoneType, Redirect, Content, Stream}]
    return functools.reduce(operator.or_, kinds) if kinds else None


def fields(route: Route, place: str) -> tuple[structs.FieldInfo, ...]:
    """What `query` or `headers` is spread into."""
    kind = route.documented(place)
    return () if kind is None else structs.fields(kind)


def _types(route: Route) -> Iterator[Any]:
    """The types that an operation refers to; query and headers are spread into parameters."""
    if "body" in route.takes:
        yield route.takes["body"]
    if (answer := returned(route)) is not None:
        yield answer
    for place in ("query", "headers"):
        for field in fields(route, place):
            yield field.type


def _structs(kind: Any) -> set[type[Struct]]:
    """The Structs of ours in a type, at any depth."""
    if isinstance(kind, type) and issubclass(kind, Struct):
        inner = (_structs(field.type) for field in structs.fields(kind))
        return {kind}.union(*inner)
    return set().union(*map(_structs, get_args(kind)))


def _complete(schema: dict[str, Any], kind: Any = None) -> dict[str, Any]:
    """With what msgspec leaves unsaid: times, the type of an enum, names that are data."""
    if schema.pop("x-names", "") == "providers":
        del schema["type"]
        schema["$ref"] = _REFS.format(name="Provider")
    if "enum" in schema and all(isinstance(one, str) for one in schema["enum"]):
        schema["type"] = "string"
    if _holds_time(kind):
        for part in (schema, *schema.get("anyOf", ())):
            if part.get("type") == "string":
                part["format"] = "date-time"
    return schema


def _holds_time(kind: Any) -> bool:
    """True for a time, and for one that may be missing."""
    return kind is datetime or (
        get_origin(kind) not in {list, tuple, dict}
        and not (isinstance(kind, type) and issubclass(kind, Enum | Struct))
        and any(part is datetime for part in get_args(kind))
    )


def _public(name: str) -> str:
    """`MailboxView` is our word for what the world calls a Mailbox."""
    return re.sub(r"(?<=.)View$", "", name)


def _renamed(part: Any) -> Any:
    if isinstance(part, list | tuple):
        return [_renamed(one) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return part | {"$ref": _public(part["$ref"])}
    return {
        (_public(name) if isinstance(one, dict) and "title" in one else name): _renamed(one)
        for name, one in part.items()
    }
