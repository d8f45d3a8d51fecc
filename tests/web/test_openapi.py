"""The description of the API says what the API does, in words that tools understand."""

import re
from typing import Any

import msgspec
import pytest

from infra.functions_map import Trigger, load
from shared.providers.registry import PROVIDERS
from shared.web import openapi, problems
from shared.web.endpoints import Api, Call
from shared.web.openapi.schemas import Schemas
from tests.events.receiving import a_destination, installed
from tests.web.conftest import Person
from tests.web.functions import all_routes
from tests.world import consent, mail, settle

DOCUMENT = openapi.document("http://127.0.0.1:8080")
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS = {
    one["operationId"]: one for path in DOCUMENT["paths"].values() for one in path.values()
}
EXAMPLES = [
    pytest.param(api, route, id=f"{route.method} {api.name}{route.path}")
    for api, route in all_routes()
    if route.listed and "body" in route.takes
]


def test_it_covers_every_function_of_users_and_no_other() -> None:
    first = {path.split("/")[1] for path in DOCUMENT["paths"]}
    assert first == set(load().triggered_by(Trigger.HTTP))


def test_every_reference_in_it_leads_somewhere() -> None:
    text = msgspec.json.encode(DOCUMENT).decode()
    for reference in set(re.findall(r'"\$ref":"#/([^"]+)"', text)):
        part: Any = DOCUMENT
        for step in reference.split("/"):
            part = part[step]


def test_every_operation_is_told_in_a_sentence_under_a_plain_name() -> None:
    for name, one in OPERATIONS.items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name), name
        assert one["summary"], name
        assert len(one["summary"]) < 100, name


def test_times_are_times_and_choices_are_enums() -> None:
    assert SCHEMAS["Mailbox"]["properties"]["state_since"]["format"] == "date-time"
    until = SCHEMAS["Mailbox"]["properties"]["state_until"]["anyOf"]
    assert {"type": "string", "format": "date-time"} in until
    assert "up_to_date" in SCHEMAS["SyncPhase"]["enum"]
    assert SCHEMAS["SyncPhase"]["type"] == "string"
    assert SCHEMAS["Provider"]["enum"] == sorted(PROVIDERS)
    for kind in ("StartConsent", "Mailbox"):
        provider = SCHEMAS[kind]["properties"]["provider"]
        assert provider["$ref"] == "#/components/schemas/Provider"
    assert SCHEMAS["Problem"]["properties"]["type"]["enum"] == problems.kinds()


def test_what_may_be_left_out_of_a_request_is_there_in_every_answer() -> None:
    assert SCHEMAS["NewContact"]["required"] == ["addresses"]
    assert set(SCHEMAS["Contact"]["required"]) == set(SCHEMAS["Contact"]["properties"])
    assert '"default"' not in msgspec.json.encode(SCHEMAS).decode()


def test_no_type_is_both_taken_and_returned() -> None:
    class Thing(msgspec.Struct, forbid_unknown_fields=True):
        name: str = ""

    api = Api("things")

    def make(call: Call, body: Thing) -> Thing:
        return body

    make.__annotations__ |= {"body": Thing, "return": Thing}
    api.post("/")(make)
    with pytest.raises(TypeError, match="Both taken and returned: Thing"):
        Schemas(api.routes)


def test_the_strings_below_fields_describe_them_inherited_ones_too() -> None:
    parameters = {one["name"]: one for one in OPERATIONS["contacts_list"]["parameters"]}
    assert parameters["page_token"]["description"].startswith("`next_page_token` of the page")
    assert parameters["address"]["description"] == "Only the contact with this address."


def test_the_way_back_from_a_provider_says_what_comes_and_where_it_goes() -> None:
    finish = OPERATIONS["oauth_callback_finish"]
    assert {one["name"] for one in finish["parameters"]} >= {"state", "code", "error"}
    assert finish["responses"]["303"]["headers"]["Location"]
    assert finish["security"] == []


def test_what_is_made_leads_to_all_that_can_be_done_with_it() -> None:
    links = OPERATIONS["contacts_create"]["responses"]["201"]["links"]
    assert set(links) >= {"contacts_show", "contacts_timeline"}
    assert links["contacts_show"]["parameters"] == {"contact_id": "$response.body#/id"}


def test_versions_and_keys_are_parameters() -> None:
    def headers(name: str) -> set[str]:
        return {one["name"] for one in OPERATIONS[name]["parameters"] if one["in"] == "header"}

    assert headers("contacts_create") == headers("emails_create") == {"Idempotency-Key"}
    assert headers("emails_change") == {"If-Match"}
    assert {"412", "428"} <= set(OPERATIONS["emails_change"]["responses"])


def test_where_each_function_has_a_host_of_its_own_each_path_says_which() -> None:
    paths = openapi.document("https://{function}.example.com")["paths"]
    assert paths["/contacts"]["servers"] == [{"url": "https://contacts.example.com"}]


@pytest.mark.parametrize(("api", "route"), EXAMPLES)
def test_its_examples_work(person: Person, api: Api, route: Any) -> None:
    draft = {"mailbox_id": person.ids["mailbox_id"], "draft": True}
    places = person.ids | {"email_id": person.send("POST", "/emails", draft).json["id"]}
    places["connection"] = _connection(person)
    places["thread_id"] = _thread(person)
    installed(person.world)
    places["destination_id"] = a_destination(person.world)
    body = {
        name: value.format(**places) if isinstance(value, str) else value
        for name, value in route.example.items()
    }
    path = f"/{api.name}{route.path.format(**places)}"
    token = person.token("root" if api.name in {"team", "destinations"} else "ana")
    answer = person.send(route.method, path, body, headers={"If-Match": "*"}, token=token)
    assert route.example
    assert answer.status_code == route.status, answer.json


def _thread(person: Person) -> str:
    """Of a mail on a timeline."""
    world, ana = person.world, "ana@example.com"
    world.simulator.deliver(mail("carl@client.example", ana), to=ana)
    settle(world)
    timeline = person.send("GET", f"/contacts/{person.ids['contact_id']}/timeline").json
    (line,) = timeline["activities"]
    return str(person.send("GET", line["message"]).json["thread"])


def _connection(person: Person) -> str:
    """Of a consent that waits to be confirmed."""
    asked = person.send("POST", "/oauth_start", {"provider": "google"}).json["authorization_url"]
    query = "&".join(f"{name}={value}" for name, value in consent(asked, "ana@example.com").items())
    ended = person.send("GET", f"/oauth_callback?{query}", token="")
    return str(ended.json["connection"])


def test_the_page_that_shows_it_runs_nothing_from_elsewhere(person: Person) -> None:
    page = person.send("GET", "/openapi/reference", token="")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert person.send("GET", "/openapi/", token="").json["openapi"] == "3.1.0"
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert "http" not in policy
    text = page.data.decode()
    assert "<script>" not in text
    (script,) = re.findall(r'src="([^"]+)"', text)
    assert (
        person.send("GET", f"/openapi/{script}", token="")
        .headers["Content-Type"]
        .startswith("text/javascript")
    )
    assert person.send("GET", "/openapi/other", token="").status_code == 404
