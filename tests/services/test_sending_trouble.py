"""What happens to an email while its provider, its token or our own cloud is in trouble: what certainly did
not leave is tried again and may be cancelled, only what may have left is ever unknown."""

from datetime import timedelta

import pytest

from infra.simulator import Fault, Simulator
from shared import records
from shared.domain.emails import EmailStatus, Step
from shared.domain.errors import Conflict, ProviderUnavailable
from shared.domain.mailboxes import GrantState
from shared.services.accounts import mailboxes, tokens
from shared.services.sending import delivery, emails
from tests.services.test_emails import CARL, left
from tests.vendors import Vendor
from tests.world import ANA, LocalWorld, connect_account, mail, settle, work

ANAS = "ana@example.com"


@pytest.fixture
def mailbox_id(world: LocalWorld, simulator: Simulator) -> str:
    simulator.add_account(ANAS)
    made = connect_account(world, ANA, ANAS)
    work(world)
    return made.id


def written(world: LocalWorld, mailbox_id: str) -> str:
    new = emails.NewEmail(mailbox_id, to=(CARL,), subject="Offer", html="<p>Hello</p>")
    return emails.create(world, ANA, new).id


def status(world: LocalWorld, email_id: str) -> EmailStatus:
    return emails.show(world, ANA, email_id).status


def asked(simulator: Simulator, vendor: Vendor) -> int:
    return simulator.meters.read().calls.get(vendor.sending[-1], 0)


def assert_goes_out_once(world: LocalWorld, simulator: Simulator, email_id: str) -> None:
    settle(world)
    assert status(world, email_id) is EmailStatus.SENT
    assert len(left(simulator)) == 1


def tokens_trouble(vendor: Vendor) -> list[Fault]:
    stale = Fault(method=vendor.token, status=503, reason="90033")
    if vendor.name == "google":
        stale = Fault(method=vendor.token, status=503)
    wrong = Fault(method=vendor.token, status=401, reason=vendor.wrong_client, times=3)
    return [stale, wrong, Fault(method=vendor.token, status=429, retry_after=0, times=3)]


@pytest.mark.parametrize("which", [0, 1, 2], ids=["hiccup", "expired secret", "throttled"])
def test_without_a_token_nothing_left_and_it_goes_out_later(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, mailbox_id: str, which: int
) -> None:
    world.clock.sleep(3_700)
    email_id = written(world, mailbox_id)
    simulator.faults.add(tokens_trouble(vendor)[which])
    delivery.run(world, ANA.team_id, email_id)
    assert status(world, email_id) is EmailStatus.QUEUED
    assert asked(simulator, vendor) == 0
    assert_goes_out_once(world, simulator, email_id)


def test_a_token_that_is_refused_when_sending_proves_that_nothing_left(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, mailbox_id: str
) -> None:
    email_id = written(world, mailbox_id)
    simulator.faults.add(Fault(method=vendor.sending[-1], status=401, times=4))
    delivery.run(world, ANA.team_id, email_id)
    assert status(world, email_id) is EmailStatus.QUEUED
    assert_goes_out_once(world, simulator, email_id)


def test_an_outage_of_the_network_proves_that_nothing_left(
    world: LocalWorld, simulator: Simulator, mailbox_id: str
) -> None:
    email_id = written(world, mailbox_id)
    with simulator.unreachable():
        for _ in range(3):
            delivery.run(world, ANA.team_id, email_id)
            assert status(world, email_id) is EmailStatus.QUEUED
            world.clock.sleep(10)
    assert_goes_out_once(world, simulator, email_id)


def test_our_own_store_failing_on_the_way_to_a_token_proves_that_nothing_left(
    world: LocalWorld,
    simulator: Simulator,
    vendor: Vendor,
    mailbox_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    email_id = written(world, mailbox_id)
    tokens.forget_access(world, mailbox_id)

    def away(name: str) -> None:
        raise ProviderUnavailable(f"Secret Manager: {name}", reason="backend")

    with monkeypatch.context() as patched:  # the store has no switchboard of its own
        patched.setattr(type(world.backend.secrets), "get", lambda _, name: away(name))
        delivery.run(world, ANA.team_id, email_id)
    assert status(world, email_id) is EmailStatus.QUEUED
    assert asked(simulator, vendor) == 0
    assert_goes_out_once(world, simulator, email_id)


def test_during_an_outage_it_waits_ever_longer_and_can_be_cancelled(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, mailbox_id: str
) -> None:
    email_id = written(world, mailbox_id)
    method = vendor.sending[0] if vendor.drafts else vendor.token
    tokens.forget_access(world, mailbox_id)
    simulator.faults.add(Fault(method=method, status=503, times=None))
    for _ in range(6 * 180):
        world.clock.sleep(20)
        work(world)
    assert status(world, email_id) is EmailStatus.QUEUED
    assert simulator.meters.read().calls[method] < 60, "over six hours"

    assert emails.cancel(world, ANA, email_id).status is EmailStatus.CANCELLED
    simulator.faults.clear()
    settle(world)
    assert left(simulator) == []


def test_a_cancellation_overtakes_a_worker_that_has_not_sent_yet(
    world: LocalWorld, simulator: Simulator, mailbox_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    email_id = written(world, mailbox_id)
    token = tokens.Tokens.token

    def cancelling(source: tokens.Tokens) -> str:
        if records.emails(world.documents, ANA.team_id).get(email_id).step is Step.PREPARED:
            emails.cancel(world, ANA, email_id)
        return token(source)

    monkeypatch.setattr(tokens.Tokens, "token", cancelling)  # the last moment before it leaves
    delivery.run(world, ANA.team_id, email_id)
    monkeypatch.undo()
    settle(world)
    assert status(world, email_id) is EmailStatus.CANCELLED
    assert left(simulator) == []
    labels = [label for found in simulator.messages(ANAS) for label in found.labels]
    assert "DRAFT" not in labels


def test_what_may_have_left_cannot_be_cancelled(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, mailbox_id: str
) -> None:
    email_id = written(world, mailbox_id)
    simulator.faults.add(Fault(method=vendor.sending[-1], drop=True, effect=True))
    delivery.run(world, ANA.team_id, email_id)
    with pytest.raises(Conflict):
        emails.cancel(world, ANA, email_id)
    assert_goes_out_once(world, simulator, email_id)


def test_a_draft_made_after_we_gave_up_on_it_does_not_stay(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, mailbox_id: str
) -> None:
    if not vendor.drafts:
        pytest.skip("makes no drafts")
    for end in ("cancelled", "sent"):
        email_id = written(world, mailbox_id)
        lost = Fault(method="gmail.drafts.create", drop=True, effect=True)
        unseen = Fault(method="gmail.drafts.list", status=404)
        simulator.faults.add(lost, unseen)
        delivery.run(world, ANA.team_id, email_id)
        if end == "cancelled":
            emails.cancel(world, ANA, email_id)
        settle(world)
        assert status(world, email_id).value == end
        for _ in range(4):
            world.clock.sleep(900)
            settle(world)
        labels = [label for found in simulator.messages(ANAS) for label in found.labels]
        assert "DRAFT" not in labels, end


def test_a_lost_answer_is_found_in_a_mailbox_that_goes_on_sending(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, mailbox_id: str
) -> None:
    email_id = written(world, mailbox_id)
    simulator.faults.add(Fault(method=vendor.sending[-1], drop=True, effect=True))
    delivery.run(world, ANA.team_id, email_id)
    for number in range(60):
        world.clock.sleep(1)
        raw = mail(ANAS, f"p{number}@x.example", f"Newsletter {number}")
        simulator.office.add(ANAS, raw, labels=("SENT",))
    simulator.meters.reset()
    delivery.run(world, ANA.team_id, email_id)
    assert status(world, email_id) is EmailStatus.SENT
    assert simulator.meters.read().units[ANAS] < 150
    assert len(left(simulator)) == 1


@pytest.mark.parametrize("effect", [False, True])
def test_a_mailbox_that_may_only_send_sends_and_is_honest_about_what_it_cannot_know(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, effect: bool
) -> None:
    if not vendor.drafts:
        pytest.skip("has one way to send")
    simulator.add_account("ben@example.com")
    made = connect_account(
        world, ANA, "ben@example.com", untick=("gmail.readonly", "gmail.compose")
    )
    email_id = written(world, made.id)
    assert_goes_out_once(world, simulator, email_id)
    assert asked(simulator, vendor) == 0, "no draft was sent"

    email_id = written(world, made.id)
    simulator.faults.add(Fault(method="gmail.messages.send", drop=True, effect=effect))
    settle(world)
    assert status(world, email_id) is EmailStatus.UNKNOWN
    assert len(left(simulator)) == 1 + effect


def test_a_mailbox_that_may_read_and_only_send_finds_its_lost_answers_by_their_mark(
    world: LocalWorld, simulator: Simulator, vendor: Vendor
) -> None:
    if not vendor.drafts:
        pytest.skip("has one way to send")
    simulator.add_account("ben@example.com")
    made = connect_account(world, ANA, "ben@example.com", untick=("gmail.compose",))
    simulator.faults.add(Fault(method="gmail.messages.send", drop=True, effect=True))
    assert_goes_out_once(world, simulator, written(world, made.id))


def test_a_limit_that_names_no_time_to_speak_of_is_asked_ever_less(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, mailbox_id: str
) -> None:
    email_id = written(world, mailbox_id)
    limit = Fault(method=vendor.sending[-1], status=429, retry_after=0, times=None)
    simulator.faults.add(limit)
    end = world.clock.now() + timedelta(minutes=5)
    while world.clock.now() < end:
        world.clock.sleep(1)
        work(world)
    assert asked(simulator, vendor) < 20
    simulator.faults.clear()
    assert_goes_out_once(world, simulator, email_id)


def test_an_account_without_a_mailbox_fails_the_email_and_says_so_of_itself(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, mailbox_id: str
) -> None:
    status_, reason = {
        "google": (400, "failedPrecondition"),
        "microsoft": (404, "MailboxNotEnabledForRESTAPI"),
    }[vendor.name]
    simulator.faults.add(Fault(method=vendor.sending[0], status=status_, reason=reason))
    email_id = written(world, mailbox_id)
    delivery.run(world, ANA.team_id, email_id)
    shown = emails.show(world, ANA, email_id)
    assert (shown.status, shown.failure_reason) == (EmailStatus.FAILED, reason)
    assert mailboxes.show(world, ANA, mailbox_id).state is GrantState.MAILBOX_UNAVAILABLE
