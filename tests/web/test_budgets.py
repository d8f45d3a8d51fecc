"""What a user and a team may ask in a minute."""

import pytest
from msgspec import structs

from shared import metering
from shared.domain.caller import Caller
from shared.web.budgets import Budgets
from tests.web.conftest import Person
from tests.world import ANA, BEN, LocalWorld


def allow(world: LocalWorld, *, user: int = 1200, team: int = 12_000) -> None:
    world.settings = structs.replace(
        world.settings, user_requests_per_minute=user, team_requests_per_minute=team
    )


def passed(world: LocalWorld, instances: list[Budgets], caller: Caller, tries: int) -> int:
    """How many of so many requests, spread over the instances, get through."""
    through = 0
    for number in range(tries):
        spent = instances[number % len(instances)].spend(world, caller)
        through += all(one.used <= one.limit for one in spent)
    return through


def test_every_answer_says_what_is_left(person: Person) -> None:
    allow(person.world, user=40)
    first, second = (person.send("GET", "/contacts").headers for _ in range(2))
    assert first["RateLimit-Policy"] == '"user";q=40;w=60, "team";q=12000;w=60'
    assert first["RateLimit"].startswith('"user";r=39;t=')
    assert second["RateLimit"].startswith('"user";r=38;t=')


def test_who_used_it_up_waits_for_the_next_minute(person: Person) -> None:
    allow(person.world, user=3)
    answers = [person.send("GET", "/contacts") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    refused = answers[-1]
    assert refused.json["type"] == "urn:mailbridge:too-many-requests"
    assert (refused.json["quota"], refused.json["limit"]) == ("user", 3)
    assert refused.headers["RateLimit"].startswith('"user";r=0;t=')
    assert 1 <= int(refused.headers["Retry-After"]) <= 60

    assert person.send("GET", "/contacts", token=person.token("ben")).status_code == 200
    person.world.clock.sleep(int(refused.headers["Retry-After"]))
    assert person.send("GET", "/contacts").status_code == 200


def test_a_team_shares_one_budget_and_another_has_its_own(person: Person) -> None:
    allow(person.world, team=2)
    assert [
        person.send("GET", "/contacts", token=person.token(user)).status_code
        for user in ("ana", "ben", "ben", "ana", "eve")
    ] == [200, 200, 429, 429, 200]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_instances_let_no_more_through_than_they_say(world: LocalWorld, count: int) -> None:
    allow(world, user=100)
    instances = [Budgets() for _ in range(count)]
    through = passed(world, instances, ANA, 400)
    assert 100 <= through <= 100 + count * 100 // 20


def test_counting_costs_next_to_nothing(world: LocalWorld) -> None:
    allow(world, user=1000)
    with metering.measured() as meter:
        passed(world, [Budgets()], ANA, 49)
        assert (meter.store_reads, meter.store_writes) == (0, 0)
    with metering.measured() as meter:
        passed(world, [Budgets()], BEN, 5000)
    assert meter.store_writes <= 20 + 2


def test_while_the_store_is_silent_each_goes_by_its_own_count(
    world: LocalWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shared.domain.errors import ProviderUnavailable
    from shared.web import budgets

    def silent(*_: object) -> int:
        raise ProviderUnavailable("The documents do not answer.")

    monkeypatch.setattr(budgets, "_tell", silent)
    allow(world, user=100)
    assert passed(world, [Budgets()], ANA, 300) == 100
