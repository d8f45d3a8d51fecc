"""No release of the API takes anything away from clients of an older one."""

import copy
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from infra.functions_map import ROOT
from shared.web import openapi
from tests.web.compatibility import breaks

FOLDER = ROOT / "docs" / "openapi"
NOW = msgspec.json.decode(msgspec.json.encode(openapi.document()))
Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.json")), ids=lambda file: file.stem)
def test_clients_of_every_release_find_all_they_know(file: Any) -> None:
    assert breaks(msgspec.json.decode(file.read_bytes()), NOW) == []


def test_the_newest_release_is_kept() -> None:
    assert (FOLDER / f"{openapi.RELEASE}.json").exists()


def operation(document: dict[str, Any], path: str = "/contacts", method: str = "get") -> Any:
    return document["paths"][path][method]


def schema(document: dict[str, Any], name: str) -> Any:
    return document["components"]["schemas"][name]


def parameter(document: dict[str, Any], name: str) -> Any:
    return next(one for one in operation(document)["parameters"] if one["name"] == name)


BREAKING: dict[str, Change] = {
    "GET /contacts is gone": lambda new: new["paths"]["/contacts"].pop("get"),
    "GET /contacts has another name": lambda new: operation(new).update(operationId="x"),
    "GET /contacts query address is gone": lambda new: operation(new)["parameters"].remove(
        parameter(new, "address")
    ),
    "GET /contacts query address is newly required": lambda new: parameter(new, "address").update(
        required=True
    ),
    "GET /contacts query page_size has a narrower maximum": lambda new: parameter(new, "page_size")[
        "schema"
    ].update(maximum=10),
    "GET /contacts 200.contacts[].name is gone": lambda new: schema(new, "Contact")[
        "properties"
    ].pop("name"),
    "GET /contacts 200.contacts[].name may be missing now": lambda new: schema(new, "Contact")[
        "required"
    ].remove("name"),
    "GET /contacts 200.contacts[].name may be null now": lambda new: schema(new, "Contact")[
        "properties"
    ]["name"].update(anyOf=[{"type": "null"}]),
    "GET /mailboxes 200.mailboxes[].state is never throttled any more": lambda new: schema(
        new, "GrantState"
    )["enum"].remove("throttled"),
    "POST /contacts.name is gone": lambda new: schema(new, "NewContact")["properties"].pop("name"),
    "POST /contacts.name is newly required": lambda new: schema(new, "NewContact")[
        "required"
    ].append("name"),
    "POST /contacts.name takes no string any more": lambda new: schema(new, "NewContact")[
        "properties"
    ]["name"].update(type="integer"),
    "POST /contacts.name has a narrower maxLength": lambda new: schema(new, "NewContact")[
        "properties"
    ]["name"].update(maxLength=5),
    "POST /oauth_start.provider must not be microsoft any more": lambda new: schema(
        new, "Provider"
    )["enum"].remove("microsoft"),
    "POST /contacts does not answer 201 any more": lambda new: operation(new, method="post")[
        "responses"
    ].pop("201"),
    "GET /oauth_callback asks for a token now": lambda new: operation(new, "/oauth_callback").pop(
        "security"
    ),
}
HARMLESS: dict[str, Change] = {
    "a new path": lambda new: new["paths"].update({"/new": new["paths"]["/contacts"]}),
    "a new field of answers": lambda new: schema(new, "Contact")["properties"].update(
        more={"type": "string"}
    ),
    "a new field of requests": lambda new: schema(new, "NewContact")["properties"].update(
        more={"type": "string"}
    ),
    "a new choice": lambda new: schema(new, "GrantState")["enum"].append("on_holiday"),
    "more allowed": lambda new: parameter(new, "page_size")["schema"].update(maximum=500),
    "another word for it": lambda new: operation(new).update(summary="All of them"),
}


@pytest.mark.parametrize("said", BREAKING)
def test_what_breaks_a_client_is_named(said: str) -> None:
    changed = copy.deepcopy(NOW)
    BREAKING[said](changed)
    assert said in breaks(NOW, changed)


@pytest.mark.parametrize("said", HARMLESS)
def test_what_is_added_breaks_nobody(said: str) -> None:
    changed = copy.deepcopy(NOW)
    HARMLESS[said](changed)
    assert breaks(NOW, changed) == []
