"""What a mailbox says of its grant when the provider ends it."""

import pytest

from infra.simulator import Fault, Simulator
from shared import records
from shared.domain.errors import GrantRevoked
from shared.domain.mailboxes import GrantState
from shared.services import schedule
from shared.services.accounts import mailboxes, tokens
from shared.services.syncing import engine
from tests.vendors import VENDORS, Vendor
from tests.world import ANA, BEN, LocalWorld, connect_account, settle, work


@pytest.mark.parametrize("vendor", [VENDORS["microsoft"]], ids=["microsoft"])
@pytest.mark.parametrize(
    ("code", "state", "said"),
    [
        ("50173", GrantState.NEEDS_RECONNECT, "password was changed"),
        ("700082", GrantState.NEEDS_RECONNECT, "not used for too long"),
        ("50076", GrantState.NEEDS_RECONNECT, "second factor"),
        ("53003", GrantState.NEEDS_RECONNECT, "access policy"),
        ("50057", GrantState.NEEDS_RECONNECT, "disabled"),
        ("65001", GrantState.NEEDS_RECONNECT, "consented"),
        ("90094", GrantState.ADMIN_CONSENT_REQUIRED, "administrator"),
    ],
)
def test_the_state_names_who_has_to_act_and_keeps_the_code(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, code: str, state: GrantState, said: str
) -> None:
    simulator.add_account("ana@example.com")
    mailbox = connect_account(world, ANA, "ana@example.com")
    simulator.faults.add(Fault(method=vendor.token, status=400, reason=code, times=None))

    engine.run(world, mailbox.id)

    shown = mailboxes.show(world, ANA, mailbox.id)
    assert (shown.state, shown.state_reason) == (state, f"AADSTS{code}")
    assert said in shown.state_detail
    assert shown.sync.next_sync_at is None
    simulator.faults.clear()
    assert connect_account(world, ANA, "ana@example.com").state is GrantState.CONNECTED


def test_an_error_about_the_old_consent_does_not_undo_a_new_one(
    world: LocalWorld, simulator: Simulator
) -> None:
    """A worker still holds the mailbox as it was; meanwhile its user connects it again."""
    simulator.add_account("ana@example.com")
    made = connect_account(world, ANA, "ana@example.com")
    before = records.mailboxes(world.documents, "acme").get(made.id)
    world.clock.sleep(5)
    connect_account(world, ANA, "ana@example.com")
    simulator.revoke_grant("ana@example.com")

    with pytest.raises(GrantRevoked):
        tokens.Tokens(world, before).token()

    assert mailboxes.show(world, ANA, made.id).state is GrantState.CONNECTED
    work(world)
    assert mailboxes.show(world, ANA, made.id).state is GrantState.NEEDS_RECONNECT


def test_a_user_is_shown_what_waits_for_them_alone(world: LocalWorld, simulator: Simulator) -> None:
    for account in ("ana@example.com", "well@example.com"):
        simulator.add_account(account)
        connect_account(world, ANA, account)
    settle(world)
    mine = mailboxes.MailboxQuery(needs="me")
    assert mailboxes.list_(world, ANA, mine).mailboxes == []
    simulator.revoke_grant("ana@example.com")
    world.clock.sleep(2 * 3600)
    schedule.dispatch(world)
    work(world)
    (waits,) = mailboxes.list_(world, ANA, mine).mailboxes
    assert waits.address == "ana@example.com"
    assert mailboxes.list_(world, BEN, mine).mailboxes == []
    assert len(mailboxes.list_(world, ANA, mailboxes.MailboxQuery()).mailboxes) == 2
