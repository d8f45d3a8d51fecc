"""Accounts that are no use are refused when they are connected, with a sentence; nothing else is."""

import pytest

from infra.simulator import Fault, Simulator
from shared.domain.errors import Forbidden, MailboxUnavailable, Party
from shared.domain.mailboxes import GrantState
from tests.services.test_sync_trouble import NO_MAILBOX
from tests.vendors import Vendor
from tests.world import ANA, LocalWorld, connect_account

ANAS = "ana@example.com"
NOTHING = {
    "google": ("gmail.readonly", "gmail.compose", "gmail.send"),
    "microsoft": ("Mail.Read", "Mail.Send"),
}
PROBE = {"google": "gmail.*", "microsoft": "graph.mail*"}


@pytest.fixture(autouse=True)
def _account(simulator: Simulator) -> None:
    simulator.add_account(ANAS)


@pytest.mark.parametrize("which", range(5))
def test_an_account_without_a_mailbox_is_refused_with_a_sentence(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, which: int
) -> None:
    if which >= len(NO_MAILBOX[vendor.name]):
        pytest.skip("has fewer ways to say so")
    answer = NO_MAILBOX[vendor.name][which]
    simulator.faults.add(Fault(method=PROBE[vendor.name], times=None, **answer))  # type: ignore[arg-type]
    with pytest.raises(MailboxUnavailable) as refused:
        connect_account(world, ANA, ANAS)
    assert len(refused.value.detail.split()) > 5
    assert refused.value.reason
    assert refused.value.who_acts in {Party.ADMINISTRATOR, Party.USER}


def test_an_account_that_may_neither_read_nor_send_is_not_connected(
    world: LocalWorld, vendor: Vendor
) -> None:
    with pytest.raises(Forbidden) as refused:
        connect_account(world, ANA, ANAS, untick=NOTHING[vendor.name])
    assert refused.value.reason == "nothing_granted"
    assert refused.value.who_acts is Party.USER
    provider = world.providers.get(vendor.name)
    boxes = [f'"{provider.box(scope)}"' for scope in provider.missing_scopes(())]
    named = [box for box in boxes if box in refused.value.detail]
    assert len(named) == 2


@pytest.mark.parametrize("kept", [0, 1])
def test_an_account_that_may_do_one_of_them_is(
    world: LocalWorld, vendor: Vendor, kept: int
) -> None:
    scopes = NOTHING[vendor.name]
    untick = tuple(one for number, one in enumerate(scopes) if number != (kept and len(scopes) - 1))
    assert connect_account(world, ANA, ANAS, untick=untick).state is GrantState.CONNECTED


@pytest.mark.parametrize(
    "fault", [{"status": 503}, {"status": 429, "retry_after": 60}, {"status": 403}], ids=str
)
def test_trouble_that_passes_refuses_nobody(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, fault: dict[str, int]
) -> None:
    simulator.faults.add(Fault(method=PROBE[vendor.name], times=None, **fault))  # type: ignore[arg-type]
    assert connect_account(world, ANA, ANAS).state is GrantState.CONNECTED
