"""docs/examples does what it says, against the real functions over HTTP, and restarts without a gap."""

import runpy
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from werkzeug.serving import make_server

from infra.functions_map import ROOT
from shared.domain.caller import Caller
from shared.services import schedule
from shared.services.events import destinations
from shared.services.events.destinations import NewDestination
from shared.web.endpoints import Request, Response
from tests.web.conftest import Person
from tests.web.functions import api_of
from tests.world import ANA, LocalWorld, add_contact, mail, settle, timeline, work

ADMIN = Caller("ana", "acme", admin=True)
MIRROR = runpy.run_path(str(ROOT / "docs" / "examples" / "crm_mirror.py"))["Mirror"]
RECEIVER = runpy.run_path(str(ROOT / "docs" / "examples" / "webhook_receiver.py"))


@contextmanager
def running(server: Any) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def api(person: Person) -> Iterator[str]:
    """Every function of users on one port."""

    @Request.application
    def application(request: Request) -> Response:
        return api_of(request.path.split("/")[1]).answer(request, person.world)

    with running(make_server("127.0.0.1", 0, application, threaded=True)) as url:
        yield url


def deliver(world: LocalWorld, subject: str) -> None:
    world.simulator.deliver(
        mail("carl@client.example", "ana@example.com", subject), to="ana@example.com"
    )
    world.clock.sleep(world.settings.sync_interval_seconds + 1)
    schedule.dispatch(world)
    settle(world)


def test_a_crm_mirrors_timelines_and_misses_nothing_when_it_is_started_again(
    person: Person, api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, carl = person.world, person.ids["contact_id"]

    def mirror() -> Any:
        return MIRROR(api, person.token("ana"), str(tmp_path / "mirror.sqlite3"))

    def subjects(of: Any) -> set[str]:
        return {line["subject"] for line in of.timeline(carl)}

    deliver(world, "before")
    first = mirror()
    assert first.step(wait=0)
    assert subjects(first) == {"before"}
    deliver(world, "while it ran")
    first.step(wait=0)
    deliver(world, "as it died")

    def dies(self: Any, path: str, items: str) -> None:  # noqa: ARG001
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(MIRROR, "_all", dies)
        with pytest.raises(KeyboardInterrupt):
            first.step(wait=0)
    deliver(world, "while it was away")
    second = mirror()
    while second.step(wait=0):
        pass
    assert subjects(second) == {line.subject for line in timeline(world, ANA, carl)}
    assert len(subjects(second)) == 4


@pytest.fixture
def received(tmp_path: Path) -> Callable[[], list[str]]:
    def ids() -> list[str]:
        with closing(sqlite3.connect(tmp_path / "events.sqlite3")) as kept:
            return [id for (id,) in kept.execute("SELECT id FROM events")]

    return ids


def test_a_receiver_verifies_what_it_takes_also_after_a_rotation_and_a_restart(
    world: LocalWorld, tmp_path: Path, received: Callable[[], list[str]]
) -> None:
    file = str(tmp_path / "events.sqlite3")
    world.settings = structs.replace(world.settings, public_url="http://127.0.0.1:8080")
    secrets: list[str] = ["whsec_" + "A" * 32]
    receiver = RECEIVER["server"](secrets, file, 0)
    port = receiver.server_port
    with running(receiver) as url:
        made = destinations.create(world, ADMIN, NewDestination("webhook", f"{url}/hook"))
        refused = destinations.test(world, ADMIN, made.id)
        assert (refused.delivered, refused.answer[:3]) == (False, "401")
        secrets.append(made.secret)
        assert destinations.test(world, ADMIN, made.id).delivered
        add_contact(world, ANA, "carl@client.example")
        work(world)
        assert len(received()) == 2
        secrets.append(destinations.rotate(world, ADMIN, made.id).secret)
        secrets.remove(made.secret)
        assert destinations.test(world, ADMIN, made.id).delivered
    add_contact(world, ANA, "dora@client.example")  # nobody listens
    work(world)
    before = received()
    with running(RECEIVER["server"](secrets, file, port)):
        for _ in range(3):
            world.clock.sleep(60)
            work(world)
    assert len(received()) == len(before) + 1
    assert len(set(received())) == len(received())
