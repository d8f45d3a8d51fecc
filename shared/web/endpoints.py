"""HTTP in, typed calls out: authenticate, parse, call one service, map errors. Written once.

    api = Api("contacts")

    @api.post("/", status=201, location="/{id}")
    def create(call: Call, body: service.NewContact) -> service.ContactView:
        return service.create(call.world, call.caller, body)

    def contacts(request: Request) -> Response:
        return api(request)

A handler's parameters say what it takes: `call` (Call, PublicCall or TaskCall), path segments by
their names, and `body`, `query`, `headers`: Structs that forbid unknown fields (the field
`idempotency_key` is the header Idempotency-Key; `query: dict[str, str]` takes whatever came).
It returns a Struct, a Redirect, or None for 204; errors of the tree become problem documents.
Every request leaves one log line (`shared.web.request_log`).
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, structs
from werkzeug.wrappers import Request, Response

from shared import bootstrap, logs
from shared.config import Settings
from shared.domain.caller import Caller
from shared.domain.errors import InvalidRequest, MailbridgeError
from shared.ports.world import World
from shared.web import auth, problems, request_log, routing, tracing
from shared.web.problems import HttpError, Problem
from shared.web.request_log import RequestRecord
from shared.web.routing import Route

__all__ = ["Api", "Call", "PrivateApi", "PublicCall", "Redirect", "Request", "Response", "TaskCall"]

H = TypeVar("H", bound=Callable[..., Any])

BODY_LIMIT = 1024 * 1024
_SAFE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_CORS_HEADERS = "Authorization, Content-Type, Idempotency-Key"


class PublicCall(Struct, frozen=True):
    """A request of nobody in particular."""

    world: World

    @property
    def settings(self) -> Settings:
        return self.world.settings


class Call(PublicCall, frozen=True):
    """A signed-in user's request."""

    caller: Caller


class TaskCall(PublicCall, frozen=True):
    """A call by Cloud Tasks or Cloud Scheduler, proven by its OIDC token."""


class Redirect(Struct, frozen=True):
    url: str


class _Endpoint:
    """What users' and private functions have in common."""

    private = False

    def __init__(self, name: str, *, body_limit: int = BODY_LIMIT, quiet: bool = False) -> None:
        """`body_limit` in bytes; Cloud Run's own limit is 32 MiB. `quiet` leaves a line only of
        requests that are worth a look."""
        self.name = name
        self.routes: list[Route] = []
        self._body_limit = body_limit
        self._quiet = quiet

    def __call__(self, request: Request) -> Response:
        """The answer of this instance. Never raises."""
        return self._recorded(request, bootstrap.this_instance)

    def answer(self, request: Request, world: World) -> Response:
        """The answer in `world`. Never raises."""
        return self._recorded(request, lambda: world)

    def _recorded(self, request: Request, world: Callable[[], World]) -> Response:
        asks_first = request.method == "OPTIONS"  # as browsers do before every call
        record = RequestRecord(self.name, request, self.private, self._quiet or asks_first)
        with request_log.recorded(record):
            try:
                response = self._serve(record, self._here(request, world))
            except Exception as error:
                record.error = error
                response = _refusal(error, record.mailbox_id)
            response.headers.update(record.headers)
            record.status = response.status_code
        return response

    def _here(self, request: Request, world: Callable[[], World]) -> World:
        here = world()
        logs.about(**tracing.fields(request.headers, here.settings.google_cloud_project))
        return here

    def _serve(self, record: RequestRecord, world: World) -> Response:
        """Raises whatever went wrong."""
        raise NotImplementedError


class Api(_Endpoint):
    """A function for users: bearer JWT in, JSON out."""

    def get(self, path: str, *, public: bool = False) -> Callable[[H], H]:
        return self._route("GET", path, public=public)

    def post(
        self, path: str, *, status: int = 0, location: str = "", public: bool = False
    ) -> Callable[[H], H]:
        """`location` names what was made, below the function: "/{id}" takes the answer's `id`."""
        return self._route("POST", path, status=status, location=location, public=public)

    def patch(self, path: str) -> Callable[[H], H]:
        return self._route("PATCH", path)

    def delete(self, path: str) -> Callable[[H], H]:
        return self._route("DELETE", path)

    def _route(
        self, method: str, path: str, *, status: int = 0, location: str = "", public: bool = False
    ) -> Callable[[H], H]:
        def register(handler: H) -> H:
            route = Route.of(handler, method, path, status=status, location=location, public=public)
            if route.takes["call"] is not (PublicCall if public else Call):
                raise TypeError(f"{handler.__qualname__}: `call` must be a PublicCall or a Call")
            self.routes.append(route)
            return handler

        return register

    def _serve(self, record: RequestRecord, world: World) -> Response:
        request = record.request
        record.headers = _cross_origin(request, world.settings)
        path = self._below(request.path)
        if request.method == "OPTIONS":
            return self._options(path)
        route, places = routing.find(self.routes, request.method, path)
        record.path = route.path
        call = PublicCall(world) if route.public else self._call(request, world)
        arguments = places | route.arguments(request, self._body_limit)
        record.names(arguments)
        return self._answered(route, route.handler(call=call, **arguments))

    def _call(self, request: Request, world: World) -> Call:
        users = auth.users(world.settings)
        caller = users.caller(request.headers.get("Authorization", ""))
        logs.about(team=caller.team_id, user=caller.user_id)
        return Call(world, caller)

    def _answered(self, route: Route, result: Any) -> Response:
        response = _response(result, route.status)
        if route.location:
            facts = structs.asdict(result)
            response.headers["Location"] = f"/{self.name}{route.location.format(**facts)}"
        return response

    def _options(self, path: str) -> Response:
        segments = routing.split(path)
        here = [route.method for route in self.routes if route.match(segments) is not None]
        return Response(status=204, headers={"Allow": ", ".join(routing.allowed(here))})

    def _below(self, path: str) -> str:
        """The path below the function, whether or not the way here cut the function's name off."""
        first, *rest = routing.split(path) or [""]
        return "/".join(rest) if first == self.name else path


class PrivateApi(_Endpoint):
    """A private function: one handler, called by Cloud Tasks or Cloud Scheduler with an OIDC token.

    What trying again cannot mend is logged and acknowledged; see the table in `shared.web.problems`.
    While a release rolls out, its tasks meet instances of the one before, and the other way round:
    fields of a body that a handler does not know are passed by, new ones need a default.
    """

    private = True

    def handler(self, handler: H) -> H:
        """`handler(call: TaskCall)`, with a `body` Struct for a task."""
        route = Route.of(handler, "POST", "/", location="", public=False, lenient=True)
        if route.takes["call"] is not TaskCall:
            raise TypeError(f"{handler.__qualname__}: `call` must be a TaskCall")
        self.routes = [route]
        return handler

    def _serve(self, record: RequestRecord, world: World) -> Response:
        request = record.request
        route, _ = routing.find(self.routes, request.method, "/")
        record.path = route.path
        auth.invokers(world.settings).check(request.headers.get("Authorization", ""))
        try:
            arguments = route.arguments(request, self._body_limit)
        except InvalidRequest as error:
            record.error, record.lost = error, True
            return Response(status=200, headers=_SAFE)
        record.names(arguments)
        try:
            return _response(route.handler(call=TaskCall(world), **arguments), route.status)
        except MailbridgeError as error:
            record.error = error
            return _judged(error)


def _refusal(error: Exception, mailbox_id: str) -> Response:
    match error:
        case HttpError(problem=problem, headers=headers):
            return problem_response(problem, headers)
        case MailbridgeError():
            problem = problems.problem(error, mailbox_id=mailbox_id)
            return problem_response(problem, problems.headers(error))
    return problem_response(problems.UNEXPECTED)


def _judged(error: MailbridgeError) -> Response:
    """To a queue: acknowledged, or to be tried again."""
    status = problems.task_status(error)
    if status == 200:
        return Response(status=200, headers=_SAFE)
    return problem_response(structs.replace(problems.problem(error), status=status))


def problem_response(problem: Problem, headers: Mapping[str, str] = {}) -> Response:
    return _json(problem, problem.status, "application/problem+json", headers)


def _response(result: Any, status: int) -> Response:
    match result:
        case None:
            return Response(status=204, headers=_SAFE)
        case Redirect(url=url):
            return Response(status=303, headers={**_SAFE, "Location": url})
    return _json(result, status, "application/json")


def _json(value: object, status: int, kind: str, headers: Mapping[str, str] = {}) -> Response:
    body = msgspec.json.encode(value)
    return Response(body, status, headers={**_SAFE, **headers}, content_type=kind)


def _cross_origin(request: Request, settings: Settings) -> dict[str, str]:
    """CORS, for a CRM in the browser: the allowed origins and nobody else. Tokens, no cookies."""
    origin = request.headers.get("Origin", "")
    if origin not in settings.allowed_origins:
        return {"Vary": "Origin"}
    granted = {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "Location, Retry-After",
    }
    if request.method == "OPTIONS":
        granted |= {
            "Access-Control-Allow-Methods": "GET, POST, PATCH, DELETE",
            "Access-Control-Allow-Headers": _CORS_HEADERS,
            "Access-Control-Max-Age": "600",
        }
    return granted
