"""Writing and delivering emails: never lost, never twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from infra.simulator import Fault, Simulator
from shared import records
from shared.domain.caller import Caller
from shared.domain.emails import EmailStatus
from shared.domain.errors import Conflict, Forbidden, InvalidRequest, NotFound, Unprocessable
from shared.services import sweep
from shared.services.accounts import mailboxes
from shared.services.sending import delivery, emails
from shared.services.sending.composing import Recipient
from shared.services.sending.emails import (
    EmailChange,
    EmailQuery,
    EmailView,
    NewEmail,
)
from shared.services.syncing import engine
from tests.vendors import VENDORS, Vendor
from tests.world import (
    ANA,
    BEN,
    EVE,
    FakeClock,
    LocalWorld,
    add_contact,
    connect_account,
    mail,
    provider_of,
    settle,
    timeline,
    work,
)

CARL = "carl@client.example"


@pytest.fixture
def mailbox_id(world: LocalWorld, simulator: Simulator) -> str:
    simulator.add_account("ana@example.com")
    made = connect_account(world, ANA, "ana@example.com")
    work(world)
    simulator.meters.reset()
    return made.id


Write = Callable[..., EmailView]


@pytest.fixture
def write(world: LocalWorld, mailbox_id: str) -> Write:
    def written(key: str = "", **fields: object) -> EmailView:
        defaults = {"to": (CARL,), "subject": "Offer", "html": "<p>Hello</p>"}
        new = NewEmail(mailbox_id, **(defaults | fields))  # type: ignore[arg-type]
        return emails.create(world, ANA, new, key)

    return written


def left(simulator: Simulator) -> list[EmailMessage]:
    parsed = [message_from_bytes(one.raw, policy=policy.default) for one in simulator.left()]
    return [one for one in parsed if isinstance(one, EmailMessage)]


def test_an_email_goes_out_once_and_stands_on_the_timeline_once(
    world: LocalWorld, simulator: Simulator, write: Write, mailbox_id: str
) -> None:
    carl = add_contact(world, ANA, CARL)
    email = write(subject="Grüße 🚀")
    assert email.status is EmailStatus.QUEUED
    work(world)

    shown = emails.show(world, ANA, email.id)
    assert shown.status is EmailStatus.SENT
    assert [attempt.outcome for attempt in shown.attempts] == ["sent"]
    (sent,) = left(simulator)
    assert sent["Subject"] == "Grüße 🚀"
    assert shown.rfc_message_id == sent["Message-ID"]
    engine.run(world, mailbox_id)
    (line,) = timeline(world, ANA, carl)
    assert (line.subject, line.message_id) == ("Grüße 🚀", shown.message_id)


def test_blind_copies_are_invisible_to_everybody_else(
    world: LocalWorld, simulator: Simulator, write: Write
) -> None:
    write(to=("a@one.example",), cc=("b@two.example",), bcc=("c@three.example",))
    work(world)

    assert {one.to for one in simulator.left()} == {
        "a@one.example",
        "b@two.example",
        "c@three.example",
    }
    assert all(b"three.example" not in one.raw for one in simulator.left())


def test_an_answer_joins_its_thread(
    world: LocalWorld, simulator: Simulator, write: Write, mailbox_id: str
) -> None:
    carl = add_contact(world, ANA, CARL)
    long_id = f"<{'x' * 90}@outlook.example>"
    raw = mail(CARL, "ana@example.com", "Offer", message_id=long_id)
    simulator.deliver(raw, to="ana@example.com")
    engine.run(world, mailbox_id)
    (line,) = timeline(world, ANA, carl)

    email = write(subject="Re: Offer", in_reply_to=line.message_id)
    work(world)

    (sent,) = simulator.left()
    assert f"In-Reply-To: {long_id}".encode() in sent.raw
    answered = records.messages(world.documents, "acme").get(line.message_id)
    assert emails.show(world, ANA, email.id).thread_id == answered.envelope.thread_id


@pytest.fixture(params=[0, -1], ids=["first step", "last step"])
def sending(request: pytest.FixtureRequest, vendor: Vendor) -> str:
    """A call on the way of an email to the provider."""
    return vendor.sending[int(request.param)]


@pytest.mark.parametrize(
    "fault",
    [
        {"drop": True},
        {"drop": True, "effect": True},
        {"status": 500},
        {"status": 503, "answer": "html", "effect": True},
        {"answer": "malformed", "effect": True},
        {"status": 429, "retry_after": 90},
        {"status": 401},
    ],
    ids=str,
)
def test_whatever_happens_on_the_way_it_goes_out_once(
    world: LocalWorld, simulator: Simulator, write: Write, sending: str, fault: dict[str, Any]
) -> None:
    simulator.faults.add(Fault(method=sending, **fault))
    email = write()
    settle(world)

    assert_sent_once_or_said_unknown(world, simulator, email.id)
    certain = fault.get("effect") or fault.get("status") in {401, 429}
    assert simulator.left() or not certain
    labels = [label for one in simulator.messages("ana@example.com") for label in one.labels]
    assert "DRAFT" not in labels


def test_a_throttled_email_goes_out_once(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, write: Write
) -> None:
    simulator.faults.add(vendor.throttled)
    email = write()
    settle(world)
    assert emails.show(world, ANA, email.id).status is EmailStatus.SENT
    assert len(simulator.left()) == 1


def assert_sent_once_or_said_unknown(
    world: LocalWorld, simulator: Simulator, email_id: str
) -> None:
    """Where nothing lies at the provider before it leaves, what was cut off there is never tried again."""
    shown = emails.show(world, ANA, email_id)
    drafts = VENDORS[provider_of(world, "ana@example.com")].drafts
    assert shown.status is (EmailStatus.SENT if simulator.left() else EmailStatus.UNKNOWN)
    assert len(simulator.left()) in ({1} if drafts else {0, 1})


def test_what_the_provider_refuses_fails_with_its_reason_and_leaves_no_draft(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, write: Write
) -> None:
    simulator.faults.add(Fault(method=vendor.sending[-1], status=403, reason="domainPolicy"))
    email = write()
    settle(world)

    shown = emails.show(world, ANA, email.id)
    assert (shown.status, shown.failure_reason) == (EmailStatus.FAILED, "domainPolicy")
    assert simulator.messages("ana@example.com") == []
    assert simulator.left() == []


def test_a_failed_email_can_be_sent_again(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, write: Write
) -> None:
    simulator.faults.add(Fault(method=vendor.sending[0], status=403, reason="domainPolicy"))
    email = write()
    settle(world)
    emails.send(world, ANA, email.id)
    settle(world)

    assert emails.show(world, ANA, email.id).status is EmailStatus.SENT
    assert len(simulator.left()) == 1


def test_a_draft_its_owner_deleted_meanwhile_ends_as_unknown_and_is_not_sent_again(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, write: Write
) -> None:
    simulator.faults.add(Fault(method=vendor.sending[-1], drop=True))
    email = write()
    work(world)
    for draft in simulator.messages("ana@example.com"):  # where there are drafts
        simulator.delete("ana@example.com", draft.id)
    settle(world)

    shown = emails.show(world, ANA, email.id)
    assert shown.status is EmailStatus.UNKNOWN
    assert "sent mail" in shown.failure
    assert simulator.left() == []
    with pytest.raises(Conflict):
        emails.send(world, ANA, email.id)


def test_a_grant_revoked_while_an_email_waits_fails_it(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, write: Write, clock: FakeClock
) -> None:
    email = write()
    simulator.revoke_grant("ana@example.com")
    clock.sleep(4_000)
    settle(world)
    shown = emails.show(world, ANA, email.id)
    assert (shown.status, shown.failure_reason) == (EmailStatus.FAILED, vendor.revoked)


def test_two_workers_at_once_send_once(
    tmp_path: Path, world: LocalWorld, simulator: Simulator, clock: FakeClock, write: Write
) -> None:
    email = write()
    others = [LocalWorld(tmp_path, simulator, clock) for _ in range(4)]
    simulator.faults.latency_ms = 30

    def attempt(one: LocalWorld) -> None:
        with suppress(Conflict):
            delivery.run(one, "acme", email.id)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(attempt, others))
    for one in others:
        one.backend.close()
    settle(world)

    assert emails.show(world, ANA, email.id).status is EmailStatus.SENT
    assert len(simulator.left()) == 1


def test_a_lost_task_is_made_up_for(
    world: LocalWorld, simulator: Simulator, write: Write, clock: FakeClock
) -> None:
    email = write()
    (task,) = world.backend.tasks.claim(["deliver_email"], 10, emails.GRACE)
    world.backend.tasks.finish(task)
    clock.sleep(121)
    sweep.run(world)
    work(world)
    assert emails.show(world, ANA, email.id).status is EmailStatus.SENT
    assert len(simulator.left()) == 1


def test_the_same_key_makes_one_email(
    world: LocalWorld, simulator: Simulator, write: Write
) -> None:
    first, second = write("key"), write("key")
    settle(world)
    assert first.id == second.id
    assert len(simulator.left()) == 1
    with pytest.raises(Unprocessable):
        write("key", subject="Another")


def test_a_draft_waits_is_changed_and_sent(
    world: LocalWorld, simulator: Simulator, write: Write
) -> None:
    draft = write(draft=True, to=())
    settle(world)
    assert simulator.left() == []
    with pytest.raises(InvalidRequest):
        emails.send(world, ANA, draft.id)

    emails.change(world, ANA, draft.id, EmailChange(to=(CARL,), subject="Better"))
    emails.send(world, ANA, draft.id)
    settle(world)

    assert [one["Subject"] for one in left(simulator)] == ["Better"]
    with pytest.raises(Conflict):
        emails.change(world, ANA, draft.id, EmailChange(subject="Too late"))


def test_a_drafts_html_is_made_safe_where_it_is_shown_and_stays_as_written(
    world: LocalWorld, write: Write
) -> None:
    html = "<p onclick='x()'>Hello</p><script>x()</script>"
    draft = write(draft=True, html=html)
    assert draft.html == emails.show(world, ANA, draft.id).html == "<p>Hello</p>"
    assert records.emails(world.documents, ANA.team_id).get(draft.id).html == html


def test_a_cancelled_email_stays_here_and_leaves_no_draft(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, write: Write
) -> None:
    simulator.faults.add(Fault(method=vendor.sending[-1], status=429, retry_after=600))
    email = write()
    work(world)
    assert emails.show(world, ANA, email.id).status is EmailStatus.QUEUED

    emails.cancel(world, ANA, email.id)
    settle(world)

    assert emails.show(world, ANA, email.id).status is EmailStatus.CANCELLED
    assert simulator.messages("ana@example.com") == []
    assert simulator.left() == []


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"to": ()}, "/to"),
        ({"to": ("nobody",)}, "/to/0"),
        ({"cc": (CARL, "a@b@c")}, "/cc/1"),
        ({"bcc": ("jörg@client.example",)}, "/bcc/0"),
        ({"to": ("alice@x.example <bob@evil.example>",)}, "/to/0"),
        ({"to": (Recipient(CARL, "Carl\r\nBcc: x@evil.example"),)}, "/to/0"),
        ({"to": tuple(f"c{n}@client.example" for n in range(101))}, "/to"),
        ({"subject": "Hi\r\nBcc: x@evil.example"}, "/subject"),
        ({"html": "x" * 700_001}, "/html"),
        ({"html": "a\0b"}, "/html"),
        ({"text": "\0"}, "/text"),
        ({"in_reply_to": "nothing"}, "/in_reply_to"),
    ],
    ids=str,
)
def test_a_bad_field_is_named(write: Write, fields: dict[str, object], pointer: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        write(**fields)
    assert pointer in {error.pointer for error in refused.value.errors}


def test_lists_show_what_is_ones_own(world: LocalWorld, write: Write, mailbox_id: str) -> None:
    email, draft = write(), write(draft=True)
    settle(world)

    def ids(query: EmailQuery) -> list[str]:
        return [one.id for one in emails.list_(world, ANA, query).emails]

    assert set(ids(EmailQuery())) == {email.id, draft.id}
    assert ids(EmailQuery(status=EmailStatus.SENT)) == [email.id]
    assert ids(EmailQuery(mailbox_id=mailbox_id, status=EmailStatus.DRAFT)) == [draft.id]
    assert emails.list_(world, BEN, EmailQuery()).emails == []
    for stranger in (BEN, EVE):
        with pytest.raises(NotFound):
            emails.show(world, stranger, email.id)


def test_a_shared_mailboxs_email_is_attributed_to_who_wrote_it(
    world: LocalWorld, mailbox_id: str
) -> None:
    carl = add_contact(world, ANA, CARL)
    mailboxes.change(world, ANA, mailbox_id, mailboxes.MailboxChange(shared=True, name=UNSET))
    emails.create(world, BEN, NewEmail(mailbox_id, to=(CARL,), text="Hi"))
    settle(world)
    engine.run(world, mailbox_id)
    (line,) = timeline(world, ANA, carl)
    assert line.user_id == "ben"


def test_an_admin_does_not_speak_as_somebody_else(world: LocalWorld, mailbox_id: str) -> None:
    boss = Caller("boss", "acme", admin=True)
    with pytest.raises(Forbidden):
        emails.create(world, boss, NewEmail(mailbox_id, to=(CARL,)))


def test_a_mailbox_that_may_send_but_not_read_still_fills_the_timeline(
    world: LocalWorld, simulator: Simulator, vendor: Vendor
) -> None:
    if not vendor.drafts:
        pytest.skip("without reading it names no mail that it sent; its consent is all or nothing")
    simulator.add_account("ben@example.com")
    carl = add_contact(world, BEN, CARL)
    blind = connect_account(world, BEN, "ben@example.com", untick=(vendor.scopes["read"],))
    new = NewEmail(blind.id, to=(CARL,), subject="Unseen", html="<p>Hello</p>")
    email = emails.create(world, BEN, new)
    settle(world)

    assert emails.show(world, BEN, email.id).status is EmailStatus.SENT
    (line,) = timeline(world, BEN, carl)
    assert (line.subject, line.snippet) == ("Unseen", "Hello")

    connect_account(world, BEN, "ben@example.com")
    settle(world)
    assert len(timeline(world, BEN, carl)) == 1


def test_what_a_colleague_queued_does_not_leave_once_the_mailbox_is_theirs_no_more(
    world: LocalWorld, simulator: Simulator
) -> None:
    simulator.add_account("ana@example.com")
    mailbox = connect_account(world, ANA, "ana@example.com").id
    mailboxes.change(world, ANA, mailbox, mailboxes.MailboxChange(shared=True))
    new = emails.NewEmail(mailbox, to=("carl@client.example",), subject="Late")
    email = emails.create(world, BEN, new)
    mailboxes.change(world, ANA, mailbox, mailboxes.MailboxChange(shared=False))
    settle(world)
    left = emails.show(world, BEN, email.id)
    assert (left.status, left.failure_reason) == (EmailStatus.FAILED, "not_yours")
    assert simulator.left() == []
