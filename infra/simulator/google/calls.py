"""What every Gmail call has in common: who asks, may they, and can they afford it."""

import base64
import binascii
from collections.abc import Callable
from typing import Literal

from infra.simulator.google import errors, scopes
from infra.simulator.google.limits import Quota
from infra.simulator.google.tokens import Token, Tokens
from infra.simulator.http import Request, Response, Route, json_response
from infra.simulator.mail import Mailbox
from infra.simulator.oauth import bearer
from infra.simulator.postoffice import PostOffice

ROOT = "/gmail/v1/users/{userId}"
Handler = Callable[[Request, Mailbox], Response]
_MARK = "~!/+/"
_READ = {scopes.FULL, scopes.MODIFY, scopes.READONLY}
_COMPOSE = {scopes.FULL, scopes.MODIFY, scopes.COMPOSE}
SCOPES = {
    "gmail.getProfile": _READ | _COMPOSE,
    "gmail.labels.list": _READ | {scopes.LABELS},
    "gmail.messages.list": _READ,
    "gmail.messages.get": _READ,
    "gmail.messages.attachments.get": _READ,
    "gmail.messages.send": _COMPOSE | {scopes.SEND},
    "gmail.threads.get": _READ,
    "gmail.history.list": _READ,
    "gmail.drafts.create": _COMPOSE,
    "gmail.drafts.get": _READ | _COMPOSE,
    "gmail.drafts.list": _READ | _COMPOSE,
    "gmail.drafts.send": _COMPOSE,
    "gmail.drafts.delete": _COMPOSE,
}
"""Any one of these is enough (discovery document, gmail v1)."""


class Calls:
    """Makes routes whose handlers get the mailbox of a caller that may be there."""

    def __init__(self, office: PostOffice, tokens: Tokens, quota: Quota) -> None:
        self._office = office
        self._tokens = tokens
        self._quota = quota

    def route(
        self, method: Literal["GET", "POST", "DELETE"], path: str, name: str, handler: Handler
    ) -> Route:
        def handle(request: Request) -> Response:
            token = self._authenticated(request)
            if not SCOPES[name] & set(token.scopes):
                raise errors.refuse(403, "insufficientPermissions")
            if request.args["userId"].lower() not in {"me", token.account}:
                raise errors.refuse(403, "forbidden", f"Delegation denied for {token.account}")
            self._quota.charge(token.account, name)
            return handler(request, self._office.mailbox(token.account))

        return Route(method, ROOT + path, name, handle, self._who, errors.api, _endless)

    def _who(self, request: Request) -> str:
        return self._tokens.owner(bearer(request))

    def _authenticated(self, request: Request) -> Token:
        value = bearer(request)
        if not value:
            message = "Request is missing required authentication credential."
            raise errors.refuse(401, "required", message)
        token = self._tokens.access(value)
        if token is None:
            raise errors.refuse(401)
        return token


def _endless(_: Request, token: str) -> Response:
    return json_response({"nextPageToken": token, "resultSizeEstimate": 201})


def number(request: Request, name: str, *, default: int, most: int) -> int:
    """Like Google, takes whatever is above `most` for `most`."""
    text = request.param(name, str(default))
    if not (text.isascii() and text.isdecimal() and int(text[:10])):
        raise errors.invalid(f"Invalid value at '{name}': {text!r}")
    return min(int(text[:10]), most)


def flag(request: Request, name: str) -> bool:
    return request.param(name).lower() in {"true", "1"}


def page_token(*parts: object) -> str:
    """Opaque, and with characters that a query may hold and a path may not."""
    return _MARK + base64.b64encode(":".join(map(str, parts)).encode()).decode()


def page_parts(request: Request, count: int) -> list[str] | None:
    """What `page_token` was made of; None on a first page."""
    token = request.param("pageToken")
    if not token:
        return None
    try:
        parts = (
            base64.b64decode(token.removeprefix(_MARK), validate=True).decode("ascii").split(":")
        )
    except (binascii.Error, ValueError):
        parts = []
    if len(parts) != count or not (parts[0].isascii() and parts[0].isdecimal()):
        raise errors.invalid("Invalid pageToken")
    return parts
