"""The audit trail: complete, readable by whom it concerns, free of secrets, and gone after a year."""

from datetime import timedelta

import pytest
from msgspec import structs

from infra.simulator import Fault, Simulator
from shared import records
from shared.domain.access import ThreadAccess
from shared.domain.audit import KEPT, AuditEvent
from shared.domain.caller import Caller
from shared.domain.errors import Forbidden, InvalidRequest, NotFound
from shared.domain.mailboxes import History
from shared.services import outbox
from shared.services.accounts import audit, mailboxes, tokens, validation
from shared.services.accounts.audit import AuditView
from shared.services.accounts.mailboxes import MailboxView
from shared.services.paging import PageQuery
from shared.services.syncing import engine
from shared.services.timelines import messages, threads
from tests.vendors import Vendor
from tests.world import (
    ANA,
    BEN,
    EVE,
    LocalWorld,
    add_contact,
    connect_account,
    disconnect,
    mail,
    settle,
    timeline,
    work,
)

CARL = "carl@client.example"
ADMIN = Caller("root", "acme", admin=True)


@pytest.fixture
def mailbox(world: LocalWorld, simulator: Simulator) -> MailboxView:
    simulator.add_account("ana@example.com")
    simulator.deliver(mail(CARL, "ana@example.com", "Private words"), to="ana@example.com")
    made = connect_account(world, ANA, "ana@example.com")
    settle(world)
    return made


def trail(world: LocalWorld, mailbox: MailboxView, *, caller: Caller = ANA) -> list[AuditView]:
    return audit.list_(world, caller, mailbox.id, PageQuery(page_size=200)).entries


def events(world: LocalWorld, mailbox: MailboxView) -> list[AuditEvent]:
    """Oldest first, without the refreshes, of which there may be any number."""
    found = [entry.event for entry in reversed(trail(world, mailbox))]
    return [event for event in found if event is not AuditEvent.REFRESHED]


def test_a_mailboxs_life_is_told_in_order(world: LocalWorld, mailbox: MailboxView) -> None:
    world.clock.sleep(1)
    mailboxes.change(world, ANA, mailbox.id, mailboxes.MailboxChange(shared=True))
    mailboxes.change(world, ANA, mailbox.id, mailboxes.MailboxChange(shared=True, name="Sales"))
    world.clock.sleep(1)
    disconnect(world, ANA, mailbox.id)
    disconnect(world, ANA, mailbox.id)
    world.clock.sleep(1)
    connect_account(world, ANA, "ana@example.com")
    world.clock.sleep(1)
    disconnect(world, ANA, mailbox.id, History.ERASE)
    settle(world)
    assert events(world, mailbox) == [
        AuditEvent.CONNECTED,
        AuditEvent.SHARING_CHANGED,
        AuditEvent.DISCONNECTED,
        AuditEvent.RECONNECTED,
        AuditEvent.DISCONNECTED,
        AuditEvent.HISTORY_ERASED,
    ]


def test_it_says_who_did_it(world: LocalWorld, mailbox: MailboxView) -> None:
    world.clock.sleep(1)
    mailboxes.change(world, ANA, mailbox.id, mailboxes.MailboxChange(shared=True))
    world.clock.sleep(1)
    script = structs.replace(ADMIN, client_id="nightly-script")
    mailboxes.change(world, script, mailbox.id, mailboxes.MailboxChange(shared=False))
    told = [(one.event, one.user_id, one.client_id) for one in trail(world, mailbox)]
    assert told[:2] == [
        (AuditEvent.SHARING_CHANGED, "root", "nightly-script"),
        (AuditEvent.SHARING_CHANGED, "ana", ""),
    ]
    refreshed = [one for one in trail(world, mailbox) if one.event is AuditEvent.REFRESHED]
    assert {one.user_id for one in refreshed} == {""}


def test_its_owner_is_told_on_whose_timeline_its_mail_stands_and_who_added_them(
    world: LocalWorld, mailbox: MailboxView
) -> None:
    carl = add_contact(world, BEN, CARL)
    settle(world)
    shown = [one for one in trail(world, mailbox) if one.event is AuditEvent.FIRST_SHOWN]
    assert [(one.contact_id, one.user_id) for one in shown] == [(carl, "ben")]
    assert not [
        one for one in trail(world, mailbox, caller=ADMIN) if one.event is AuditEvent.FIRST_SHOWN
    ]
    world.simulator.deliver(mail(CARL, "ana@example.com", "More"), to="ana@example.com")
    world.clock.sleep(3600)
    settle(world)
    again = [one for one in trail(world, mailbox) if one.event is AuditEvent.FIRST_SHOWN]
    assert again == shown, "the first time and no other"


def test_what_an_entry_names_of_mail_is_its_owners_alone(
    world: LocalWorld, mailbox: MailboxView
) -> None:
    carl = add_contact(world, ANA, CARL)
    settle(world)
    message = timeline(world, BEN, carl)[0].message_id
    seen = messages.show(world, BEN, message)
    change = threads.ThreadChange(ThreadAccess.PRIVATE)
    threads.change(world, ANA, seen.thread, change)
    own = {(one.event, one.message_id or one.thread_id) for one in trail(world, mailbox)}
    assert {
        (AuditEvent.MAIL_READ, message),
        (AuditEvent.THREAD_CHANGED, seen.thread),
    } <= own
    admins = trail(world, mailbox, caller=ADMIN)
    assert {AuditEvent.MAIL_READ, AuditEvent.THREAD_CHANGED} <= {one.event for one in admins}
    assert not [one for one in admins if one.message_id or one.thread_id or one.contact_id]


def test_who_takes_an_account_over_learns_nothing_of_mail_before(
    world: LocalWorld, mailbox: MailboxView
) -> None:
    carl = add_contact(world, ANA, CARL)
    settle(world)
    messages.show(world, BEN, timeline(world, BEN, carl)[0].message_id)
    disconnect(world, ANA, mailbox.id, History.ERASE)
    settle(world)
    world.clock.sleep(60)
    connect_account(world, BEN, "ana@example.com")
    before = trail(world, mailbox, caller=BEN)
    assert AuditEvent.MAIL_READ in {one.event for one in before}
    assert not [one for one in before if one.message_id or one.contact_id]


def test_reading_a_mail_in_full_is_told_once_an_hour_and_reader(
    world: LocalWorld, mailbox: MailboxView
) -> None:
    carl = add_contact(world, ANA, CARL)
    settle(world)
    message = timeline(world, BEN, carl)[0].message_id
    for _ in range(3):
        messages.show(world, BEN, message)
    messages.show(world, ANA, message)
    world.clock.sleep(3601)
    messages.show(world, BEN, message)
    read = [entry for entry in trail(world, mailbox) if entry.event is AuditEvent.MAIL_READ]
    assert [(entry.user_id, entry.message_id) for entry in read] == [
        ("ben", message),
        *sorted(
            [("ana", message), ("ben", message)], key=lambda one: one != (read[1].user_id, message)
        ),
    ]


def test_a_failing_token_is_told_once_a_row(
    world: LocalWorld, mailbox: MailboxView, simulator: Simulator, vendor: Vendor
) -> None:
    simulator.faults.add(Fault(method=vendor.token, status=503, answer="html", times=None))
    world.clock.sleep(24 * 3600)
    validation.dispatch(world)
    for _ in range(10):
        work(world)
        world.clock.sleep(1000)
    failed = [one for one in trail(world, mailbox) if one.event is AuditEvent.REFRESH_FAILED]
    assert len(failed) == 1
    assert "503" in failed[0].detail


def test_the_end_of_a_grant_is_told_with_the_providers_code(
    world: LocalWorld, mailbox: MailboxView, simulator: Simulator, vendor: Vendor
) -> None:
    simulator.revoke_grant("ana@example.com")
    world.clock.sleep(3600)
    for _ in range(3):
        engine.run(world, mailbox.id)
    failed = [one for one in trail(world, mailbox) if one.event is AuditEvent.REFRESH_FAILED]
    assert [one.reason for one in failed] == [vendor.revoked]


def test_only_the_owner_and_admins_see_it(world: LocalWorld, mailbox: MailboxView) -> None:
    assert trail(world, mailbox, caller=ADMIN)
    for stranger in (BEN, EVE):
        with pytest.raises(NotFound):
            trail(world, mailbox, caller=stranger)
    mailboxes.change(world, ANA, mailbox.id, mailboxes.MailboxChange(shared=True))
    with pytest.raises(Forbidden):
        trail(world, mailbox, caller=BEN)


def test_it_comes_in_pages_newest_first(world: LocalWorld, mailbox: MailboxView) -> None:
    for number in range(7):
        world.clock.sleep(1)
        shared = mailboxes.MailboxChange(shared=number % 2 == 0)
        mailboxes.change(world, ANA, mailbox.id, shared)
    found: list[AuditView] = []
    token = ""
    while True:
        query = PageQuery(page_size=2, page_token=token)
        page = audit.list_(world, ANA, mailbox.id, query)
        found += page.entries
        if not (token := page.next_page_token):
            break
    assert found == trail(world, mailbox)
    assert [entry.at for entry in found] == sorted((e.at for e in found), reverse=True)
    with pytest.raises(InvalidRequest):
        audit.list_(world, ANA, mailbox.id, PageQuery(page_token="%%"))


def test_it_is_kept_for_a_year_and_then_deleted(world: LocalWorld, mailbox: MailboxView) -> None:
    kept = records.audit(world.documents, "acme", mailbox.id)
    first = trail(world, mailbox)[-1]
    assert kept.get(first.id).expires_at == first.at + KEPT

    world.clock.sleep((KEPT + timedelta(days=1)).total_seconds())
    assert trail(world, mailbox) == [], "not shown, whether or not it is deleted yet"
    assert kept.find(first.id)
    owner = records.mailboxes(world.documents, "acme").get(mailbox.id)
    assert outbox.forget_old(world, owner)
    assert kept.find(first.id) is None


def test_a_disconnected_mailbox_is_looked_after_until_its_trail_is_gone(
    world: LocalWorld, mailbox: MailboxView
) -> None:
    disconnect(world, ANA, mailbox.id)
    settle(world)
    syncs = records.syncs(world.documents)
    world.clock.sleep(24 * 3600)
    validation.check(world, mailbox.id)
    assert syncs.get(mailbox.id).check_at is not None
    world.clock.sleep(KEPT.total_seconds())
    validation.check(world, mailbox.id)
    assert syncs.get(mailbox.id).check_at is None


def test_no_content_and_no_token_is_in_it(
    world: LocalWorld, mailbox: MailboxView, simulator: Simulator, vendor: Vendor
) -> None:
    carl = add_contact(world, ANA, CARL)
    settle(world)
    messages.show(world, ANA, timeline(world, ANA, carl)[0].message_id)
    token = tokens.read(world, mailbox.id)
    simulator.faults.add(Fault(method=vendor.token, status=503, answer="html", times=3))
    tokens.forget_access(world, mailbox.id)
    settle(world)
    told = str(trail(world, mailbox))
    assert token
    assert token not in told
    assert "Private words" not in told
