"""The public API as an OpenAPI 3.1 document, from the types and routes that serve.

There is no second list: the functions' main.py are read where they lie, in the project or in the
bundle of the function `openapi`, which carries all of them.
"""

import contextvars
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.config import function_url
from shared.web.endpoints import Api, PrivateApi
from shared.web.openapi import operations
from shared.web.openapi.schemas import Schemas
from shared.web.problems import Problem

RELEASE = "1.0"
"""Of the API. `docs/openapi` keeps the document of each; a later one takes nothing away."""
FUNCTIONS = Path(__file__).resolve().parents[3] / "functions"

_ABOUT = """\
Connects a team's mailboxes to its CRM: mail with known contacts comes onto their timelines, and mail
leaves as its author.

Every call but those that say otherwise takes `Authorization: Bearer` with a JWT that names user and
team. Errors are problem documents (RFC 9457). Lists take `page_size` and `page_token` and answer
`next_page_token`, "" when there is no more; a page may be short and have a next one all the same.
Times are RFC 3339 in UTC, ids are opaque, unknown fields are refused. What has an id has a version:
its `etag`, which If-Match takes. `RateLimit` tells what is left of the requests a minute.

Nothing that is described here is taken away. What may come at any time are new calls, new fields of
answers, and new values where a field names one of several.
"""


def document(public_url: str = "", functions: Path = FUNCTIONS) -> dict[str, Any]:
    """Of all that users may call. `public_url` is where (`shared.config.function_url`)."""
    described = [
        (api.name, route) for api in apis(functions) for route in api.routes if route.listed
    ]
    schemas = Schemas([route for _, route in described])
    paths: dict[str, dict[str, Any]] = {}
    for name, route in described:
        path = paths.setdefault(f"/{name}{route.path}".rstrip("/"), {})
        path[route.method.lower()] = operations.operation(name, route, schemas)
        if "{function}" in public_url:
            path["servers"] = [{"url": function_url(public_url, name)}]
    operations.link(paths)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Mailbridge", "version": RELEASE, "description": _ABOUT},
        **({"servers": [{"url": public_url}]} if public_url and "{" not in public_url else {}),
        "security": [{"bearer": []}],
        "tags": [{"name": name} for name in dict.fromkeys(name for name, _ in described)],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
            "headers": operations.HEADERS,
            "responses": operations.problem_responses(schemas.of(Problem)),
        },
    }


def apis(functions: Path = FUNCTIONS) -> Iterator[Api]:
    """What users may call, by name."""
    for source in sorted(functions.glob("*/main.py")):
        if isinstance(found := _load(source), Api):
            yield found


def endpoint(name: str, functions: Path = FUNCTIONS) -> Api | PrivateApi:
    """What that function's main.py defines. Raises TypeError when that is nothing."""
    return _load(functions / name / "main.py")


def _load(source: Path) -> Api | PrivateApi:
    # In a context of its own: one that belongs to an application would have it claim that one's errors.
    module = contextvars.Context().run(runpy.run_path, str(source))
    for value in module.values():
        if isinstance(value, Api | PrivateApi):
            return value
    raise TypeError(f"{source} defines neither an Api nor a PrivateApi")
