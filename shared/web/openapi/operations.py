"""One route as an OpenAPI operation: its parameters, its body, and all that it may answer."""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, get_args

from shared.web import idempotency, problems
from shared.web.answers import Content, Redirect, Stream
from shared.web.openapi import descriptions
from shared.web.openapi.schemas import Schemas, fields, returned
from shared.web.routing import Route

_TEXT = {"type": "string"}
HEADERS = {
    "ETag": {"description": "The version, which If-Match takes.", "schema": _TEXT},
    "Location": {"description": "Where it is.", "schema": _TEXT},
    "RateLimit": {
        "description": "Of each budget: `r` requests are left, and it is full again in `t` seconds.",
        "schema": _TEXT,
    },
    "RateLimit-Policy": {
        "description": "The budgets: `q` requests in `w` seconds.",
        "schema": _TEXT,
    },
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}},
    "WWW-Authenticate": {"description": "What is wrong with the token.", "schema": _TEXT},
    idempotency.REPLAYED: {
        "description": "`true` when this was made before, under the same Idempotency-Key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}
_BUDGETS = ("RateLimit", "RateLimit-Policy")
_WHEN = {
    400: "Something in the request is wrong; `errors` says what and where.",
    401: "There is no token, or none that holds.",
    403: "Known, and not allowed.",
    404: "Not there, or nothing that the caller may know of.",
    409: "Its state does not allow this.",
    410: "It was there: a page token has expired, or what the key made was deleted.",
    412: "It changed since the version that If-Match names.",
    413: "The body is too large.",
    415: "The body is no JSON.",
    422: "The Idempotency-Key belongs to another request.",
    428: "If-Match is missing.",
    429: "Too many requests of ours, or of the provider.",
    500: "Our mistake.",
    502: "The provider refused, or the function is being started.",
    503: "The provider or the store does not answer.",
    504: "It took too long.",
}
_WAIT = {409, 429, 502, 503}


def operation(name: str, route: Route, schemas: Schemas) -> dict[str, Any]:
    summary, _, more = descriptions.plain(route.handler.__doc__ or "").partition("\n\n")
    described: dict[str, Any] = {
        "operationId": f"{name}_{route.handler.__name__.rstrip('_')}",
        "tags": [name],
        "summary": summary.rstrip("."),
        "parameters": list(_parameters(route, schemas)),
        "responses": _responses(route, schemas),
    }
    if more:
        described["description"] = more
    if route.public:
        described["security"] = []
    if "body" in route.takes:
        content: dict[str, Any] = {"schema": schemas.of(route.takes["body"])}
        if route.example:
            content["example"] = route.example
        described["requestBody"] = {"required": True, "content": {"application/json": content}}
    return described


def link(paths: Mapping[str, dict[str, Any]]) -> None:
    """Says of each call that makes something which calls its id goes into."""
    for path, methods in paths.items():
        answers = methods.get("post", {}).get("responses", {})
        made = [one for one in answers.values() if "Location" in one.get("headers", {})]
        below = re.compile(rf"{re.escape(path)}/\{{(\w+)\}}(/\w+)*")
        for answer in made:
            answer["links"] = {
                one["operationId"]: {
                    "operationId": one["operationId"],
                    "parameters": {found[1]: "$response.body#/id"},
                }
                for other in paths
                if (found := below.fullmatch(other))
                for one in paths[other].values()
                if isinstance(one, dict)
            }


def problem_responses(schema: dict[str, Any]) -> dict[str, Any]:
    """By their statuses."""
    return {str(status): _problem(status, schema) for status in _WHEN}


def _parameters(route: Route, schemas: Schemas) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", route.path):
        schema = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$"}
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    for place, where in (("query", "query"), ("headers", "header")):
        said = descriptions.of_fields(route.documented(place)) if fields(route, place) else {}
        for field in fields(route, place):
            name = field.encode_name
            parameter = {
                "name": name.replace("_", "-").title() if where == "header" else name,
                "in": where,
                "required": field.required,
                "schema": schemas.of(field.type) | _default(field.default),
            }
            yield parameter | ({"description": said[field.name]} if field.name in said else {})
    if "if_match" in route.takes:
        yield {
            "name": "If-Match",
            "in": "header",
            "required": False,
            "description": "The `etag` that was seen, in quotes: nothing is done when it is another by now.",
            "schema": _TEXT,
        }
    if route.location:
        yield {
            "name": idempotency.HEADER,
            "in": "header",
            "required": False,
            "description": "However often it is sent under the same key, it is made once. Good for 48 hours.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
        }


def _default(value: Any) -> dict[str, Any]:
    return {"default": value} if isinstance(value, int | float) else {}


def _responses(route: Route, schemas: Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {}
    kind = route.takes.get("return")
    kinds = get_args(kind) or (kind,)
    if kinds != (Redirect,):
        found[str(route.status)] = _answer(route, schemas)
    if Redirect in kinds:
        found["303"] = {"description": "See Other", "headers": _headers("Location")}
    statuses = sorted(_statuses(route))
    return found | {str(one): {"$ref": f"#/components/responses/{one}"} for one in statuses}


def _answer(route: Route, schemas: Schemas) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": HTTPStatus(route.status).phrase}
    names = [] if route.public else [*_BUDGETS]
    if (kind := returned(route)) is not None:
        answer["content"] = {"application/json": {"schema": schemas.of(kind)}}
        names += ["ETag"] if "etag" in getattr(kind, "__struct_fields__", ()) else []
    elif route.takes.get("return") is Content:
        answer["content"] = {"application/json": {"schema": {"type": "object"}}}
    elif route.takes.get("return") is Stream:
        answer["content"] = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    if route.location:
        names += ["Location", idempotency.REPLAYED]
    if names:
        answer["headers"] = _headers(*names)
    return answer


def _statuses(route: Route) -> set[int]:
    """Of the problems that it may answer with."""
    statuses = {400, 413, 500, 502, 503, 504}
    if not route.public:
        statuses |= {401, 403, 404, 429}
    if route.method != "GET" or route.public or route.takes.get("return") is Stream:
        statuses |= {409}
    if "body" in route.takes:
        statuses |= {415}
    if route.location:
        statuses |= {410, 422}
    if any(field.name == "page_token" for field in fields(route, "query")):
        statuses |= {410}
    if "if_match" in route.takes:
        statuses |= {412, 428} if route.method in {"PATCH", "PUT"} else {412}
    return statuses


def _problem(status: int, schema: dict[str, Any]) -> dict[str, Any]:
    kinds = ", ".join(f"`{kind}`" for kind in problems.kinds(status))
    answer: dict[str, Any] = {
        "description": f"{_WHEN[status]} Its type is one of {kinds}.",
        "content": {"application/problem+json": {"schema": schema}},
    }
    names = [*(["Retry-After"] if status in _WAIT else []), *(_BUDGETS if status == 429 else [])]
    names += ["WWW-Authenticate"] if status == 401 else []
    return answer | ({"headers": _headers(*names)} if names else {})


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
