"""An administrator at the provider approves the app by a link that a team's admin asked for."""

from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from infra.simulator import Fault, Simulator
from shared.domain.caller import Caller
from shared.domain.errors import Forbidden, InvalidRequest
from shared.domain.mailboxes import GrantState
from shared.services.accounts import connecting, mailboxes, tokens
from shared.services.accounts.connecting import StartConsent
from shared.services.syncing import engine
from tests.vendors import Vendor
from tests.world import ANA, LocalWorld, connect_account, work

ANAS = "ana@example.com"
ADMIN = Caller("ben", "acme", admin=True)
BACK = "https://crm.example.com/settings"


@pytest.fixture(autouse=True)
def _microsofts(simulator: Simulator, vendor: Vendor) -> None:
    simulator.add_account(ANAS)
    if vendor.name != "microsoft":
        pytest.skip("has no such page")


def answered(url: str, decision: str = "allow") -> dict[str, str]:
    form = {"account": ANAS, "decision": decision}
    answer = requests.post(url, data=form, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    return {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def link(world: LocalWorld, return_to: str = "") -> str:
    asked = StartConsent("microsoft", return_to, approval=True)
    return connecting.start(world, ADMIN, asked).authorization_url


def waiting(world: LocalWorld, simulator: Simulator) -> str:
    mailbox = connect_account(world, ANA, ANAS)
    work(world)
    simulator.microsoft.directory.change(ANAS, refused="90094")
    tokens.forget_access(world, mailbox.id)
    engine.run(world, mailbox.id)
    assert mailboxes.show(world, ANA, mailbox.id).state is GrantState.ADMIN_CONSENT_REQUIRED
    return mailbox.id


def test_an_approval_is_taken_without_a_code_and_who_waited_is_checked_at_once(
    world: LocalWorld, simulator: Simulator
) -> None:
    mailbox_id = waiting(world, simulator)
    url = link(world)
    world.clock.sleep(13 * 24 * 3600)
    answer = answered(url)
    assert answer["admin_consent"] == "True"
    assert "code" not in answer
    ended = connecting.finish(world, answer)
    assert ended.approved
    assert not ended.connection
    work(world)
    assert mailboxes.show(world, ANA, mailbox_id).state is GrantState.CONNECTED


def test_an_approval_goes_back_to_where_it_was_asked_for(world: LocalWorld) -> None:
    answer = answered(link(world, BACK))
    assert connecting.finish(world, answer).url() == f"{BACK}?approved=true"
    assert connecting.finish(world, answer).approved, "opening the link twice does no harm"


def test_a_no_is_told(world: LocalWorld) -> None:
    with pytest.raises(Forbidden):
        connecting.finish(world, answered(link(world), "deny"))
    assert connecting.finish(world, answered(link(world, BACK), "deny")).error == "access_denied"


def test_an_answer_that_says_nothing_approves_nothing(world: LocalWorld) -> None:
    state = answered(link(world))["state"]
    for answer in ({}, {"admin_consent": "False"}, {"code": "c0de"}):
        with pytest.raises(InvalidRequest):
            connecting.finish(world, {"state": state, **answer})


def test_the_state_of_an_approval_connects_nothing_and_ends(world: LocalWorld) -> None:
    answer = answered(link(world))
    ended = connecting.finish(world, {**answer, "code": "c0de"})
    assert (ended.connection, ended.approved) == ("", True)
    world.clock.sleep(15 * 24 * 3600)
    with pytest.raises(InvalidRequest):
        connecting.finish(world, answer)


def test_the_state_of_a_consent_approves_nothing(world: LocalWorld, simulator: Simulator) -> None:
    mailbox_id = waiting(world, simulator)
    started = connecting.start(world, ANA, StartConsent("microsoft"))
    state = parse_qs(urlsplit(started.authorization_url).query)["state"][0]
    with pytest.raises(InvalidRequest):
        connecting.finish(world, {"state": state, "admin_consent": "True", "tenant": "x"})
    work(world)
    assert mailboxes.show(world, ANA, mailbox_id).state is GrantState.ADMIN_CONSENT_REQUIRED


def test_only_admins_ask_for_one(world: LocalWorld) -> None:
    with pytest.raises(Forbidden):
        connecting.start(world, ANA, StartConsent("microsoft", approval=True))
    with pytest.raises(InvalidRequest):
        connecting.start(world, ADMIN, StartConsent("google", approval=True))


def test_the_page_may_fail_too(world: LocalWorld, simulator: Simulator) -> None:
    simulator.faults.add(Fault(method="login.adminconsent", status=503))
    assert requests.get(link(world), timeout=10).status_code == 503
    assert requests.get(link(world), timeout=10).status_code == 200
