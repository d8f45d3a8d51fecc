"""Routes of the simulator's own API, which lies below CONTROL: JSON in, JSON out."""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct

from infra.simulator.exchange import CONTROL
from infra.simulator.http import Refused, Request, Response, Route, json_response

B = TypeVar("B", bound=Struct)


class OfAccount(Struct, forbid_unknown_fields=True):
    account: str


def read(path: str, look: Callable[[Request], object]) -> Route:
    """A GET that answers what `look` finds."""
    return Route(
        "GET",
        CONTROL + path,
        "control",
        lambda request: json_response(guarded(lambda: look(request))),
    )


def act(
    method: Literal["POST", "PUT", "DELETE"], path: str, kind: type[B], do: Callable[[B], object]
) -> Route:
    """A call whose JSON is a `kind`; it answers what `do` returns."""

    def handle(request: Request) -> Response:
        body = _decoded(request, kind)
        done = guarded(lambda: do(body))
        return json_response({} if done is None else done)

    return Route(method, CONTROL + path, "control", handle)


def patched(request: Request, current: B) -> B:
    """`current` with the fields that a request's JSON names. Raises Refused."""
    given = _decoded(request, dict[str, Any])
    wanted = msgspec.to_builtins(current) | given
    changed: B = guarded(lambda: msgspec.convert(wanted, type(current)))
    return changed


def _decoded(request: Request, kind: type[Any]) -> Any:
    """Raises Refused: 415 unless it says it is JSON, which no other site's page can do without asking us."""
    if request.body and not request.headers.get("content-type", "").startswith("application/json"):
        raise Refused(json_response({"error": "send application/json"}, 415))
    try:
        return msgspec.json.decode(request.body or b"{}", type=kind)
    except msgspec.DecodeError as error:
        raise Refused(json_response({"error": str(error)}, 400)) from error


def guarded(act: Callable[[], Any]) -> Any:
    """What `act` returns. Raises Refused: 404 for a KeyError, 400 for an impossible value."""
    try:
        return act()
    except KeyError as error:
        raise Refused(json_response({"error": f"there is no {error.args[0]!r}"}, 404)) from error
    except (ValueError, FileNotFoundError) as error:
        raise Refused(json_response({"error": str(error)}, 400)) from error
