"""ana, who owns one of everything, before the HTTP functions of one world."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest
from msgspec import Struct, structs
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from infra.simulator import Simulator
from shared.domain.caller import Caller
from shared.web.endpoints import Api, Request
from tests.issuers import AUDIENCE, HOUR, auth_settings, new_issuer, published
from tests.web.functions import api_of
from tests.world import ANA, LocalWorld, add_contact, connect_account, settings


class Answer(Struct):
    status_code: int
    headers: Headers
    data: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.data or b"{}")


class Person:
    """Sends requests with a token that holds."""

    def __init__(self, world: LocalWorld, tokens: Mapping[str, str]) -> None:
        self.world = world
        self._tokens = tokens
        self.ids = {"contact_id": add_contact(world, ANA, "carl@client.example")}
        self.ids["mailbox_id"] = connect_account(world, ANA, "ana@example.com").id

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] = {},
        token: str | None = None,
        api: Api | None = None,
    ) -> Answer:
        """`path` begins with the function's name."""
        token = self._tokens["ana"] if token is None else token
        builder = EnvironBuilder(
            path=path,
            method=method,
            data=msgspec.json.encode(body) if body is not None else None,
            content_type="application/json" if body is not None else None,
            headers=Headers({"Authorization": f"Bearer {token}", **headers}),
        )
        api = api or api_of(path.split("/")[1].partition("?")[0])
        response = api.answer(Request(builder.get_environ()), self.world)
        return Answer(response.status_code, response.headers, response.get_data())

    def token(self, user: str) -> str:
        return self._tokens[user]


@pytest.fixture
def person(world: LocalWorld, simulator: Simulator) -> Iterator[Person]:
    simulator.add_account("ana@example.com")
    issuer = new_issuer(world.folder)
    with published(issuer) as keys:
        auth = structs.asdict(auth_settings(issuer, keys))
        chosen = {name: auth[name] for name in ("auth_issuer", "auth_audience", "auth_jwks_url")}
        world.settings = structs.replace(settings(simulator), **chosen)
        callers = [
            ANA,
            Caller("ben", "acme"),
            Caller("eve", "evil-corp"),
            Caller("root", "acme", True),
        ]
        tokens = {
            caller.user_id: issuer.token(
                AUDIENCE,
                HOUR,
                {"sub": caller.user_id, "team": caller.team_id, "role": "admin" * caller.admin},
            )
            for caller in callers
        }
        yield Person(world, tokens)
