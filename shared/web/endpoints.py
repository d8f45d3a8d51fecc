"""HTTP in, typed calls out: authenticate, parse, call one service, map errors. Written once.

    api = Api("contacts")

    @api.post("/", status=201, location="/{id}")
    def create(call: Call, body: service.NewContact) -> service.ContactView:
        return service.create(call.world, call.caller, body)

    def contacts(request: Request) -> Response:
        return api(request)

A handler's parameters say what it takes: `call` (Call, PublicCall or TaskCall), path segments by
their names, `if_match` (`shared.domain.versions`), and `body`, `query`, `headers`: Structs that
forbid unknown fields (`query: dict[str, str]` takes whatever came). It returns a Struct, a Redirect,
or None for 204; errors of the tree become problem documents. A Struct's field `etag` is the answer's
ETag. A POST with a `location` takes an Idempotency-Key (`shared.web.idempotency`), every request of
a user counts (`shared.web.budgets`) and leaves one log line (`shared.web.request_log`).
"""

from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic
from typing import Any, TypeVar

from msgspec import Struct, structs
from werkzeug.wrappers import Request, Response

from shared import bootstrap, logs
from shared.config import Settings
from shared.domain.caller import Caller
from shared.domain.errors import (
    AlreadyExists,
    Conflict,
    Gone,
    InvalidRequest,
    MailbridgeError,
    NotFound,
    PreconditionFailed,
)
from shared.domain.requests import KeyedRequest
from shared.ports.world import World
from shared.web import answers, auth, budgets, idempotency, request_log, routing, strays, tracing
from shared.web.answers import Content, Redirect, Stream
from shared.web.request_log import RequestRecord
from shared.web.routing import Route

__all__ = [
    "Api",
    "Call",
    "Content",
    "PrivateApi",
    "PublicCall",
    "Redirect",
    "Request",
    "Response",
    "Stream",
    "TaskCall",
]

H = TypeVar("H", bound=Callable[..., Any])

BODY_LIMIT = 1024 * 1024
READY = "ready"
_READY_LASTS = 5.0
"""Seconds: anybody may ask."""


class PublicCall(Struct, frozen=True, kw_only=True):
    """A request of nobody in particular."""

    world: World
    head: bool = False
    """Whether only the headers are asked for: then nothing may change."""

    @property
    def settings(self) -> Settings:
        return self.world.settings


class Call(PublicCall, frozen=True, kw_only=True):
    """A signed-in user's request."""

    caller: Caller
    idempotency_key: str = ""
    """"" when there is none. What is made gets an id that is derived from it."""


class TaskCall(PublicCall, frozen=True):
    """A call by Cloud Tasks or Cloud Scheduler, proven by its OIDC token."""


class Ready(Struct):
    status: str = "ready"


def _within_reach(world: World) -> None:
    """Raises when settings are not in place, or documents do not answer."""
    auth.users(world.settings)
    world.documents.get("ready/nothing")


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
        strays.claim()

    def __call__(self, request: Request) -> Response:
        """The answer of this instance. Never raises."""
        return self._recorded(request, bootstrap.this_instance)

    def answer(self, request: Request, world: World) -> Response:
        """The answer in `world`. Never raises."""
        return self._recorded(request, lambda: world)

    def _recorded(self, request: Request, world: Callable[[], World]) -> Response:
        record = RequestRecord(self.name, request, self.private, self._quiet)
        with request_log.recorded(record):
            try:
                response = self._serve(record, self._here(request, world))
            except Exception as error:
                record.error = error
                response = answers.refusal(error, mailbox_id=record.mailbox_id)
            response.headers.update(record.headers)
            record.status = response.status_code
        return answers.secured(request, response)

    def _here(self, request: Request, world: Callable[[], World]) -> World:
        here = world()
        logs.about(**tracing.fields(request.headers, here.settings.google_cloud_project))
        return here

    def _serve(self, record: RequestRecord, world: World) -> Response:
        """Raises whatever went wrong."""
        raise NotImplementedError


class Api(_Endpoint):
    """A function for users: bearer JWT in, JSON out."""

    def __init__(
        self,
        name: str,
        *,
        body_limit: int = BODY_LIMIT,
        quiet: bool = False,
        ready: Callable[[World], None] = _within_reach,
    ) -> None:
        """`ready` raises while requests would not be served; GET /ready asks it."""
        super().__init__(name, body_limit=body_limit, quiet=quiet)
        self._check_ready, self._ready_until = ready, 0.0

    def get(
        self, path: str, *, public: bool = False, head: bool = True, listed: bool = True
    ) -> Callable[[H], H]:
        """Without `head` for what cannot be looked at without effect; not `listed` is what the API's
        description leaves out."""
        return self._route("GET", path, public=public, head=head, listed=listed)

    def post(
        self,
        path: str,
        *,
        status: int = 0,
        location: str = "",
        public: bool = False,
        example: Mapping[str, Any] = {},
    ) -> Callable[[H], H]:
        """`location` names what was made, below the function: "/{id}" takes the answer's `id`.
        `example` is a body that works, for the API's description."""
        return self._route(
            "POST", path, status=status, location=location, public=public, example=example
        )

    def patch(self, path: str, *, example: Mapping[str, Any] = {}) -> Callable[[H], H]:
        return self._route("PATCH", path, example=example)

    def delete(self, path: str) -> Callable[[H], H]:
        return self._route("DELETE", path)

    def _route(
        self, method: str, path: str, *, public: bool = False, **more: Any
    ) -> Callable[[H], H]:
        def register(handler: H) -> H:
            route = Route.of(handler, method, path, public=public, **more)
            if route.takes["call"] is not (PublicCall if public else Call):
                raise TypeError(f"{handler.__qualname__}: `call` must be a PublicCall or a Call")
            self.routes.append(route)
            return handler

        return register

    def _serve(self, record: RequestRecord, world: World) -> Response:
        request = record.request
        record.headers = answers.cross_origin(request, world.settings)
        path = self._below(request.path)
        if request.method == "OPTIONS":
            return self._options(record, path)
        if routing.split(path) == [READY] and request.method in {"GET", "HEAD"}:
            return self._ready(record, world)
        route, places = routing.find(self.routes, request.method, path)
        record.path = route.path
        call = self._call(record, world, route)
        arguments = places | route.arguments(request, self._body_limit)
        record.names(arguments)
        make = partial(self._made, route, call, arguments)
        if isinstance(call, Call) and call.idempotency_key:
            asked = idempotency.fingerprint(route.method, request.path, arguments.get("body"))
            return idempotency.once(
                call.world, call.caller, call.idempotency_key, asked,
                make=make, again=partial(self._again, call),
            )  # fmt: skip
        return make()

    def _call(self, record: RequestRecord, world: World, route: Route) -> PublicCall:
        request, head = record.request, record.request.method == "HEAD"
        if route.public:
            return PublicCall(world=world, head=head)
        users = auth.users(world.settings)
        caller = users.caller(request.headers.get("Authorization", ""))
        logs.about(team=caller.team_id, user=caller.user_id)
        spent = budgets.spend(world, caller)
        record.headers |= budgets.fields(spent)
        budgets.check(spent)
        key = request.headers.get(idempotency.HEADER) if route.location else None
        return Call(
            world=world,
            caller=caller,
            head=head,
            idempotency_key="" if key is None else idempotency.checked(key),
        )

    def _made(self, route: Route, call: PublicCall, arguments: Mapping[str, Any]) -> Response:
        try:
            result = route.handler(call=call, **arguments)
        except PreconditionFailed as error:
            if "if_match" in arguments and arguments["if_match"].exact:
                raise
            raise _overtaken() from error
        except AlreadyExists as error:
            raise _overtaken() from error
        response = answers.of(result, route.status)
        if route.location:
            place = route.location.format(**structs.asdict(result))
            response.headers["Location"] = f"/{self.name}{place}"
        return response

    def _again(self, call: Call, before: KeyedRequest) -> Response:
        """What a request made that is sent once more, as it is now."""
        route, places = routing.find(self.routes, "GET", self._below(before.location))
        try:
            response = answers.of(route.handler(call=call, **places), before.status)
        except NotFound as error:
            raise Gone("What this request made is not there any more.", reason="deleted") from error
        response.headers |= {"Location": before.location, idempotency.REPLAYED: "true"}
        return response

    def _ready(self, record: RequestRecord, world: World) -> Response:
        record.path, record.quiet = f"/{READY}", True
        if monotonic() >= self._ready_until:
            self._check_ready(world)
            self._ready_until = monotonic() + _READY_LASTS
        return answers.of(Ready(), 200)

    def _options(self, record: RequestRecord, path: str) -> Response:
        record.quiet = True  # browsers ask first before every call
        segments = routing.split(path)
        here = [route for route in self.routes if route.match(segments) is not None]
        return Response(status=204, headers={"Allow": ", ".join(routing.allowed(here))})

    def _below(self, path: str) -> str:
        """The path below the function, whether or not the way here cut the function's name off."""
        first, *rest = routing.split(path) or [""]
        return "/".join(rest) if first == self.name else path


def _overtaken() -> Conflict:
    return Conflict("Somebody changed it at the same time: try again.", reason="changed_meanwhile")


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
        if request.method == "GET" and routing.split(request.path)[-1:] == [READY]:
            return self._ready(record, world)
        route, _ = routing.find(self.routes, request.method, "/")
        record.path = route.path
        auth.invokers(world.settings).check(request.headers.get("Authorization", ""))
        try:
            arguments = route.arguments(request, self._body_limit)
        except InvalidRequest as error:
            record.error, record.lost = error, True
            return Response(status=200)
        record.names(arguments)
        try:
            result = route.handler(call=TaskCall(world=world), **arguments)
        except MailbridgeError as error:
            record.error = error
            return answers.judged(error)
        return answers.of(result, route.status)

    def _ready(self, record: RequestRecord, world: World) -> Response:
        """For a caller that wants to know whether it gets in, and nothing else."""
        record.path, record.quiet = f"/{READY}", True
        auth.invokers(world.settings).check(record.request.headers.get("Authorization", ""))
        return answers.of(Ready(), 200)
