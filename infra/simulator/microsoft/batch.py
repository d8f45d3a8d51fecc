"""$batch: up to 20 calls in one JSON document, answered one by one."""

import base64
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from infra.simulator import http
from infra.simulator.http import Request, Response, Route
from infra.simulator.microsoft import errors
from infra.simulator.microsoft.calls import ROOT, Calls
from infra.simulator.microsoft.limits import Throttle

MOST = 20
_BESIDE = 3
"""Graph runs four items of a batch at a time, unless they depend on each other."""


class Item(Struct, rename="camel"):
    id: str
    method: str
    url: str
    headers: dict[str, str] = {}
    body: Any = None
    depends_on: list[str] = []


class Body(Struct):
    requests: list[Item]


class Batch:
    def __init__(
        self, calls: Calls, throttle: Throttle, call: Callable[[Request], Response]
    ) -> None:
        """`call` answers one item; whatever it refuses, the other items go on."""
        self._calls = calls
        self._throttle = throttle
        self._call = call

    def routes(self) -> list[Route]:
        path = f"{ROOT}/$batch"
        return [Route("POST", path, "graph.batch", self._answer, self._calls.who, errors.graph)]

    def _answer(self, outer: Request) -> Response:
        token = self._calls.authenticated(outer)
        items = _items(outer)
        sequential = all(item.depends_on for item in items[1:])
        beside = 0 if sequential else min(_BESIDE, len(items) - 1)
        answers: dict[str, dict[str, Any]] = {}
        with self._throttle.neighbours(token.account, token.app, beside):
            for item in items:
                answers[item.id] = self._one(outer, item, answers)
        # Graph promises no order; whoever relies on one shall notice here.
        return http.json_response({"responses": list(reversed(answers.values()))})

    def _one(
        self, outer: Request, item: Item, answers: dict[str, dict[str, Any]]
    ) -> dict[str, Any]:
        failed = [key for key in item.depends_on if answers[key]["status"] >= 400]
        response = errors.graph(424) if failed else self._call(_request(outer, item))
        shown = {"Content-Type": response.content_type} | response.headers
        answer: dict[str, Any] = {"id": item.id, "status": response.status, "headers": shown}
        return answer | ({"body": _body(response)} if response.body else {})


def _items(outer: Request) -> list[Item]:
    """Raises Refused (400)."""
    try:
        items = msgspec.json.decode(outer.body, type=Body).requests
    except msgspec.DecodeError as error:
        raise errors.invalid("BadRequest", f"Invalid batch payload format. {error}") from error
    if len(items) > MOST:
        message = f"Number of batch request steps exceeds the maximum value of {MOST}."
        raise errors.invalid("MaximumValueExceeded", message)
    before: set[str] = set()
    for item in items:
        if item.id in before or not before.issuperset(item.depends_on):
            raise errors.invalid("BadRequest", f"Batch step '{item.id}' is not in order.")
        if item.body is not None and "content-type" not in {name.lower() for name in item.headers}:
            raise errors.invalid("BadRequest", f"Batch step '{item.id}' has no Content-Type.")
        before.add(item.id)
    return items


def _request(outer: Request, item: Item) -> Request:
    """What an item says, on behalf of the batch's caller. Only the caller is inherited."""
    headers = {name.lower(): text for name, text in item.headers.items()}
    headers.setdefault("authorization", outer.headers.get("authorization", ""))
    headers["host"] = outer.headers.get("host", "")
    plain = isinstance(item.body, str)
    body = (
        b""
        if item.body is None
        else item.body.encode()
        if plain
        else msgspec.json.encode(item.body)
    )
    return http.request(item.method.upper(), ROOT + "/" + item.url.lstrip("/"), headers, body)


def _body(response: Response) -> object:
    if response.content_type.startswith("application/json"):
        return msgspec.Raw(response.body)
    return base64.b64encode(response.body).decode()
