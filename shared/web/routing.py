"""Which handler answers a request, and with which arguments."""

import inspect
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct
from werkzeug.wrappers import Request

from shared.domain.errors import MethodNotAllowed, NotFound, TooLarge, UnsupportedMedia
from shared.domain.versions import IfMatch
from shared.web import decoding

_PLACE = re.compile(r"\{(\w+)\}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
"""Every id of ours looks like this; nothing else gets as far as a document's path."""


class Nothing(Struct, forbid_unknown_fields=True):
    """What a request carries where the handler takes nothing."""


class Route(Struct, frozen=True, kw_only=True):
    method: str
    path: str
    """Below the function: "/" or "/{contact_id}/timeline"."""
    handler: Callable[..., Any]
    status: int
    location: str
    """Location header of the answer, with the answer's fields as places: "/{id}"."""
    public: bool
    head: bool
    """Whether a GET may be asked for its headers alone."""
    takes: Mapping[str, Any]
    """The handler's parameters and their types, "call" and "return" included."""
    listed: bool = True
    """Whether the API's description has it."""
    example: Mapping[str, Any] = {}
    """A body that works, for those who read the description."""
    lenient: bool = False
    """Passes by what the handler does not take, instead of refusing it."""

    @classmethod
    def of(
        cls,
        handler: Callable[..., Any],
        method: str,
        path: str,
        *,
        status: int = 0,
        location: str = "",
        public: bool = False,
        head: bool = True,
        listed: bool = True,
        example: Mapping[str, Any] = {},
        lenient: bool = False,
    ) -> "Route":
        """Raises TypeError when the handler asks for what a request cannot give."""
        takes = typing.get_type_hints(handler)
        _check(handler, takes, set(_PLACE.findall(path)), closed=not lenient)
        status = status or (204 if takes.get("return") is type(None) else 200)
        return cls(
            method=method,
            path=path,
            handler=handler,
            status=status,
            location=location,
            public=public,
            head=head and method == "GET",
            takes=takes,
            listed=listed,
            example=example,
            lenient=lenient,
        )

    def documented(self, place: str) -> Any:
        """The Struct that says what is in `query` or `headers`, None when nothing is; beside a
        `dict[str, str]` it is named for readers: `Annotated[dict[str, str], ProvidersAnswer]`."""
        if self.takes.get(place) != dict[str, str]:
            return self.takes.get(place)
        hint = typing.get_type_hints(self.handler, include_extras=True)[place]
        return next(iter(getattr(hint, "__metadata__", ())), None)

    def match(self, segments: list[str]) -> dict[str, str] | None:
        """The path's places, or None when the path is another one."""
        wanted = split(self.path)
        if len(wanted) != len(segments):
            return None
        places: dict[str, str] = {}
        for pattern, segment in zip(wanted, segments, strict=True):
            if place := _PLACE.fullmatch(pattern):
                if not _ID.fullmatch(segment):
                    return None
                places[place[1]] = segment
            elif pattern != segment:
                return None
        return places

    def arguments(self, request: Request, limit: int) -> dict[str, Any]:
        """What the handler takes besides `call` and places, the body at most `limit` bytes.

        Raises InvalidRequest, TooLarge or UnsupportedMedia."""
        if self.lenient:
            return {"body": self._body(request, limit)} if "body" in self.takes else {}
        given: dict[str, Any] = {}
        query = _query(request, self.takes.get("query", Nothing))
        if "query" in self.takes:
            given["query"] = query
        if "if_match" in self.takes:
            given["if_match"] = _if_match(request)
        if "headers" in self.takes:
            given["headers"] = _headers(request, self.takes["headers"])
        if "body" in self.takes:
            given["body"] = self._body(request, limit)
        elif unasked := read(request, limit):
            decoding.body(unasked, Nothing)
        return given

    def _body(self, request: Request, limit: int) -> Any:
        _expect_json(request)
        decode = decoding.lenient_body if self.lenient else decoding.body
        return decode(read(request, limit), self.takes["body"])


def split(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment]


def find(routes: list[Route], method: str, path: str) -> tuple[Route, dict[str, str]]:
    """Raises NotFound for an unknown path, MethodNotAllowed for a method the path does not have."""
    segments = split(path)
    here = {
        route.method: (route, places)
        for route in sorted(routes, key=lambda route: route.path.count("{"), reverse=True)
        if (places := route.match(segments)) is not None
    }
    if "GET" in here and here["GET"][0].head:
        here["HEAD"] = here["GET"]
    if not here:
        raise NotFound("There is nothing at this path.", reason="path_not_found")
    if (found := here.get(method)) is None:
        methods = allowed(route for route, _ in here.values())
        detail = f"This method is not possible here; {', '.join(methods)} are."
        raise MethodNotAllowed(detail, allowed=methods)
    return found


def allowed(routes: Iterable[Route]) -> list[str]:
    """The methods of one path, with what comes by itself: HEAD with GET, and OPTIONS always."""
    methods = {method for route in routes for method in (route.method, "HEAD" * route.head)}
    return sorted(methods - {""} | {"OPTIONS"})


def read(request: Request, limit: int) -> bytes:
    """The whole body. Raises TooLarge beyond `limit` bytes.

    Not with werkzeug's max_content_length: functions-framework reads what is left after every
    answer, and would meet that limit again, outside of any handler.
    """
    data = bytearray()
    while piece := request.stream.read(limit + 1 - len(data)):
        data += piece
    if len(data) > limit:
        raise TooLarge(f"The body may have at most {limit:,} bytes.", limit=limit)
    return bytes(data)


def _check(
    handler: Callable[..., Any], takes: Mapping[str, Any], places: set[str], *, closed: bool
) -> None:
    names = set(inspect.signature(handler).parameters)
    typed = {"query", "headers", "body", "if_match"}
    if names - typed != places | {"call"} or not names <= takes.keys():
        raise TypeError(
            f"{handler.__qualname__}: parameters must be `call`, {places} or typed input"
        )
    for name in {"query", "headers", "body"} & names:
        if closed and takes[name] != dict[str, str] and not decoding.closed(takes[name]):
            raise TypeError(f"{handler.__qualname__}: `{name}` must forbid unknown fields")


def _expect_json(request: Request) -> None:
    kind = Message()
    kind["Content-Type"] = request.headers.get("Content-Type", "")
    charset = (kind.get_content_charset() or "utf-8").lower()
    if kind.get_content_type() != "application/json" or charset not in {"utf-8", "utf8"}:
        detail = "Send the body as `Content-Type: application/json`, in UTF-8."
        raise UnsupportedMedia(detail, reason="not_json")


def _query(request: Request, kind: Any) -> Any:
    try:
        pairs = parse_qsl(
            request.query_string.decode("ascii", "replace"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=100,
        )
    except UnicodeDecodeError:
        raise decoding.refused("", "has a query string that is not UTF-8") from None
    except ValueError:
        raise decoding.refused("", "has more than 100 query parameters") from None
    return decoding.single(pairs) if kind == dict[str, str] else decoding.texts(pairs, kind)


def _headers(request: Request, kind: type[Struct]) -> Struct:
    """Only the headers that the Struct names; every request has others."""
    pairs = [
        (field.encode_name, value)
        for field in msgspec.structs.fields(kind)
        for value in request.headers.getlist(field.encode_name.replace("_", "-"))
    ]
    return decoding.texts(pairs, kind)


def _if_match(request: Request) -> IfMatch:
    """Weak tags never match (RFC 9110, 13.1.1), so they are passed by."""
    if "If-Match" not in request.headers:
        return IfMatch()
    given = request.if_match
    tags = tuple(tag for tag in given.as_set() if tag)  # an empty one is read as None
    return IfMatch(("*",) if given.star_tag else tags)
