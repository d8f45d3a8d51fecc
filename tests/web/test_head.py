"""Looking changes nothing."""

import sqlite3
from typing import Any

import pytest

from shared.services.sending.emails import NewEmail, create
from shared.web.endpoints import Api
from tests.events.receiving import a_destination, installed
from tests.web.conftest import Person
from tests.web.functions import all_routes
from tests.world import ANA, LocalWorld, mail, settle

GETS = [
    pytest.param(api, route, id=f"{api.name}{route.path}")
    for api, route in all_routes()
    if route.method == "GET"
]


TABLES = {"documents": "documents", "secrets": "versions", "tasks": "tasks"}


def stored(world: LocalWorld) -> list[Any]:
    """Every document, secret and task, in the row it lies in."""
    rows: list[Any] = []
    for name, table in TABLES.items():
        with sqlite3.connect(world.folder / f"{name}.sqlite3") as connection:
            rows += connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608
    assert rows
    return rows


@pytest.mark.parametrize(("api", "route"), GETS)
def test_head_changes_nothing(person: Person, api: Api, route: Any) -> None:
    world, ana = person.world, "ana@example.com"
    world.simulator.deliver(mail("carl@client.example", ana), to=ana)
    settle(world)
    (line,) = person.send("GET", f"/contacts/{person.ids['contact_id']}/timeline").json[
        "activities"
    ]
    places = {"message_id": line["message_id"], "name": "rapidoc-min", "number": "0", **person.ids}
    places["thread_id"] = person.send("GET", f"/messages/{line['message_id']}").json["thread"]
    person.send("GET", "/events")  # makes the ring of keys that tokens are sealed with
    places["email_id"] = create(world, ANA, NewEmail(person.ids["mailbox_id"], draft=True)).id
    installed(world)
    places["destination_id"] = a_destination(world)
    path = f"/{api.name}{route.path.format(**places)}"
    before = stored(world)
    token = person.token("root" if api.name == "destinations" else "ana")
    answer = person.send("HEAD", path, token=token)
    assert answer.status_code in ({200} if route.head else {405})
    assert stored(world) == before


def test_who_only_asked_for_the_headers_did_not_read_a_mail(person: Person) -> None:
    world, ana = person.world, "ana@example.com"
    world.simulator.deliver(mail("carl@client.example", ana), to=ana)
    settle(world)
    (line,) = person.send("GET", f"/contacts/{person.ids['contact_id']}/timeline").json[
        "activities"
    ]
    path, trail = f"/messages/{line['message_id']}", f"/mailboxes/{person.ids['mailbox_id']}/audit"
    ben = person.token("ben")
    before = len(person.send("GET", trail).json["entries"])
    person.send("HEAD", path, token=ben)
    assert len(person.send("GET", trail).json["entries"]) == before
    person.send("GET", path, token=ben)
    assert len(person.send("GET", trail).json["entries"]) == before + 1


def test_each_function_says_when_it_is_ready(person: Person) -> None:
    for name in {api.name for api, _ in all_routes()}:
        answer = person.send("GET", f"/{name}/ready", token="")
        assert (answer.status_code, answer.json) == (200, {"status": "ready"})


def test_one_whose_documents_are_out_of_reach_is_not(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shared.domain.errors import ProviderUnavailable

    def silent(_path: str) -> None:
        raise ProviderUnavailable("The documents do not answer.")

    monkeypatch.setattr(person.world.backend.documents, "get", silent)
    answer = person.send("GET", "/x/ready", token="", api=Api("x"))
    assert answer.status_code == 503
