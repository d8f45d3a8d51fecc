"""The public API as an OpenAPI 3.1 document, from the routes themselves: `python -m infra.openapi`."""

import functools
import operator
import re
import runpy
import sys
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, get_args

import msgspec

from infra import functions_map
from infra.functions_map import ROOT, FunctionsMap, Trigger
from shared.web.endpoints import Api, PrivateApi, Redirect
from shared.web.problems import Problem
from shared.web.routing import Route

_REFS = "#/components/schemas/{name}"
_PROBLEMS = (400, 401, 403, 404, 409, 413, 415, 429, 500, 502, 503)
"""What any call may answer with, besides its own."""


def document(functions: FunctionsMap, url: str = "") -> dict[str, Any]:
    """`url` is where the functions are reached, for readers who want to try them."""
    names = functions.triggered_by(Trigger.HTTP)
    routes = [(name, route) for name in names for route in load_endpoint(name).routes]
    schemas, components = _schemas([route for _, route in routes])
    paths: dict[str, dict[str, Any]] = {}
    for name, route in routes:
        path = f"/{name}{route.path}".rstrip("/")
        paths.setdefault(path, {})[route.method.lower()] = _operation(name, route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mailbridge",
            "version": "1",
            "description": "Connects a team's mailboxes to its CRM. Errors are RFC 9457 documents.",
        },
        **({"servers": [{"url": url}]} if url else {}),
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
            "responses": {str(status): _problem(status, schemas) for status in _PROBLEMS},
        },
    }


def load_endpoint(name: str) -> Api | PrivateApi:
    """What functions/<name>/main.py defines. Raises TypeError when that is nothing."""
    source = ROOT / "functions" / name / "main.py"
    module = runpy.run_path(str(source))
    for value in module.values():
        if isinstance(value, Api | PrivateApi):
            return value
    raise TypeError(f"{source} defines neither an Api nor a PrivateApi")


def _schemas(routes: list[Route]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """Each type's schema (mostly a reference), and the schemas referred to."""
    kinds = list(dict.fromkeys([Problem, *(kind for one in routes for kind in _types(one))]))
    found, components = msgspec.json.schema_components(kinds, ref_template=_REFS)
    return dict(zip(kinds, found, strict=True)), components


def _types(route: Route) -> Iterator[Any]:
    """The types that an operation refers to; query and headers are spread into parameters."""
    if "body" in route.takes:
        yield route.takes["body"]
    if (returned := _returned(route)) is not None:
        yield returned
    for place in ("query", "headers"):
        for field in _fields(route, place):
            yield field.type


def _returned(route: Route) -> Any:
    """The type of the answer's body, None when it has none."""
    kind = route.takes.get("return")
    kinds = [one for one in get_args(kind) or [kind] if one not in {None, type(None), Redirect}]
    return functools.reduce(operator.or_, kinds) if kinds else None


def _fields(route: Route, place: str) -> tuple[Any, ...]:
    kind = route.takes.get(place)
    return () if kind in {None, dict[str, str]} else msgspec.structs.fields(kind)


def _operation(name: str, route: Route, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    doc = (route.handler.__doc__ or "").strip()
    summary = doc.partition("\n")[0] or route.handler.__name__.replace("_", " ").capitalize()
    operation: dict[str, Any] = {
        "operationId": f"{name}_{route.handler.__name__}",
        "tags": [name],
        "summary": summary,
        "parameters": list(_parameters(route, schemas)),
        "responses": _responses(route, schemas),
    }
    if route.public:
        operation["security"] = []
    if "body" in route.takes:
        content = {"application/json": {"schema": schemas[route.takes["body"]]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameters(route: Route, schemas: Mapping[Any, Any]) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", route.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    for place in ("query", "headers"):
        for field in _fields(route, place):
            header = place == "headers"
            yield {
                "name": field.encode_name.replace("_", "-").title()
                if header
                else field.encode_name,
                "in": "header" if header else "query",
                "required": field.required,
                "schema": schemas[field.type],
            }


def _responses(route: Route, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    returned = _returned(route)
    status = 303 if route.takes.get("return") is Redirect else route.status
    answer: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if returned is not None:
        answer["content"] = {"application/json": {"schema": schemas[returned]}}
    if status == 303 or route.location:
        answer["headers"] = {"Location": {"schema": {"type": "string"}}}
    problems = {str(one): {"$ref": f"#/components/responses/{one}"} for one in _PROBLEMS}
    return {str(status): answer} | problems


def _problem(status: int, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": schemas[Problem]}}
    return {"description": HTTPStatus(status).phrase, "content": content}


if __name__ == "__main__":
    text = msgspec.json.format(msgspec.json.encode(document(functions_map.load())), indent=2)
    sys.stdout.write(text.decode() + "\n")
