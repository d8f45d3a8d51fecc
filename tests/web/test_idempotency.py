"""A POST that makes something makes it once under its Idempotency-Key."""

from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest
from msgspec import Struct

from shared import records
from shared.domain import ids
from shared.domain.requests import HELD, KEPT
from shared.services import sweep
from shared.web.endpoints import Api, Call
from tests.web.conftest import Answer, Person
from tests.web.functions import all_routes

CARLA = {"addresses": ["carla@client.example"], "name": "Carla"}
KEY = {"Idempotency-Key": "k1"}
CREATING = [
    pytest.param(api, route, id=f"{api.name}{route.path}")
    for api, route in all_routes()
    if route.location
]


def contacts_of(person: Person) -> int:
    return len(person.send("GET", "/contacts").json["contacts"])


def create(person: Person, body: object = CARLA, key: str = "k1", **more: Any) -> Answer:
    return person.send("POST", "/contacts", body, headers={"Idempotency-Key": key}, **more)


def test_sent_twice_it_is_made_once_and_said_to_be_a_replay(person: Person) -> None:
    before = contacts_of(person)
    first, second = create(person), create(person)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json == second.json
    for header in ("Location", "ETag"):
        assert first.headers[header] == second.headers[header]
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert contacts_of(person) == before + 1


def test_an_email_too(person: Person) -> None:
    body = {"mailbox_id": person.ids["mailbox_id"], "to": ["carl@client.example"], "text": "Hi"}
    answers = [person.send("POST", "/emails", body, headers=KEY) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json["id"] == answers[1].json["id"]
    assert answers[1].headers["Idempotency-Replayed"] == "true"


def test_how_its_json_is_written_does_not_matter_and_what_it_says_does(person: Person) -> None:
    create(person)
    assert create(person, dict(reversed(CARLA.items()))).status_code == 201
    refused = create(person, CARLA | {"name": "Another"})
    assert (refused.status_code, refused.json["reason"]) == (422, "idempotency_key_used")


def test_a_key_belongs_to_one_user(person: Person) -> None:
    create(person)
    other = create(person, {"addresses": ["dora@client.example"]}, token=person.token("ben"))
    assert other.status_code == 201
    assert create(person, token=person.token("eve")).status_code == 201


def test_what_was_refused_may_be_sent_again_under_its_key(person: Person) -> None:
    taken = {"addresses": ["carl@client.example"]}
    assert create(person, taken).status_code == 409
    assert create(person).status_code == 201


def test_after_two_days_a_key_is_forgotten(person: Person) -> None:
    create(person)
    person.world.clock.sleep((KEPT + timedelta(seconds=1)).total_seconds())
    sweep.run(person.world)
    page, _ = records.all_requests(person.world.documents).page()
    assert page == []


def test_what_it_made_and_is_deleted_is_gone(person: Person) -> None:
    made = create(person).json["id"]
    records.contacts(person.world.documents, "acme").delete(made)
    again = create(person)
    assert (again.status_code, again.json["type"]) == (410, "urn:mailbridge:gone")


def test_a_worker_that_died_after_making_it_left_no_second_one(person: Person) -> None:
    """Its record still says that somebody is at it; after a while the request may be sent again."""
    made = create(person)
    held = records.requests(person.world.documents, "acme")
    id = ids.derived("request", "acme", "ana", "k1")
    held.update(id, status=0, location="")
    waits = create(person)
    assert (waits.status_code, waits.json["type"]) == (409, "urn:mailbridge:busy")
    assert int(waits.headers["Retry-After"]) > 0

    person.world.clock.sleep((HELD + timedelta(seconds=1)).total_seconds())
    again = create(person)
    assert (again.status_code, again.json["id"]) == (201, made.json["id"])
    assert "Idempotency-Replayed" not in again.headers


class Thing(Struct):
    id: str


def test_two_at_once_are_one(person: Person) -> None:
    things, entered, leave = Api("things"), Event(), Event()

    @things.post("/", status=201, location="/{id}")
    def make(call: Call) -> Thing:
        entered.set()
        leave.wait(10)
        return Thing(call.idempotency_key)

    @things.get("/{thing_id}")
    def show(call: Call, thing_id: str) -> Thing:
        return Thing(thing_id)

    answers: list[Answer] = []
    first = Thread(
        target=lambda: answers.append(person.send("POST", "/things", headers=KEY, api=things))
    )
    first.start()
    assert entered.wait(10)
    second = person.send("POST", "/things", headers=KEY, api=things)
    leave.set()
    first.join(10)
    assert (second.status_code, second.json["type"]) == (409, "urn:mailbridge:busy")
    assert [answer.status_code for answer in answers] == [201]


@pytest.mark.parametrize("key", ["", "k" * 256, "ü"])
def test_a_key_that_is_none_is_refused(person: Person, key: str) -> None:
    answer = create(person, key=key)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (400, "/idempotency_key")


@pytest.mark.parametrize(("api", "route"), CREATING)
def test_whatever_is_made_can_be_looked_at_where_it_is_said_to_be(api: Api, route: Any) -> None:
    """A replay shows it from there."""
    gets = {one.path for one in api.routes if one.method == "GET"}
    assert any("{" in path and path.count("/") == route.location.count("/") for path in gets)


def test_an_address_that_is_taken_names_its_contact(person: Person) -> None:
    answer = person.send(
        "POST", "/contacts", {"addresses": ["new@x.example", "carl@client.example"]}
    )
    assert (answer.status_code, answer.json["reason"]) == (409, "address_taken")
    assert answer.json["contact_id"] == person.ids["contact_id"]
    assert [error["pointer"] for error in answer.json["errors"]] == ["/addresses/1"]
