"""Every field of every route, given something wrong: 400, the field's pointer, and a reason."""

from typing import Any

import msgspec
import pytest
from msgspec import Struct, structs

from shared.web.endpoints import Api
from shared.web.routing import Route
from tests.web.conftest import Person
from tests.web.functions import all_routes

WRONG: tuple[Any, ...] = (12345, -1, True, None, {"x": 1}, [[]], [None], "", "\0", "x" * 100_001)


ROUTES = all_routes()
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


_PLACES = ("email_id", "message_id", "thread_id", "destination_id", "letter_id", "number")


def ask(
    person: Person,
    api: Api,
    route: Route,
    body: object = None,
    *,
    token: str | None = None,
    query: str = "",
) -> tuple[int, dict[str, Any]]:
    places = dict.fromkeys(_PLACES, "unknown") | person.ids
    path = f"/{api.name}{route.path.format(**places)}?{query}"
    if token is None and api.name == "destinations":
        token = person.token("root")
    response = person.send(route.method, path, body, token=token)
    return response.status_code, response.json


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
        status, problem = ask(person, api, route, {field: value})
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
    needed |= {"mailbox_id": person.ids["mailbox_id"], "to": ["x@y.example"]}
    base = {name: needed[name] for name in needed if name in kinds}
    for value in (value for value in WRONG if _valid(kinds[field], value)):
        status, problem = ask(person, api, route, base | {field: value})
        assert status < 500, (value, problem)


@pytest.mark.parametrize(("api", "route", "field"), QUERIES)
def test_a_wrong_query_parameter_is_refused_by_name(
    person: Person, api: Api, route: Route, field: str
) -> None:
    for value in ("-1", "0", "1e9", "%00", "ü", "x y", "no-such"):
        status, problem = ask(person, api, route, query=f"{field}={value}")
        assert status in {200, 400, 404}, (value, problem)
        if status == 400:
            assert {error["pointer"] for error in problem["errors"]} == {f"/{field}"}
    assert ask(person, api, route, query=f"{field}=a&{field}=b")[0] == 400
    assert ask(person, api, route, query=f"{field}x=a")[1]["errors"][0]["pointer"] == f"/{field}x"


@pytest.mark.parametrize(("api", "route"), SECURED)
def test_nobody_gets_anything_without_a_token_they_can_prove(
    person: Person, api: Api, route: Route
) -> None:
    for token in ("", "x", "a.b.c"):
        status, problem = ask(
            person, api, route, {} if "body" in route.takes else None, token=token
        )
        assert (status, problem["type"]) == (401, "urn:mailbridge:not-authenticated")
