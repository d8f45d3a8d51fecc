"""Every field of every route, given something wrong: 400, the field's pointer, and a reason."""

import importlib
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec import Struct, structs
from werkzeug.test import EnvironBuilder

from infra.functions_map import Trigger, load
from infra.simulator import Simulator
from shared.web.endpoints import Api, Request
from shared.web.routing import Route
from tests.issuers import AUDIENCE, HOUR, auth_settings, new_issuer, published
from tests.world import ANA, LocalWorld, add_contact, connect_account, settings

WRONG: tuple[Any, ...] = (12345, -1, True, None, {"x": 1}, [[]], [None], "", "\0", "x" * 100_001)


def _apis() -> Iterator[Api]:
    for name in load().triggered_by(Trigger.HTTP):
        yield importlib.import_module(f"functions.{name}.main").api


ROUTES = [(api, route) for api in _apis() for route in api.routes]
BODIES = [
    pytest.param(
        api, route, field.encode_name, id=f"{route.method} {api.name}{route.path} {field.name}"
    )
    for api, route in ROUTES
    if "body" in route.takes
    for field in structs.fields(route.takes["body"])
]
QUERIES = [
    pytest.param(api, route, field.encode_name, id=f"{api.name}{route.path}?{field.name}")
    for api, route in ROUTES
    if isinstance(kind := route.takes.get("query"), type) and issubclass(kind, Struct)
    for field in structs.fields(kind)
]
SECURED = [
    pytest.param(api, route, id=f"{route.method} {api.name}{route.path}")
    for api, route in ROUTES
    if not route.public
]


class Person:
    """ana, who owns one of everything, before the HTTP functions of one world."""

    def __init__(self, world: LocalWorld, token: str) -> None:
        self._world = world
        self._token = token
        self._ids = {"contact_id": add_contact(world, ANA, "carl@client.example")}
        self._ids["mailbox_id"] = connect_account(world, ANA, "ana@example.com").id

    def ask(
        self,
        api: Api,
        route: Route,
        body: object = None,
        *,
        token: str | None = None,
        query: str = "",
    ) -> tuple[int, dict[str, Any]]:
        places = {"email_id": "unknown", "message_id": "unknown", **self._ids}
        builder = EnvironBuilder(
            path=route.path.format(**places),
            method=route.method,
            query_string=query,
            data=msgspec.json.encode(body) if body is not None else None,
            content_type="application/json" if body is not None else None,
            headers=[("Authorization", f"Bearer {self._token if token is None else token}")],
        )
        response = api.answer(Request(builder.get_environ()), self._world)
        return response.status_code, msgspec.json.decode(response.get_data() or b"{}")


@pytest.fixture
def person(world: LocalWorld, simulator: Simulator) -> Iterator[Person]:
    simulator.add_account("ana@example.com")
    issuer = new_issuer(world.folder)
    with published(issuer) as keys:
        auth = structs.asdict(auth_settings(issuer, keys))
        chosen = {name: auth[name] for name in ("auth_issuer", "auth_audience", "auth_jwks_url")}
        world.settings = structs.replace(settings(simulator), **chosen)
        yield Person(world, issuer.token(AUDIENCE, HOUR, {"sub": ANA.user_id, "team": ANA.team_id}))


def _valid(kind: Any, value: object) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize(("api", "route", "field"), BODIES)
def test_a_value_of_the_wrong_kind_is_refused_at_its_field(
    person: Person, api: Api, route: Route, field: str
) -> None:
    kinds = {one.encode_name: one.type for one in structs.fields(route.takes["body"])}
    wrong = [value for value in WRONG if not _valid(kinds[field], value)]
    assert wrong, "nothing is wrong for this field: add to WRONG"
    for value in wrong:
        status, problem = person.ask(api, route, {field: value})
        assert status == 400, value
        said = [error for error in problem["errors"] if error["pointer"].startswith(f"/{field}")]
        assert said, (value, problem)
        assert all(error["detail"] for error in said)


@pytest.mark.parametrize(("api", "route", "field"), BODIES)
def test_no_value_that_fits_its_kind_ends_in_an_error_of_ours(
    person: Person, api: Api, route: Route, field: str
) -> None:
    kinds = {one.encode_name: one.type for one in structs.fields(route.takes["body"])}
    needed = {"addresses": ["x@y.example"], "provider": "google", "connection": "nothing"}
    needed |= {"mailbox_id": person._ids["mailbox_id"], "to": ["x@y.example"]}
    base = {name: needed[name] for name in needed if name in kinds}
    for value in (value for value in WRONG if _valid(kinds[field], value)):
        status, problem = person.ask(api, route, base | {field: value})
        assert status < 500, (value, problem)


@pytest.mark.parametrize(("api", "route", "field"), QUERIES)
def test_a_wrong_query_parameter_is_refused_by_name(
    person: Person, api: Api, route: Route, field: str
) -> None:
    for value in ("-1", "0", "1e9", "%00", "ü", "x y", "no-such"):
        status, problem = person.ask(api, route, query=f"{field}={value}")
        assert status in {200, 400, 404}, (value, problem)
        if status == 400:
            assert {error["pointer"] for error in problem["errors"]} == {f"/{field}"}
    assert person.ask(api, route, query=f"{field}=a&{field}=b")[0] == 400
    assert person.ask(api, route, query=f"{field}x=a")[1]["errors"][0]["pointer"] == f"/{field}x"


@pytest.mark.parametrize(("api", "route"), SECURED)
def test_nobody_gets_anything_without_a_token_they_can_prove(
    person: Person, api: Api, route: Route
) -> None:
    for token in ("", "x", "a.b.c"):
        status, problem = person.ask(api, route, {} if "body" in route.takes else None, token=token)
        assert (status, problem["type"]) == (401, "urn:mailbridge:not-authenticated")
