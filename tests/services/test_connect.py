"""Connecting accounts: every way a consent may end."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec.structs import replace

from infra.simulator import Fault, Simulator
from shared import records
from shared.domain.caller import Caller
from shared.domain.errors import (
    Conflict,
    Forbidden,
    InvalidRequest,
    MailbridgeError,
    MissingScope,
    NotFound,
)
from shared.domain.mailboxes import GrantState
from shared.services import sweep
from shared.services.accounts import confirming, connecting, mailboxes, tokens
from shared.services.accounts.connecting import StartConsent
from shared.services.paging import PageQuery
from shared.services.sending import emails
from tests.gremlin import Gremlin, Killed
from tests.vendors import Vendor
from tests.world import (
    ANA,
    BEN,
    EVE,
    FakeClock,
    LocalWorld,
    confirm,
    connect_account,
    consent,
    disconnect,
    provider_of,
    work,
)

BACK = "https://crm.example.com/settings?tab=mail"


@pytest.fixture(autouse=True)
def _accounts(simulator: Simulator) -> None:
    simulator.add_account("ana@example.com", name="Ana")
    simulator.add_account("other@example.com")


def answer(world: LocalWorld, caller: Caller = ANA, **wanted: Any) -> dict[str, str]:
    asked = StartConsent(provider_of(world, "ana@example.com"), **wanted)
    started = connecting.start(world, caller, asked)
    return consent(started.authorization_url, "ana@example.com")


def test_a_consent_becomes_a_mailbox_of_its_user(world: LocalWorld) -> None:
    ended = connecting.finish(world, answer(world, return_to=BACK))
    made = confirm(world, ANA, ended.connection)

    assert ended.url() == f"{BACK}&connection={ended.connection}"
    assert (made.address, made.user_id, made.state) == (
        "ana@example.com",
        "ana",
        GrantState.CONNECTED,
    )
    assert made.missing_scopes == ()


def test_confirming_twice_finds_the_same_mailbox(world: LocalWorld) -> None:
    ended = connecting.finish(world, answer(world))
    first = confirm(world, ANA, ended.connection)
    second = confirm(world, ANA, ended.connection)

    assert first.id == second.id
    assert len(mailboxes.list_(world, ANA, PageQuery()).mailboxes) == 1


def test_the_provider_is_told_where_the_callback_of_this_deployment_is(world: LocalWorld) -> None:
    world.settings = replace(world.settings, public_url="https://x.example/staging-{function}")
    asked = StartConsent(provider_of(world, "ana@example.com"))
    url = connecting.start(world, ANA, asked).authorization_url
    (uri,) = parse_qs(urlsplit(url).query)["redirect_uri"]
    assert uri == "https://x.example/staging-oauth_callback"


@pytest.mark.parametrize(
    ("caller", "error"), [(BEN, Forbidden), (EVE, NotFound)], ids=["colleague", "other team"]
)
def test_only_the_user_who_asked_can_confirm(
    world: LocalWorld, caller: Caller, error: type[MailbridgeError]
) -> None:
    ended = connecting.finish(world, answer(world))
    with pytest.raises(error):
        confirm(world, caller, ended.connection)


def test_a_state_works_once(world: LocalWorld) -> None:
    came_back = answer(world, return_to=BACK)
    connecting.finish(world, came_back)
    assert connecting.finish(world, came_back).error == "state_used"


def test_a_state_expires_after_ten_minutes(world: LocalWorld, clock: FakeClock) -> None:
    came_back = answer(world, return_to=BACK)
    clock.sleep(601)
    assert connecting.finish(world, came_back).error == "state_expired"


@pytest.mark.parametrize("state", ["", "rubbish", "A" * 200, "é"])
def test_a_state_that_is_not_ours_is_refused_without_going_anywhere(
    world: LocalWorld, state: str
) -> None:
    with pytest.raises(InvalidRequest):
        connecting.finish(world, answer(world, return_to=BACK) | {"state": state})


def test_a_changed_state_is_refused(world: LocalWorld) -> None:
    came_back = answer(world)
    sealed = came_back["state"]
    for place in (0, 20, len(sealed) // 2, -1):
        changed = list(sealed)
        changed[place] = "A" if changed[place] != "A" else "B"
        with pytest.raises(InvalidRequest):
            connecting.finish(world, came_back | {"state": "".join(changed)})


def test_the_state_hides_the_verifier_and_the_user(world: LocalWorld) -> None:
    state = answer(world, Caller("secretive-user", "secretive-team"))["state"]
    assert "secretive" not in state
    assert "verifier" not in state


def test_a_denied_consent_says_so_where_it_started(world: LocalWorld, vendor: Vendor) -> None:
    started = connecting.start(world, ANA, StartConsent(vendor.name, return_to=BACK))
    came_back = consent(started.authorization_url, "ana@example.com", deny=True)
    url = connecting.finish(world, came_back).url()
    assert url == f"{BACK}&error=access_denied&error_description=The+consent+was+declined."


def test_without_a_place_to_return_to_the_error_is_told_directly(
    world: LocalWorld, vendor: Vendor
) -> None:
    started = connecting.start(world, ANA, StartConsent(vendor.name))
    came_back = consent(started.authorization_url, "ana@example.com", deny=True)
    with pytest.raises(Forbidden) as refused:
        connecting.finish(world, came_back)
    assert refused.value.reason == "access_denied"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "https://crm.example.com.evil.example/",
        "https://crm.example.com@evil.example/",
        "https://crm.example.com:444/",
        "http://crm.example.com/",
        "//crm.example.com/",
        "javascript:alert(1)",
        "https://crm.example.com\\@evil.example/",
        "https://crm.example.com/#fragment",
        "https://crm.example.com/#",
        "https://crm.example.com/\r\nSet-Cookie: a=b",
        "https://crm.example.com/\t",
        "https://crm.example.com ",
        "https://crm.example.com:99999/",
        "https://crm.example.com:/",
        "https://CRM.example.com@evil.example",
        "https://crm.example.com@/",
        "http://[",
        "https://[::1",
        "http://a]b/",
        "https://crm.example.com／／evil.example/",
        "https:／／crm.example.com/",
        "https://crm。example.com/",
        "/settings",
    ],
)
def test_only_allowed_origins_are_returned_to(world: LocalWorld, vendor: Vendor, url: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        connecting.start(world, ANA, StartConsent(vendor.name, return_to=url))
    assert refused.value.errors[0].pointer == "/return_to"


@pytest.mark.parametrize(
    ("return_to", "back"),
    [
        ("https://crm.example.com", "https://crm.example.com?connection=c"),
        ("https://crm.example.com:443/mail", "https://crm.example.com/mail?connection=c"),
        ("https://crm.example.com/?", "https://crm.example.com/?connection=c"),
        ("https://crm.example.com/a?b=%2F/", "https://crm.example.com/a?b=%2F/&connection=c"),
    ],
)
def test_the_answer_is_added_to_what_is_returned_to(return_to: str, back: str) -> None:
    assert connecting.Ended(return_to, connection="c").url() == back


def test_an_unknown_provider_is_refused_by_name(world: LocalWorld) -> None:
    with pytest.raises(InvalidRequest) as refused:
        connecting.start(world, ANA, StartConsent("aol"))
    assert "google" in refused.value.detail


@pytest.mark.parametrize("what", ["read", "send", "calendar"])
def test_an_unticked_scope_gives_a_mailbox_that_says_what_it_may_not_do(
    world: LocalWorld, vendor: Vendor, what: str
) -> None:
    scopes = (vendor.scopes[what], "gmail.send") if what == "send" else (vendor.scopes[what],)
    made = connect_account(world, ANA, "ana@example.com", untick=scopes)
    work(world)

    missing = {scope.rpartition("/")[2] for scope in made.missing_scopes}
    assert vendor.scopes[what] in missing <= set(scopes)
    assert made.state is GrantState.CONNECTED
    if what == "send":
        new = emails.NewEmail(made.id, to=("x@y.example",))
        with pytest.raises(MissingScope) as refused:
            emails.create(world, ANA, new)
        box = world.providers.get(vendor.name).box(refused.value.scopes[0])
        assert f'tick "{box}"' in refused.value.detail
    if what == "read":
        with pytest.raises(MissingScope):
            mailboxes.sync_now(world, ANA, made.id)


def test_reconnecting_accepts_only_the_same_account(world: LocalWorld, vendor: Vendor) -> None:
    mailbox = connect_account(world, ANA, "ana@example.com")
    asked = StartConsent(vendor.name, mailbox_id=mailbox.id, return_to=BACK)
    started = connecting.start(world, ANA, asked)
    assert "login_hint=ana%40example.com" in started.authorization_url

    other = connecting.finish(world, consent(started.authorization_url, "other@example.com"))
    started = connecting.start(world, ANA, asked)
    same = connecting.finish(world, consent(started.authorization_url, "ana@example.com"))

    assert other.error == "account_mismatch"
    again = confirm(world, ANA, same.connection)
    assert (again.id, again.created_at) == (mailbox.id, mailbox.created_at)


def test_an_account_that_a_colleague_connected_is_not_taken_over(world: LocalWorld) -> None:
    connect_account(world, ANA, "ana@example.com")
    with pytest.raises(Conflict):
        connect_account(world, BEN, "ana@example.com")


def test_two_teams_may_connect_the_same_account_and_one_leaving_does_not_harm_the_other(
    world: LocalWorld,
) -> None:
    ours = connect_account(world, ANA, "ana@example.com")
    theirs = connect_account(world, EVE, "ana@example.com")
    assert ours.id != theirs.id

    disconnect(world, EVE, theirs.id)
    tokens.forget_access(world, ours.id)

    mailboxes.sync_now(world, ANA, ours.id)
    work(world)
    assert mailboxes.show(world, ANA, ours.id).sync.phase is mailboxes.SyncPhase.UP_TO_DATE


def test_a_consent_nobody_confirms_leaves_no_token(world: LocalWorld, clock: FakeClock) -> None:
    ended = connecting.finish(world, answer(world))
    name = confirming.pending_secret(ended.connection)
    assert world.secrets.get(name)

    clock.sleep(timedelta(hours=1).total_seconds())
    sweep.run(world)

    assert world.secrets.get(name) is None
    with pytest.raises(NotFound):
        confirm(world, ANA, ended.connection)


def test_a_confirmation_that_died_leaves_no_token_of_a_disconnected_mailbox(
    world: LocalWorld, clock: FakeClock
) -> None:
    mailbox = connect_account(world, ANA, "ana@example.com")
    disconnect(world, ANA, mailbox.id)
    ended = connecting.finish(world, answer(world))
    with pytest.raises(Killed):  # after the token, before the mailbox
        confirm(Gremlin(4).haunt(world), ANA, ended.connection)
    assert tokens.read(world, mailbox.id)
    clock.sleep(3600)
    sweep.run(world)
    assert tokens.read(world, mailbox.id) is None


def test_a_mailbox_at_work_is_connected_again_all_the_same(
    world: LocalWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker's refresh changes its record between reading and writing it."""
    first = connect_account(world, ANA, "ana@example.com")
    ended = connecting.finish(world, answer(world))
    store = tokens.store

    def stored_meanwhile(*arguments: Any) -> None:
        store(*arguments)
        owner = records.mailboxes(world.documents, "acme").get(first.id)
        tokens.Tokens(world, owner).token()

    monkeypatch.setattr(tokens, "store", stored_meanwhile)
    again = confirm(world, ANA, ended.connection)
    assert (again.id, again.state) == (first.id, GrantState.CONNECTED)


def test_an_answer_without_a_lasting_token_is_refused(world: LocalWorld, vendor: Vendor) -> None:
    started = connecting.start(world, ANA, StartConsent(vendor.name, return_to=BACK))
    online = started.authorization_url.replace("access_type=offline", "access_type=online")
    online = online.replace("offline_access", "openid")  # the other's way to ask for it
    assert connecting.finish(world, consent(online, "ana@example.com")).error == "no_refresh_token"


@pytest.mark.parametrize("fault", [{"status": 503}, {"drop": True}], ids=str)
def test_a_provider_outage_during_the_callback_is_told_and_starting_again_works(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, fault: dict[str, Any]
) -> None:
    came_back = answer(world, return_to=BACK)
    simulator.faults.add(Fault(method=vendor.token, **fault))
    assert connecting.finish(world, came_back).error
    assert connecting.finish(world, answer(world, return_to=BACK)).connection


def test_a_disconnected_mailbox_does_nothing_until_it_is_connected_again(world: LocalWorld) -> None:
    mailbox = connect_account(world, ANA, "ana@example.com")
    disconnect(world, ANA, mailbox.id)
    work(world)

    assert mailboxes.show(world, ANA, mailbox.id).state is GrantState.DISCONNECTED
    with pytest.raises(MailbridgeError):
        mailboxes.sync_now(world, ANA, mailbox.id)
    assert connect_account(world, ANA, "ana@example.com").state is GrantState.CONNECTED


def test_a_private_mailbox_is_hidden_from_colleagues_and_a_shared_one_is_not(
    world: LocalWorld,
) -> None:
    mailbox = connect_account(world, ANA, "ana@example.com")
    with pytest.raises(NotFound):
        mailboxes.show(world, BEN, mailbox.id)
    assert mailboxes.list_(world, BEN, PageQuery()).mailboxes == []
    assert mailboxes.show(world, Caller("boss", "acme", admin=True), mailbox.id).id == mailbox.id

    mailboxes.change(world, ANA, mailbox.id, mailboxes.MailboxChange(shared=True, name="Sales"))

    assert mailboxes.show(world, BEN, mailbox.id).name == "Sales"
    with pytest.raises(Forbidden):
        disconnect(world, BEN, mailbox.id)


def _text_of(world: LocalWorld) -> Iterator[bytes]:
    return (path.read_bytes() for path in world.folder.rglob("*") if path.is_file())


def test_no_token_lies_readable_in_any_file(world: LocalWorld) -> None:
    mailbox = connect_account(world, ANA, "ana@example.com")
    work(world)
    refresh_token = tokens.read(world, mailbox.id)
    access_token = tokens.Tokens(
        world, records.mailboxes(world.documents, "acme").get(mailbox.id)
    ).token()
    assert refresh_token

    for data in _text_of(world):
        assert refresh_token.encode() not in data
        assert access_token.encode() not in data
