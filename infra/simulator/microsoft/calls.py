"""What every Graph call has in common: who asks, may they, and are they too fast."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Literal
from urllib.parse import quote, urlencode

from infra.simulator.http import Refused, Request, Response, Route, json_response
from infra.simulator.mail import Mailbox
from infra.simulator.microsoft import errors
from infra.simulator.microsoft.directory import Directory
from infra.simulator.microsoft.limits import Throttle
from infra.simulator.microsoft.tokens import Token, Tokens, meets
from infra.simulator.oauth import bearer
from infra.simulator.postoffice import PostOffice

ROOT = "/v1.0"
Handler = Callable[[Request, Mailbox], Response]
READ_MAIL = frozenset({"Mail.Read", "Mail.ReadWrite"})
BASIC_MAIL = READ_MAIL | {"Mail.ReadBasic"}
SEND_MAIL = frozenset({"Mail.Send"})
PROFILE = frozenset({"User.Read"})


class Calls:
    """Makes routes whose handlers get the mailbox of a caller that may be there."""

    def __init__(
        self, office: PostOffice, tokens: Tokens, directory: Directory, throttle: Throttle
    ) -> None:
        self._office = office
        self._tokens = tokens
        self._directory = directory
        self._throttle = throttle

    def route(
        self,
        method: Literal["GET", "POST"],
        path: str,
        name: str,
        handler: Handler,
        scopes: frozenset[str],
    ) -> Route:
        """Any one of `scopes` is enough."""

        def handle(request: Request) -> Response:
            token = self.authenticated(request)
            if not scopes & set(token.scopes):
                raise errors.refuse(403)
            self._throttle.charge(token.account, token.app)
            return handler(request, self._office.mailbox(token.account))

        return Route(
            method, ROOT + path, name, handle, self.who, errors.graph, _endless, self._hold
        )

    def who(self, request: Request) -> str:
        owner = self._tokens.owner(bearer(request))
        return owner.account if owner else ""

    def authenticated(self, request: Request) -> Token:
        """Raises Refused: 401, as a claims challenge where other claims would help."""
        value = bearer(request)
        if not value:
            raise errors.refuse(401, message="Access token is empty.")
        token = self._tokens.access(value)
        if token is None:
            raise errors.refuse(
                401, message="CompactToken parsing failed with error code: 80049217"
            )
        if self._tokens.expired(token):
            raise errors.refuse(401)
        claims = self._directory.person(token.account).claims
        if not meets(token, claims):
            raise Refused(errors.challenge(claims))
        if token.revoked and token.watched:
            raise errors.refuse(401, "insufficient_claims")
        return token

    def _hold(self, request: Request) -> AbstractContextManager[None]:
        owner = self._tokens.owner(bearer(request))
        return self._throttle.place(owner.account, owner.app) if owner else nullcontext()


def _endless(request: Request, token: str) -> Response:
    following = link(request, request.path, {"$skiptoken": token})
    return json_response({"value": [], "@odata.nextLink": following})


def preference(request: Request, name: str) -> str:
    """A preference of the Prefer header (RFC 7240), unquoted; "" if it is not there."""
    for part in request.headers.get("prefer", "").split(","):
        key, _, value = part.strip().partition("=")
        if key.strip().lower() == name.lower():
            return value.strip().strip('"')
    return ""


def immutable(request: Request) -> bool:
    return preference(request, "IdType").lower() == "immutableid"


def whole_number(request: Request, name: str, default: int) -> int:
    text = request.param(name, str(default))
    if not (text.isascii() and text.isdecimal()):
        raise errors.invalid("RequestBroker--ParseUri", f"Invalid value '{text}' for {name}.")
    return int(text[:10])


def top(request: Request, default: int = 10) -> int:
    asked = whole_number(request, "$top", default)
    if not 1 <= asked <= 1000:
        message = f"The limit of '1000' for Top query has been exceeded. The value is '{asked}'."
        raise errors.invalid("ErrorInvalidUrlQuery", message)
    return asked


def link(request: Request, path: str, query: Mapping[str, object]) -> str:
    """A URL at the address by which the caller reaches us, so that it can be followed."""
    host = request.headers.get("host", "127.0.0.1")
    text = urlencode(query, quote_via=quote, safe="$,/:()@'")
    return f"http://{host}{path}?{text}"


def again(request: Request, changed: Mapping[str, object]) -> str:
    """The same request with some of its parameters changed."""
    query: dict[str, object] = {name: values[0] for name, values in request.query.items()}
    return link(request, request.path, query | dict(changed))
