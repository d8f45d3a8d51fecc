"""The daily validation of grants, and what a mailbox says of itself meanwhile."""

from datetime import timedelta

import pytest

from infra.simulator import Fault, Simulator
from shared import records
from shared.domain.errors import GrantRevoked, Party, ProviderUnavailable
from shared.domain.mailboxes import GrantState
from shared.services.accounts import grant_states, mailboxes, tokens, validation
from shared.services.accounts.mailboxes import MailboxView
from shared.services.sending import emails
from shared.services.syncing import engine
from tests.gremlin import Gremlin, Killed
from tests.vendors import VENDORS, Vendor
from tests.world import ANA, FakeClock, LocalWorld, connect_account, disconnect, settle, work


@pytest.fixture
def mailbox(world: LocalWorld, simulator: Simulator) -> MailboxView:
    simulator.add_account("ana@example.com")
    made = connect_account(world, ANA, "ana@example.com")
    settle(world)
    simulator.meters.reset()
    return made


def shown(world: LocalWorld, mailbox: MailboxView) -> MailboxView:
    return mailboxes.show(world, ANA, mailbox.id)


def refreshes(simulator: Simulator) -> int:
    calls = simulator.meters.read().calls
    return sum(calls.get(vendor.token, 0) for vendor in VENDORS.values())


def pass_hours(world: LocalWorld, hours: int) -> None:
    """As the schedule does it."""
    for _ in range(hours):
        world.clock.sleep(3600)
        validation.dispatch(world)
        settle(world)


# -- the schedule -----------------------------------------------------------------------------------


def test_every_mailbox_is_validated_at_least_daily(
    world: LocalWorld, mailbox: MailboxView, simulator: Simulator
) -> None:
    """Also one that nobody syncs or sends from."""
    records.syncs(world.documents).update(mailbox.id, next_sync_at=None)
    pass_hours(world, 1)
    for day in range(1, 8):
        pass_hours(world, 24)
        assert refreshes(simulator) >= day
    assert refreshes(simulator) < 20, "and not every hour"


def test_a_check_finds_out_what_nobody_else_asked_about(
    world: LocalWorld, mailbox: MailboxView, simulator: Simulator, vendor: Vendor
) -> None:
    tokens.Tokens(world, records.mailboxes(world.documents, "acme").get(mailbox.id)).token()
    simulator.revoke_grant("ana@example.com")
    validation.dispatch(world)
    work(world)
    found = shown(world, mailbox)
    assert (found.state, found.state_reason) == (GrantState.NEEDS_RECONNECT, vendor.revoked)
    assert found.sync.next_sync_at is None


def test_two_dispatchers_at_once_make_one_check_a_mailbox(
    world: LocalWorld, mailbox: MailboxView, simulator: Simulator
) -> None:
    due = records.syncs(world.documents).get(mailbox.id)
    validation.dispatch(world)
    records.syncs(world.documents).update(
        mailbox.id, check_at=due.check_at
    )  # the other read it before
    validation.dispatch(world)
    work(world)
    assert refreshes(simulator) == 1


@pytest.mark.usefixtures("mailbox")
def test_a_dispatcher_that_dies_anywhere_skips_nobody(
    world: LocalWorld, simulator: Simulator
) -> None:
    deaths = 0
    for kill_at in range(1, 20):
        simulator.meters.reset()
        world.clock.sleep(24 * 3600)
        try:
            validation.dispatch(Gremlin(kill_at).haunt(world))
        except Killed:
            deaths += 1
            validation.dispatch(world)
            work(world)
            assert refreshes(simulator) == 1
        else:
            break
    assert deaths >= 4


def test_the_checks_of_many_mailboxes_are_spread(world: LocalWorld, simulator: Simulator) -> None:
    for number in range(3):
        simulator.add_account(f"user{number}@example.com")
        connect_account(world, ANA, f"user{number}@example.com")
    work(world)
    validation.dispatch(world)
    assert work(world) < 3
    world.clock.sleep(5)
    settle(world)


# -- the states -------------------------------------------------------------------------------------


def test_a_connected_mailbox_says_so_in_a_sentence_and_when_it_last_was_good(
    world: LocalWorld, mailbox: MailboxView
) -> None:
    found = shown(world, mailbox)
    assert found.state is GrantState.CONNECTED
    assert found.state_detail == "ana@example.com is connected."
    assert found.last_good_at is not None
    assert found.state_until is None


def test_throttling_says_until_when_and_passes(
    world: LocalWorld, mailbox: MailboxView, simulator: Simulator, vendor: Vendor
) -> None:
    before = shown(world, mailbox)
    simulator.faults.add(Fault(method=vendor.token, status=429, retry_after=300, times=1))
    tokens.forget_access(world, mailbox.id)
    began = world.clock.now()
    engine.run(world, mailbox.id)

    found = shown(world, mailbox)
    assert found.state is GrantState.THROTTLED
    assert found.state_until is not None
    assert found.state_until >= began + timedelta(seconds=290)
    assert found.state_detail
    assert found.last_good_at == before.last_good_at
    assert found.sync.next_sync_at is not None

    settle(world)
    assert shown(world, mailbox).state is GrantState.CONNECTED


def test_an_outage_says_so_and_success_clears_it(
    world: LocalWorld, mailbox: MailboxView, simulator: Simulator, vendor: Vendor
) -> None:
    simulator.faults.add(Fault(method=vendor.api, status=503, times=None))
    engine.run(world, mailbox.id)
    found = shown(world, mailbox)
    assert found.state is GrantState.PROVIDER_UNAVAILABLE
    since = found.state_since
    world.clock.sleep(60)
    engine.run(world, mailbox.id)
    assert shown(world, mailbox).state_since == since, "it is the same outage"

    simulator.faults.clear()
    engine.run(world, mailbox.id)
    found = shown(world, mailbox)
    assert (found.state, found.state_reason) == (GrantState.CONNECTED, "")


def test_a_mailbox_in_passing_trouble_may_still_be_used(
    world: LocalWorld, mailbox: MailboxView, simulator: Simulator, vendor: Vendor
) -> None:
    simulator.faults.add(Fault(method=vendor.api, status=503, times=None))
    engine.run(world, mailbox.id)
    assert emails.create(world, ANA, emails.NewEmail(mailbox.id, draft=True)).id
    assert mailboxes.sync_now(world, ANA, mailbox.id).state is GrantState.PROVIDER_UNAVAILABLE


def test_what_an_administrator_sets_right_is_noticed_without_the_user(
    world: LocalWorld, mailbox: MailboxView, simulator: Simulator, vendor: Vendor
) -> None:
    if vendor.name != "microsoft":
        pytest.skip("has no such state")
    simulator.faults.add(Fault(method=vendor.token, status=400, reason="90094", times=None))
    tokens.forget_access(world, mailbox.id)
    engine.run(world, mailbox.id)
    assert shown(world, mailbox).state is GrantState.ADMIN_CONSENT_REQUIRED

    simulator.faults.clear()
    pass_hours(world, 24)
    found = shown(world, mailbox)
    assert found.state is GrantState.CONNECTED
    assert found.sync.next_sync_at is not None
    assert not found.sync.last_error


def test_our_own_misconfiguration_is_nobodys_trouble_but_ours(
    world: LocalWorld, mailbox: MailboxView, simulator: Simulator, vendor: Vendor
) -> None:
    wrong = Fault(method=vendor.token, status=401, reason=vendor.wrong_client, times=None)
    simulator.faults.add(wrong)
    pass_hours_failing(world, 24)
    found = shown(world, mailbox)
    assert found.state is GrantState.PROVIDER_UNAVAILABLE
    assert found.who_acts is Party.OPERATOR
    simulator.faults.clear()
    pass_hours_failing(world, 24)
    assert shown(world, mailbox).state is GrantState.CONNECTED


def pass_hours_failing(world: LocalWorld, hours: int) -> None:
    for _ in range(hours):
        world.clock.sleep(3600)
        validation.dispatch(world)
        work(world)


def test_a_throttled_check_is_made_up_for(
    world: LocalWorld, mailbox: MailboxView, simulator: Simulator, vendor: Vendor
) -> None:
    records.syncs(world.documents).update(mailbox.id, next_sync_at=None)
    simulator.faults.add(Fault(method=vendor.token, status=429, retry_after=300, times=1))
    validation.dispatch(world)
    work(world)
    assert shown(world, mailbox).state is GrantState.THROTTLED
    settle(world)
    assert shown(world, mailbox).state is GrantState.CONNECTED


def test_late_news_does_not_bring_a_disconnected_mailbox_back(
    world: LocalWorld, mailbox: MailboxView, clock: FakeClock
) -> None:
    """Of a worker that read the mailbox before."""
    before = records.mailboxes(world.documents, "acme").get(mailbox.id)
    disconnect(world, ANA, mailbox.id)
    grant_states.troubled(world, before, ProviderUnavailable("down"), until=clock.now())
    grant_states.ended(world, before, GrantRevoked("gone", reason="invalid_grant"))
    grant_states.recovered(world, before)
    grant_states.refreshed(world, before, after_failure=True)
    assert shown(world, mailbox).state is GrantState.DISCONNECTED
