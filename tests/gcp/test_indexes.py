"""Every query has its index in terraform/indexes.yaml: the emulator would answer without one."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import yaml
from msgspec import Struct

from infra.operate import status
from infra.simulator import Simulator
from shared import records
from shared.domain.emails import EmailStatus
from shared.domain.mailboxes import History
from shared.ports.documents import Query, Where
from shared.records import Collection
from shared.services import schedule, sweep
from shared.services.accounts import audit, mailboxes, validation
from shared.services.events import destinations, log
from shared.services.paging import PageQuery
from shared.services.sending import emails
from shared.services.timelines import contacts, messages, threads
from tests.events.receiving import ADMIN, REFUSES, a_destination, installed
from tests.gcp.recorder import ASKERS, SHARED, Recorder, Shape, Site, shape
from tests.world import (
    ANA,
    LocalWorld,
    add_contact,
    connect_account,
    disconnect,
    mail,
    settle,
    timeline,
    work,
)

FILE = SHARED.parent / "terraform" / "indexes.yaml"
ASKING = {"page", "ids", "query", "count"}
"""Methods of a collection and of a store that make a query."""


class FieldIndex(Struct, frozen=True, forbid_unknown_fields=True):
    collection: str
    field: str
    order: str
    scope: str

    @property
    def serves(self) -> set[Shape]:
        """Alone with its equality, or with the order of its direction."""
        sign = "-" if self.order == "DESCENDING" else ""
        group = self.scope == "COLLECTION_GROUP"
        ordered = Shape(self.collection, group, (), (f"{sign}{self.field}",))
        return {ordered, Shape(self.collection, group, (self.field,), ())}


class Composite(Struct, frozen=True, forbid_unknown_fields=True):
    collection: str
    fields: tuple[str, ...]
    scope: str

    @property
    def serves(self) -> set[Shape]:
        """Its first fields equal to something, and ordered by all of the others."""
        group = self.scope == "COLLECTION_GROUP"
        splits = ((self.fields[:n], self.fields[n:]) for n in range(len(self.fields) + 1))
        return {Shape(self.collection, group, tuple(sorted(a)), b) for a, b in splits}


class Expiry(Struct, frozen=True, forbid_unknown_fields=True):
    """Documents that Firestore deletes after the time in a field."""

    collection: str
    field: str


class Indexes(Struct, frozen=True, forbid_unknown_fields=True):
    collections: tuple[str, ...]
    fields: tuple[FieldIndex, ...]
    composites: tuple[Composite, ...]
    ttl: tuple[Expiry, ...]

    def serve(self, asked: Shape) -> bool:
        if not asked.equal and not asked.order:
            return True  # by path alone
        return any(asked in index.serves for index in self.all)

    @property
    def all(self) -> list[FieldIndex | Composite]:
        return [*self.fields, *self.composites]


@pytest.fixture(scope="module")
def indexes() -> Indexes:
    return msgspec.convert(yaml.safe_load(FILE.read_text()), Indexes)


@pytest.fixture
def asked(world: LocalWorld, simulator: Simulator) -> set[tuple[Shape, Site]]:
    """By a life in which everything happens that makes queries."""
    world.backend.documents = recorder = Recorder(world.folder)
    simulator.add_account("ana@example.com")
    installed(world).answer = lambda _: REFUSES
    destination = a_destination(world)
    contact = add_contact(world, ANA, "carl@client.example")
    simulator.deliver(mail("carl@client.example", "ana@example.com"), to="ana@example.com")
    mailbox = connect_account(world, ANA, "ana@example.com")
    work(world)
    add_contact(world, ANA, "dora@client.example")
    (line,) = timeline(world, ANA, contact)
    threads.show(world, ANA, messages.show(world, ANA, line.message_id).thread)
    log.read(world, ANA, log.EventQuery())
    log.read(world, ANA, log.EventQuery(after=log.LATEST, wait=1))
    contacts.list_(world, ANA, contacts.ContactQuery())
    mailboxes.list_(world, ANA, PageQuery())
    mailboxes.show(world, ANA, mailbox.id)
    for mailbox_id in ("", mailbox.id):
        emails.list_(world, ANA, emails.EmailQuery(mailbox_id=mailbox_id))
        emails.list_(world, ANA, emails.EmailQuery(mailbox_id=mailbox_id, status=EmailStatus.DRAFT))
    world.clock.sleep(3600)
    schedule.dispatch(world)
    work(world)
    sweep.run(world)
    validation.dispatch(world)
    work(world)
    audit.list_(world, ANA, mailbox.id, PageQuery())
    status.read(world)
    destinations.list_(world, ADMIN, PageQuery())
    destinations.dead_letters(world, ADMIN, destination, PageQuery())
    destinations.delete(world, ADMIN, destination)
    disconnect(world, ANA, mailbox.id, History.ERASE)
    settle(world)
    return recorder.asked


def test_each_query_is_served_by_an_index(asked: set[tuple[Shape, Site]], indexes: Indexes) -> None:
    unserved = {shape: site for shape, site in sorted(asked) if not indexes.serve(shape)}
    assert unserved == {}


def test_no_index_is_there_for_nothing(asked: set[tuple[Shape, Site]], indexes: Indexes) -> None:
    shapes = {shape for shape, _ in asked}
    idle = [one for one in indexes.all if not one.serves & shapes]
    assert idle == []


def test_every_line_that_asks_was_seen_asking(asked: set[tuple[Shape, Site]]) -> None:
    """Or else a query could hide from the tests above."""
    seen = {site for _, site in asked}
    silent = [
        f"{file}:{first}"
        for file, first, last in _asking_lines()
        if not any(site.file == file and first <= site.line <= last for site in seen)
    ]
    assert silent == []


def test_every_collection_is_indexed_by_choice_only(indexes: Indexes) -> None:
    assert {*indexes.collections} == {*_collections(), "secrets"}
    chosen = {one.collection for one in indexes.all}
    assert chosen <= {*indexes.collections}


def test_no_index_of_a_busy_collection_only_grows(indexes: Indexes) -> None:
    """All that a worker writes again and again: times come second there, behind what scatters them."""
    busy = {"syncs", "tokens", "messages", "pieces", "secrets"}
    fields = [one.field for one in indexes.fields if one.collection in busy]
    assert [field for field in fields if field.endswith("at")] == []
    leading = [one.fields[0] for one in indexes.composites if one.collection in busy]
    assert [field for field in leading if field.endswith("_at")] == []


def test_a_query_without_its_index_would_be_noticed(indexes: Indexes) -> None:
    def serves(*where: str, order: tuple[str, ...] = (), group: bool = False) -> bool:
        filters = tuple(Where(field, "==", 1) for field in where)
        collection = "emails" if group else "teams/t/emails"
        return indexes.serve(shape(Query(collection, filters, order, group=group)))

    assert serves()
    assert serves("status", "user_id", order=("-created_at",))
    assert not serves("status", "user_id", order=("created_at",))
    assert not serves("status", order=("-created_at",))
    assert not serves("subject")
    assert serves(order=("due_at",), group=True)
    assert not serves(order=("due_at",))


def _asking_lines() -> Iterator[tuple[str, int, int]]:
    """File and lines of every call that makes a query."""
    for file in sorted(file for place in ASKERS for file in place.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and _asks(node.func):
                yield (
                    str(file.relative_to(SHARED.parent)),
                    node.lineno,
                    node.end_lineno or node.lineno,
                )


def _asks(called: ast.expr) -> bool:
    return isinstance(called, ast.Attribute) and called.attr in ASKING


def _collections() -> Iterator[str]:
    """The last name of each collection of `shared.records`."""
    for name in records.__all__:
        make = getattr(records, name)
        if inspect.isfunction(make):
            collection = make(*("x" for _ in inspect.signature(make).parameters))
            assert isinstance(collection, Collection)
            yield Path(collection.path("id")).parent.name
