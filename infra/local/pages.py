"""What the gateway serves itself: an index, the API's description, and development tokens."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from infra.issuer import Issuer
from shared.config import Settings
from shared.domain.errors import FunctionDown
from shared.ports.world import World
from shared.web.endpoints import Api, PublicCall

AUDIENCE = "mailbridge"
TOKEN_LIFETIME = timedelta(hours=12)
Id = Annotated[str, Meta(min_length=1, max_length=200)]


class TokenRequest(Struct, forbid_unknown_fields=True):
    user: Id
    team: Id
    role: Literal["", "admin"] = ""


class Token(Struct):
    token: str
    access_token: str
    """The same, by OAuth's name for it."""
    token_type: str
    expires_at: datetime


class Index(Struct):
    functions: dict[str, str]
    """Name → URL."""
    openapi: str
    token: str
    """Where a development token is to be had, "" when users have an issuer of their own."""
    simulator: str


class Keys(Struct):
    keys: list[dict[str, Any]]


def stack_pages(index: Index, absent: Callable[[], Sequence[str]]) -> Api:
    """The stack's own pages at the root. `absent` are the processes that do not answer now."""

    def ready(_world: World) -> None:
        if names := absent():
            raise FunctionDown(f"Being started: {', '.join(names)}.", reason="starting")

    api = Api("", quiet=True, ready=ready)  # the stack's own output is for people

    @api.get("/", public=True)
    def show_index(call: PublicCall) -> Index:
        return index

    return api


def development_pages(invokers: Issuer, users: Issuer | None) -> Api:
    """Keys of the stack's issuers; and tokens for anybody, when users have no other issuer."""
    api = Api("dev", quiet=True)
    _publish(api, "/invoker-jwks.json", invokers)
    if users is not None:
        _publish(api, "/jwks.json", users)
        _sign(api, users)
    return api


def _publish(api: Api, path: str, issuer: Issuer) -> None:
    @api.get(path, public=True)
    def keys(call: PublicCall) -> Keys:
        return Keys(issuer.keys())


def _sign(api: Api, issuer: Issuer) -> None:
    @api.post("/token", public=True)
    def token(call: PublicCall, body: TokenRequest) -> Token:
        claims = _claims(body, call.settings)
        text = issuer.token(AUDIENCE, TOKEN_LIFETIME, claims)
        return Token(text, text, "Bearer", datetime.now(UTC) + TOKEN_LIFETIME)


def _claims(wanted: TokenRequest, settings: Settings) -> Mapping[str, str]:
    """Under the names that the functions are told to look for."""
    role = {settings.auth_role_claim: wanted.role} if wanted.role else {}
    return {
        "sub": wanted.user,
        settings.auth_user_claim: wanted.user,
        settings.auth_team_claim: wanted.team,
    } | role
