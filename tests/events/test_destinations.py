"""Destinations, as a team's admins make, change and see them."""

import msgspec
import pytest

from shared import records
from shared.domain.caller import Caller, Scope
from shared.domain.destinations import OVERLAPPING, DestinationState
from shared.domain.errors import Conflict, Forbidden, InvalidRequest, NotFound, PreconditionFailed
from shared.domain.events import KEPT
from shared.domain.versions import IfMatch
from shared.ports.documents import Query
from shared.services.accounts import keys
from shared.services.events import destinations, signing
from shared.services.events.destinations import DestinationChange, NewDestination, ReplayRequest
from shared.services.paging import PageQuery
from tests.events.receiving import ADMIN, DOWN, REFUSES, Scripted, a_destination, happen, installed
from tests.world import ANA, LocalWorld, work

STRANGER = Caller("eve", "evil-corp", admin=True)


@pytest.fixture
def receiver(world: LocalWorld) -> Scripted:
    return installed(world)


@pytest.fixture
def one(world: LocalWorld, receiver: Scripted) -> str:  # noqa: ARG001
    return a_destination(world)


def secrets(world: LocalWorld, id: str) -> tuple[str, ...]:
    kept = records.destinations(world.documents, "acme").get(id)
    return signing.target(world, kept).secrets


def test_the_secret_is_shown_once_and_lies_sealed(world: LocalWorld, receiver: Scripted) -> None:  # noqa: ARG001
    made = destinations.create(world, ADMIN, NewDestination("webhook", "https://crm.example.com"))
    assert made.secret.startswith("whsec_")
    assert secrets(world, made.id) == (made.secret,)
    assert not hasattr(destinations.show(world, ADMIN, made.id), "secret")
    stored = world.documents.query(Query("teams/acme/destinations")).documents
    assert made.secret.encode() not in msgspec.json.encode([one.data for one in stored])


def test_after_a_rotation_two_secrets_are_live_for_a_day(world: LocalWorld, one: str) -> None:
    (first,) = secrets(world, one)
    second = destinations.rotate(world, ADMIN, one).secret
    assert secrets(world, one) == (second, first)
    third = destinations.rotate(world, ADMIN, one).secret
    assert secrets(world, one) == (third, second)
    world.clock.sleep(OVERLAPPING.total_seconds() + 1)
    assert secrets(world, one) == (third,)


def test_a_secret_outlives_the_keys_that_sealed_it(world: LocalWorld, one: str) -> None:
    (secret,) = secrets(world, one)
    for _ in range(15):
        world.clock.sleep(keys.KEY_AGE.total_seconds() / 3)
        keys.rotate_if_old(world)
        world.clock.sleep(keys.LEAD.total_seconds() * 2)
        signing.seal_again_if_old(world, records.destinations(world.documents, "acme").get(one))
    assert secrets(world, one) == (secret,)


@pytest.mark.parametrize("caller", [ANA, Caller("ana", "acme", admin=True, scopes=frozenset())])
def test_they_are_for_admins(world: LocalWorld, one: str, caller: Caller) -> None:
    new = NewDestination("webhook", "https://crm.example.com")
    for ask in (
        lambda: destinations.create(world, caller, new),
        lambda: destinations.list_(world, caller, PageQuery()),
        lambda: destinations.show(world, caller, one),
        lambda: destinations.change(world, caller, one, DestinationChange(name="x")),
        lambda: destinations.rotate(world, caller, one),
        lambda: destinations.test(world, caller, one),
        lambda: destinations.replay(world, caller, one, ReplayRequest(world.clock.now())),
        lambda: destinations.dead_letters(world, caller, one, PageQuery()),
        lambda: destinations.send_again(world, caller, one, "x"),
        lambda: destinations.delete(world, caller, one),
    ):
        with pytest.raises(Forbidden):
            ask()


def test_looking_takes_less_than_changing(world: LocalWorld, one: str) -> None:
    reader = Caller("ana", "acme", admin=True, scopes=frozenset({Scope.READ}))
    assert destinations.show(world, reader, one).id == one
    with pytest.raises(Forbidden):
        destinations.change(world, reader, one, DestinationChange(name="x"))


def test_another_teams_are_not_there(world: LocalWorld, one: str) -> None:
    assert destinations.list_(world, STRANGER, PageQuery()).destinations == []
    for ask in (
        lambda: destinations.show(world, STRANGER, one),
        lambda: destinations.delete(world, STRANGER, one),
        lambda: destinations.test(world, STRANGER, one),
    ):
        with pytest.raises(NotFound):
            ask()


def test_what_cannot_be_is_refused_by_name(world: LocalWorld, one: str) -> None:
    for new, pointer in [
        (NewDestination("webhook", "http://crm.example.com"), "/address"),
        (NewDestination("webhook", "https://x", types=("email", "mail.sent")), "/types/1"),
    ]:
        with pytest.raises(InvalidRequest) as refused:
            destinations.create(world, ADMIN, new)
        assert [error.pointer for error in refused.value.errors] == [pointer]
    with pytest.raises(InvalidRequest):
        destinations.replay(world, ADMIN, one, ReplayRequest(world.clock.now() - KEPT * 2))


def test_a_team_has_so_many_and_no_more(world: LocalWorld, one: str) -> None:  # noqa: ARG001
    for _ in range(destinations.AT_MOST - 1):
        a_destination(world)
    with pytest.raises(Conflict):
        a_destination(world)


def test_a_change_is_of_the_version_that_was_seen(world: LocalWorld, one: str) -> None:
    seen = destinations.show(world, ADMIN, one)
    after = destinations.change(
        world, ADMIN, one, DestinationChange(name="CRM"), IfMatch((seen.etag,))
    )
    assert (after.name, after.state) == ("CRM", DestinationState.ENABLED)
    with pytest.raises(PreconditionFailed):
        destinations.change(world, ADMIN, one, DestinationChange(name="ERP"), IfMatch((seen.etag,)))


def test_a_test_is_sent_at_once_and_says_what_came_back(
    world: LocalWorld, receiver: Scripted, one: str
) -> None:
    assert destinations.test(world, ADMIN, one).delivered
    (told,) = receiver.told
    assert told.event["type"] == "destination.test"
    receiver.answer = lambda _: REFUSES
    result = destinations.test(world, ADMIN, one)
    assert (result.delivered, result.answer) == (False, "422 no")


def test_what_will_be_lost_is_said_five_days_before(
    world: LocalWorld, receiver: Scripted, one: str
) -> None:
    receiver.answer = lambda _: DOWN
    happen(world, "/contacts/a")
    happened = world.clock.now()
    work(world)
    assert destinations.show(world, ADMIN, one).loses_from is None
    world.clock.sleep(25.5 * 24 * 3600)
    shown = destinations.show(world, ADMIN, one)
    assert shown.backlog == 1
    assert shown.loses_from == happened + KEPT
