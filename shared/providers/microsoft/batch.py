"""Graph's batch format: up to twenty GETs in one JSON request, each with an answer of its own.

https://learn.microsoft.com/graph/json-batching
"""

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from shared.domain.errors import ProviderUnavailable
from shared.providers.http import Answer, decoded
from shared.providers.waits import retry_after

PATH = "/$batch"
SIZE = 20


class _Response(Struct):
    id: str
    status: int
    headers: dict[str, str] | None = None
    body: Raw = Raw(b"null")
    """Read later and alone: what cannot be read of one message must not spoil the others."""


class _Whole(Struct):
    responses: list[_Response]


def body(paths: Sequence[str], prefer: str) -> bytes:
    """A request that GETs `paths`, which are quoted and relative to the API's version."""
    requests = [
        {"id": str(number), "method": "GET", "url": path, "headers": {"Prefer": prefer}}
        for number, path in enumerate(paths)
    ]
    return msgspec.json.encode({"requests": requests})


def answers(whole: Answer, count: int) -> list[Answer | None]:
    """Each call's answer in the order asked, whatever order they came in; None where none came.

    Raises ProviderUnavailable when this is no batch's answer at all."""
    try:
        responses = decoded(whole.body, _Whole).responses
    except ValueError:
        raise ProviderUnavailable("Graph's answer was cut short.") from None
    found: list[Answer | None] = [None] * count
    for response in responses:
        if response.id.isdecimal() and int(response.id) < count:
            found[int(response.id)] = _answer(response)
    return found


def _answer(response: _Response) -> Answer:
    headers = {name.lower(): value for name, value in (response.headers or {}).items()}
    return Answer(
        status=response.status,
        content_type=headers.get("content-type", ""),
        retry_after=retry_after(headers.get("retry-after")),
        body=bytes(response.body),
        challenge=headers.get("www-authenticate", ""),
    )
