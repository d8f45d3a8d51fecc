"""Live tokens: refreshed once, by whoever comes first, and never lost."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.simulator import Fault, Simulator
from shared import records
from shared.bootstrap import SystemClock
from shared.domain.errors import GrantRevoked, ProviderUnavailable
from shared.domain.mailboxes import GrantState, Mailbox
from shared.services.accounts import mailboxes, tokens
from tests.gremlin import Gremlin, Killed
from tests.vendors import VENDORS, Vendor
from tests.world import ANA, FakeClock, LocalWorld, connect_account


@pytest.fixture
def mailbox(world: LocalWorld, simulator: Simulator) -> Mailbox:
    simulator.add_account("ana@example.com")
    made = connect_account(world, ANA, "ana@example.com")
    simulator.meters.reset()
    return records.mailboxes(world.documents, "acme").get(made.id)


def refreshes(simulator: Simulator) -> int:
    calls = simulator.meters.read().calls
    return sum(calls.get(vendor.token, 0) for vendor in VENDORS.values())


def test_many_workers_in_many_instances_make_one_refresh(
    tmp_path: Path, mailbox: Mailbox, simulator: Simulator
) -> None:
    simulator.faults.latency_ms = 100
    worlds = [LocalWorld(tmp_path, simulator, SystemClock()) for _ in range(4)]

    with ThreadPoolExecutor(40) as pool:
        jobs = [pool.submit(tokens.Tokens(worlds[n % 4], mailbox).token) for n in range(200)]
    for world in worlds:
        world.backend.close()

    assert len({job.result() for job in jobs}) == 1
    assert refreshes(simulator) == 1


def test_a_token_is_used_until_shortly_before_its_end(
    world: LocalWorld, mailbox: Mailbox, simulator: Simulator, clock: FakeClock
) -> None:
    source = tokens.Tokens(world, mailbox)
    first = source.token()
    clock.sleep(3_000)
    assert source.token() == first
    clock.sleep(590)
    assert source.token() != first
    assert refreshes(simulator) == 2


def test_a_refused_token_is_replaced_once_for_all(
    world: LocalWorld, mailbox: Mailbox, simulator: Simulator
) -> None:
    one, other = tokens.Tokens(world, mailbox), tokens.Tokens(world, mailbox)
    refused = one.token()
    assert other.token() == refused

    assert one.replace(refused) == other.replace(refused) != refused
    assert refreshes(simulator) == 2


def test_a_worker_that_died_refreshing_holds_nobody_up_for_long(
    world: LocalWorld, mailbox: Mailbox, clock: FakeClock
) -> None:
    gremlin = Gremlin(kill_at=3)
    with pytest.raises(Killed):
        tokens.Tokens(gremlin.haunt(world), mailbox).token()
    before = clock.now()
    assert tokens.Tokens(world, mailbox).token()
    assert (clock.now() - before).total_seconds() < 60


def test_the_grants_end_is_believed_only_of_the_newest_token(
    world: LocalWorld, mailbox: Mailbox
) -> None:
    """Somebody reconnects while an old token is being refused."""
    newest = tokens.read(world, mailbox.id)
    assert newest
    answers = iter([tokens.Kept("dead")])

    class Reconnected(tokens.Tokens):
        def _stored(self) -> tokens.Kept:
            return next(answers, None) or super()._stored()

    assert Reconnected(world, mailbox).token()
    assert mailboxes.show(world, ANA, mailbox.id).state is GrantState.CONNECTED


def test_a_revoked_grant_is_told_and_marked(
    world: LocalWorld, mailbox: Mailbox, simulator: Simulator
) -> None:
    simulator.revoke_grant("ana@example.com")
    with pytest.raises(GrantRevoked):
        tokens.Tokens(world, mailbox).token()
    assert mailboxes.show(world, ANA, mailbox.id).state is GrantState.NEEDS_RECONNECT


def test_a_provider_in_trouble_is_left_alone_for_a_while_by_all(
    world: LocalWorld, mailbox: Mailbox, simulator: Simulator, vendor: Vendor
) -> None:
    simulator.faults.add(Fault(method=vendor.token, status=503, answer="html", times=None))
    asked = []
    for wait in (0, 4, 2, 9, 2, 19, 2):
        world.clock.sleep(wait)
        with pytest.raises(ProviderUnavailable):
            tokens.Tokens(world, mailbox).token()
        asked.append(refreshes(simulator))
    each = asked[0]
    """Tries of one refresh: the adapter may repeat it."""
    assert asked == [each * n for n in (1, 1, 2, 2, 3, 3, 4)]
    simulator.faults.clear()
    world.clock.sleep(60)
    assert tokens.Tokens(world, mailbox).token()


def test_the_longest_pause_is_five_minutes_however_long_an_outage_lasts(
    world: LocalWorld, mailbox: Mailbox, simulator: Simulator, vendor: Vendor
) -> None:
    simulator.faults.add(Fault(method=vendor.token, status=503, answer="html", times=None))
    for _ in range(200):
        world.clock.sleep(301)
        with pytest.raises(ProviderUnavailable):
            tokens.Tokens(world, mailbox).token()
    simulator.faults.clear()
    world.clock.sleep(301)
    assert tokens.Tokens(world, mailbox).token()


def test_many_workers_hear_of_a_grants_end_by_one_request(
    tmp_path: Path, mailbox: Mailbox, simulator: Simulator
) -> None:
    simulator.revoke_grant("ana@example.com")
    simulator.faults.latency_ms = 50
    worlds = [LocalWorld(tmp_path, simulator, SystemClock()) for _ in range(4)]
    with ThreadPoolExecutor(20) as pool:
        jobs = [pool.submit(tokens.Tokens(worlds[n % 4], mailbox).token) for n in range(60)]
        errors = [job.exception() for job in jobs]
    for world in worlds:
        world.backend.close()
    assert {type(error) for error in errors} == {GrantRevoked}
    assert refreshes(simulator) == 1


def test_a_new_consent_does_not_wait_for_the_pause_of_the_old_one(
    world: LocalWorld, mailbox: Mailbox, simulator: Simulator
) -> None:
    simulator.revoke_grant("ana@example.com")
    with pytest.raises(GrantRevoked):
        tokens.Tokens(world, mailbox).token()
    again = connect_account(world, ANA, "ana@example.com")
    connected = records.mailboxes(world.documents, "acme").get(again.id)
    assert tokens.Tokens(world, connected).token()
