"""The contract as it is served: the document, and the page that shows it, by RapiDoc from the bundle."""

import functools

import msgspec

from shared.config import Settings
from shared.domain.errors import NotFound
from shared.web import openapi
from shared.web.answers import Content

SCRIPT = "rapidoc-min"
_STATIC = openapi.FUNCTIONS / "openapi" / "static"
_DAY = "public, max-age=86400"
# The page's elements have styles of their own; everything that runs comes from here.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Its addresses are relative: it is read under whatever name it is reached by.
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Mailbridge API</title>
<script type="module" src="rapidoc-min"></script>
</head>
<body>
<rapi-doc spec-url="./" load-fonts="false" render-style="read" show-header="false"
  allow-server-selection="false" allow-authentication="false" allow-try="false"
  schema-style="table" theme="light"></rapi-doc>
</body>
</html>
"""


def contract(settings: Settings) -> Content:
    cached = {"Cache-Control": "public, max-age=300"}
    return Content(_written(settings.public_url), "application/json", cached)


def page() -> Content:
    return Content(_PAGE.encode(), "text/html; charset=utf-8", {"Content-Security-Policy": _POLICY})


def script(name: str) -> Content:
    """Raises NotFound."""
    if name != SCRIPT:
        raise NotFound("There is nothing at this path.", reason="path_not_found")
    return Content(_script(), "text/javascript; charset=utf-8", {"Cache-Control": _DAY})


@functools.cache
def _written(public_url: str) -> bytes:
    return msgspec.json.encode(openapi.document(public_url))


@functools.cache
def _script() -> bytes:
    return (_STATIC / f"{SCRIPT}.js").read_bytes()
