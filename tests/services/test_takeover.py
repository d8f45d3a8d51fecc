"""Whoever gets hold of an account, or manages it, does not get what its owner kept there."""

import pytest

from infra.simulator import Simulator
from shared.domain.access import ThreadAccess
from shared.domain.caller import Caller
from shared.domain.errors import Conflict, NotFound
from shared.domain.mailboxes import History, Visibility
from shared.services.accounts import connecting, mailboxes
from shared.services.accounts.connecting import StartConsent
from shared.services.accounts.mailboxes import MailboxChange
from shared.services.sending import emails
from shared.services.timelines import contacts, messages, threads
from tests.world import (
    ANA,
    BEN,
    LocalWorld,
    add_contact,
    confirm,
    connect_account,
    consent,
    disconnect,
    mail,
    provider_of,
    settle,
    timeline,
)

ACCOUNT, CARL = "ana@example.com", "carl@client.example"
ROOT = Caller("root", "acme", admin=True)


@pytest.fixture
def mailbox(world: LocalWorld, simulator: Simulator) -> str:
    simulator.add_account(ACCOUNT)
    add_contact(world, ANA, CARL)
    made = connect_account(world, ANA, ACCOUNT).id
    simulator.deliver(mail(CARL, ACCOUNT), to=ACCOUNT)
    settle(world)
    return made


def carl(world: LocalWorld) -> str:
    return contacts.list_(world, ANA, contacts.ContactQuery(address=CARL)).contacts[0].id


def let_go(world: LocalWorld, mailbox: str, *, shared: bool, visibility: Visibility) -> None:
    mailboxes.change(world, ANA, mailbox, MailboxChange(shared=shared, visibility=visibility))
    disconnect(world, ANA, mailbox)
    settle(world)


def refused(world: LocalWorld, caller: Caller) -> bool:
    try:
        connect_account(world, caller, ACCOUNT)
    except Conflict as error:
        return error.reason in {"history_of_another_user", "connected_by_another_user"}
    return False


@pytest.mark.parametrize("caller", [BEN, ROOT], ids=lambda caller: caller.user_id)
@pytest.mark.parametrize(
    ("shared", "visibility"),
    [
        (False, Visibility.EVERYTHING),
        (True, Visibility.SUBJECT),
        (True, Visibility.METADATA),
        (True, Visibility.NOTHING),
    ],
)
def test_history_that_colleagues_did_not_see_whole_is_not_taken_over(
    world: LocalWorld, mailbox: str, caller: Caller, shared: bool, visibility: Visibility
) -> None:
    assert refused(world, caller), "while it is connected"
    let_go(world, mailbox, shared=shared, visibility=visibility)
    assert refused(world, caller)


def test_nor_is_a_private_conversation_among_what_they_saw(world: LocalWorld, mailbox: str) -> None:
    (line,) = timeline(world, ANA, carl(world))
    thread = messages.show(world, ANA, line.message_id).thread
    threads.change(world, ANA, thread, threads.ThreadChange(ThreadAccess.PRIVATE))
    let_go(world, mailbox, shared=True, visibility=Visibility.EVERYTHING)
    assert refused(world, BEN)


def test_nor_are_drafts_alone(world: LocalWorld, simulator: Simulator) -> None:
    simulator.add_account(ACCOUNT)
    mailbox = connect_account(world, ANA, ACCOUNT).id
    emails.create(world, ANA, emails.NewEmail(mailbox, subject="Notice", draft=True))
    let_go(world, mailbox, shared=False, visibility=Visibility.EVERYTHING)
    assert refused(world, BEN)


def test_what_was_open_to_all_or_is_erased_stands_in_nobodys_way(
    world: LocalWorld, mailbox: str
) -> None:
    let_go(world, mailbox, shared=True, visibility=Visibility.EVERYTHING)
    assert not refused(world, BEN)
    disconnect(world, BEN, mailbox, History.ERASE)
    settle(world)
    assert not refused(world, ROOT)


def test_an_admin_who_reconnects_a_users_mailbox_does_not_become_its_owner(
    world: LocalWorld, mailbox: str
) -> None:
    asked = StartConsent(provider_of(world, ACCOUNT), mailbox_id=mailbox)
    started = connecting.start(world, ROOT, asked)
    ended = connecting.finish(world, consent(started.authorization_url, ACCOUNT))
    with pytest.raises(Conflict):
        confirm(world, ROOT, ended.connection)
    assert mailboxes.show(world, ANA, mailbox).user_id == "ana"


def test_a_draft_that_answers_a_private_conversation_is_as_private(
    world: LocalWorld, mailbox: str
) -> None:
    mailboxes.change(
        world, ANA, mailbox, MailboxChange(shared=True, visibility=Visibility.EVERYTHING)
    )
    (line,) = timeline(world, ANA, carl(world))
    new = emails.NewEmail(mailbox, text="Between us", in_reply_to=line.message_id, draft=True)
    draft = emails.create(world, ANA, new)
    assert emails.show(world, BEN, draft.id).text == "Between us"
    thread = messages.show(world, ANA, line.message_id).thread
    threads.change(world, ANA, thread, threads.ThreadChange(ThreadAccess.PRIVATE))
    with pytest.raises(NotFound):
        emails.show(world, BEN, draft.id)
    listed = emails.list_(world, BEN, emails.EmailQuery(mailbox_id=mailbox))
    assert listed.emails == []
