"""What a mailbox says of itself while its provider refuses, loops or is ill: never "connected, up to date",
and never nothing at all."""

from datetime import timedelta

import pytest

from infra.simulator import Fault, Simulator
from shared import records
from shared.domain.errors import Party
from shared.domain.mailboxes import GrantState
from shared.services import schedule
from shared.services.accounts import mailboxes, tokens
from shared.services.accounts.mailboxes import MailboxView
from shared.services.syncing import engine
from tests.vendors import Vendor
from tests.world import ANA, LocalWorld, add_contact, connect_account, mail, timeline, work

UP_TO_DATE = mailboxes.SyncPhase.UP_TO_DATE
ANAS, CARL = "ana@example.com", "carl@client.example"


@pytest.fixture
def carl(world: LocalWorld) -> str:
    return add_contact(world, ANA, CARL)


@pytest.fixture
def mailbox_id(world: LocalWorld, simulator: Simulator, carl: str) -> str:
    simulator.add_account(ANAS)
    made = connect_account(world, ANA, ANAS)
    work(world)
    simulator.deliver(mail(CARL, ANAS, "Before"), to=ANAS)
    pass_minutes(world, 5)
    assert [line.subject for line in timeline(world, ANA, carl)] == ["Before"]
    return made.id


def pass_minutes(world: LocalWorld, minutes: float) -> None:
    end = world.clock.now() + timedelta(minutes=minutes)
    while world.clock.now() < end:
        world.clock.sleep(20)
        schedule.dispatch(world)
        work(world)


def shown(world: LocalWorld, mailbox_id: str) -> MailboxView:
    return mailboxes.show(world, ANA, mailbox_id)


def subjects(world: LocalWorld, contact: str) -> list[str]:
    return sorted(line.subject for line in timeline(world, ANA, contact))


DENIED = {"google": "insufficientPermissions", "microsoft": "ErrorAccessDenied"}
CHANGES = {"google": "gmail.history.list", "microsoft": "graph.messages.delta"}
NO_MAILBOX = {
    "google": (
        {"status": 400, "reason": "failedPrecondition"},
        {"status": 403, "reason": "domainPolicy"},
        {"status": 403, "reason": "forbidden", "message": "Delegation denied for ana@example.com"},
    ),
    "microsoft": (
        {"status": 404, "reason": "MailboxNotEnabledForRESTAPI"},
        {"status": 404, "reason": "OrganizationFromTenantGuidNotFound"},
        {"status": 404, "reason": "ErrorInvalidUser"},
        {"status": 404, "reason": "ResourceNotFound"},
        {"status": 400, "reason": "ErrorMissingEmailAddress"},
    ),
}


def test_one_refusal_with_every_scope_granted_stops_nothing(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, mailbox_id: str, carl: str
) -> None:
    simulator.faults.add(Fault(method=CHANGES[vendor.name], status=403, reason=DENIED[vendor.name]))
    pass_minutes(world, 6)
    for number in (1, 2):
        simulator.deliver(mail(CARL, ANAS, f"After {number}"), to=ANAS)
    pass_minutes(world, 12)
    assert subjects(world, carl) == ["After 1", "After 2", "Before"]
    found = shown(world, mailbox_id)
    assert (found.state, found.sync.phase) == (GrantState.CONNECTED, UP_TO_DATE)
    assert found.missing_scopes == ()


def test_a_refusal_that_lasts_becomes_a_state_with_what_was_said_and_who_acts(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, mailbox_id: str
) -> None:
    refusal = Fault(
        method=vendor.api, status=403, reason=DENIED[vendor.name], message="Policy.", times=None
    )
    simulator.faults.add(refusal)
    good = shown(world, mailbox_id).sync.last_good_at
    pass_minutes(world, 60)
    found = shown(world, mailbox_id)
    assert found.state is GrantState.PROVIDER_UNAVAILABLE
    assert found.state_reason == DENIED[vendor.name]
    assert "Policy." in found.state_detail
    assert found.who_acts is Party.ADMINISTRATOR
    assert found.sync.next_sync_at is not None
    assert found.sync.last_good_at == good

    simulator.faults.clear()
    pass_minutes(world, 20)
    found = shown(world, mailbox_id)
    assert (found.state, found.who_acts) == (GrantState.CONNECTED, Party.NOBODY)


@pytest.mark.parametrize("which", range(5))
def test_an_account_that_lost_its_mailbox_says_so_and_is_quietly_asked_again(
    world: LocalWorld,
    simulator: Simulator,
    vendor: Vendor,
    mailbox_id: str,
    carl: str,
    which: int,
) -> None:
    if which >= len(NO_MAILBOX[vendor.name]):
        pytest.skip("has fewer ways to say so")
    answer = NO_MAILBOX[vendor.name][which]
    simulator.faults.add(Fault(method=vendor.api, times=None, **answer))  # type: ignore[arg-type]
    pass_minutes(world, 40)
    found = shown(world, mailbox_id)
    assert found.state is GrantState.MAILBOX_UNAVAILABLE
    assert found.who_acts in {Party.ADMINISTRATOR, Party.USER}
    assert len(found.state_detail.split()) > 5, "a sentence"
    simulator.meters.reset()
    pass_minutes(world, 6 * 60)
    assert simulator.meters.read().requests < 60
    assert shown(world, mailbox_id).state is GrantState.MAILBOX_UNAVAILABLE, "a token says nothing"

    simulator.faults.clear()
    simulator.deliver(mail(CARL, ANAS, "After"), to=ANAS)
    pass_minutes(world, 70)
    assert shown(world, mailbox_id).state is GrantState.CONNECTED
    assert subjects(world, carl) == ["After", "Before"]


@pytest.mark.parametrize("status", [500, 400])
def test_a_broken_folder_is_named_and_nothing_calls_it_up_to_date(
    world: LocalWorld,
    simulator: Simulator,
    vendor: Vendor,
    mailbox_id: str,
    carl: str,
    status: int,
) -> None:
    if vendor.name != "microsoft":
        pytest.skip("has no folders")
    inbox = simulator.microsoft.folder(ANAS, "INBOX")
    broken = Fault(method="graph.messages.delta", about=inbox, status=status, times=None)
    simulator.faults.add(broken)
    good = shown(world, mailbox_id).sync.last_good_at
    pass_minutes(world, 60)
    simulator.deliver(mail(CARL, ANAS, "After"), to=ANAS)
    pass_minutes(world, 60)
    found = shown(world, mailbox_id).sync
    assert found.phase != UP_TO_DATE
    assert found.last_good_at == good
    assert "inbox" in found.last_error
    (passed,) = found.passed
    assert passed.name == "inbox"
    assert passed.reason
    assert world.clock.now() - passed.since > timedelta(minutes=100)

    simulator.faults.clear()
    pass_minutes(world, 60)
    found = shown(world, mailbox_id).sync
    assert (found.phase, found.passed, found.last_error) == (UP_TO_DATE, (), "")
    assert subjects(world, carl) == ["After", "Before"]


@pytest.mark.parametrize("answer", ["endless", "circle"])
def test_changes_without_end_cost_little_and_are_no_good_state(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, mailbox_id: str, answer: str
) -> None:
    simulator.faults.add(Fault(method=CHANGES[vendor.name], answer=answer, times=None))  # type: ignore[arg-type]
    good = shown(world, mailbox_id).sync.last_good_at
    simulator.meters.reset()
    pass_minutes(world, 60)
    assert simulator.meters.read().calls[CHANGES[vendor.name]] < 1_500
    found = shown(world, mailbox_id)
    assert found.sync.phase != UP_TO_DATE or found.state is not GrantState.CONNECTED
    assert found.sync.last_good_at == good


def test_a_fresh_position_that_is_not_known_is_relisted_with_pauses_and_mail_goes_on(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, mailbox_id: str, carl: str
) -> None:
    status = 404 if vendor.name == "google" else 410
    if vendor.name == "microsoft":
        pytest.skip("its first page needs no position")
    simulator.faults.add(Fault(method=CHANGES[vendor.name], status=status, times=None))
    simulator.meters.reset()
    pass_minutes(world, 30)
    simulator.deliver(mail(CARL, ANAS, "Meanwhile"), to=ANAS)
    pass_minutes(world, 30)
    assert "Meanwhile" in subjects(world, carl)
    assert simulator.meters.read().requests < 200, "in an hour"
    assert shown(world, mailbox_id).state is GrantState.PROVIDER_UNAVAILABLE
    simulator.faults.clear()
    pass_minutes(world, 20)
    assert shown(world, mailbox_id).sync.phase == UP_TO_DATE


def test_a_fresh_token_that_is_refused_for_hours_is_refreshed_ever_less(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, mailbox_id: str
) -> None:
    simulator.faults.add(Fault(method=vendor.api, status=401, times=None))
    simulator.meters.reset()
    before = records.mailboxes(world.documents, ANA.team_id).get(mailbox_id).state_since
    pass_minutes(world, 6 * 60)
    assert simulator.meters.read().calls[vendor.token] < 40
    found = shown(world, mailbox_id)
    assert found.state is GrantState.PROVIDER_UNAVAILABLE
    assert found.state_since - before < timedelta(minutes=30), "one change of state"
    simulator.faults.clear()
    pass_minutes(world, 45)
    assert shown(world, mailbox_id).state is GrantState.CONNECTED


@pytest.mark.parametrize("wait", [0, 0.249, 1])
def test_short_waits_are_asked_for_ever_less(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, mailbox_id: str, wait: float
) -> None:
    simulator.faults.add(Fault(method=vendor.api, status=429, retry_after=wait, times=None))
    simulator.meters.reset()
    pass_minutes(world, 5)
    assert simulator.meters.read().requests < 60
    assert shown(world, mailbox_id).state is GrantState.THROTTLED


def test_a_search_without_end_is_counted_and_the_import_ends(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, carl: str
) -> None:
    simulator.add_account(ANAS)
    for number in range(160):
        simulator.deliver(mail(CARL, ANAS, f"Mail {number}"), to=ANAS)
    made = connect_account(world, ANA, ANAS)
    simulator.faults.add(Fault(method=vendor.listing, answer="endless", times=None))
    simulator.meters.reset()
    pass_minutes(world, 10)
    found = shown(world, made.id).sync
    assert simulator.meters.read().calls[vendor.listing] < 100
    assert found.phase == UP_TO_DATE
    assert found.incomplete > 0
    assert carl


def test_idle_hints_do_not_wake_a_mailbox_that_waits(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, mailbox_id: str
) -> None:
    simulator.faults.add(Fault(method=vendor.api, status=503, times=None))
    pass_minutes(world, 60)
    tokens.forget_access(world, mailbox_id)
    simulator.meters.reset()
    engine.run(world, mailbox_id)
    assert simulator.meters.read().requests < 8
