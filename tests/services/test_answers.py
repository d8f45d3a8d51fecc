"""What an answer takes from the mail it answers, where its author gave nothing."""

from email import message_from_bytes, policy

import pytest

from infra.simulator import Simulator
from shared import records
from shared.domain.errors import InvalidRequest
from shared.domain.mail import reply_subject
from shared.services.sending import emails
from shared.services.sending.emails import EmailView, NewEmail
from shared.services.syncing import engine
from tests.world import ANA, LocalWorld, add_contact, connect_account, mail, timeline, work

CARL = "Carl@Client.example"


@pytest.fixture
def mailbox_id(world: LocalWorld, simulator: Simulator) -> str:
    simulator.add_account("ana@example.com")
    made = connect_account(world, ANA, "ana@example.com")
    work(world)
    return made.id


@pytest.fixture
def carl(world: LocalWorld) -> str:
    return add_contact(world, ANA, CARL)


def received(
    world: LocalWorld, mailbox_id: str, carl: str, subject: str = "Offer", headers: str = ""
) -> str:
    """Our id of a mail from Carl."""
    raw = mail(
        CARL, "ana@example.com", subject, message_id="<offer@client.example>", headers=headers
    )
    world.simulator.deliver(raw, to="ana@example.com")
    engine.run(world, mailbox_id)
    return timeline(world, ANA, carl)[0].message_id


def answer(world: LocalWorld, mailbox_id: str, message_id: str, **fields: object) -> EmailView:
    new = NewEmail(mailbox_id, in_reply_to=message_id, **({"text": "Fine."} | fields))  # type: ignore[arg-type]
    email = emails.create(world, ANA, new)
    work(world)
    return emails.show(world, ANA, email.id)


def test_an_answer_without_a_subject_stays_in_its_thread(
    world: LocalWorld, mailbox_id: str, carl: str
) -> None:
    answered = received(world, mailbox_id, carl)
    sent = answer(world, mailbox_id, answered, to=(CARL,))
    assert sent.subject == "Re: Offer"
    held = records.messages(world.documents, "acme").get(answered)
    assert sent.thread_id == held.envelope.thread_id


def test_an_answer_to_nobody_goes_to_who_wrote(
    world: LocalWorld, mailbox_id: str, carl: str
) -> None:
    sent = answer(world, mailbox_id, received(world, mailbox_id, carl))
    assert [person.address for person in sent.to] == ["carl@client.example"]


def test_an_answer_goes_where_answers_are_asked_for(
    world: LocalWorld, mailbox_id: str, carl: str
) -> None:
    answered = received(world, mailbox_id, carl, headers="Reply-To: desk@client.example")
    sent = answer(world, mailbox_id, answered)
    assert [person.address for person in sent.to] == ["desk@client.example"]


def test_an_answer_to_our_own_mail_goes_to_its_recipients(
    world: LocalWorld, mailbox_id: str, carl: str
) -> None:
    first = emails.create(
        world, ANA, NewEmail(mailbox_id, to=(CARL,), subject="Offer", text="Here.")
    )
    work(world)
    engine.run(world, mailbox_id)
    (line,) = timeline(world, ANA, carl)
    sent = answer(world, mailbox_id, line.message_id)
    assert [person.address for person in sent.to] == ["carl@client.example"]
    assert sent.subject == "Re: Offer"
    assert sent.thread_id == emails.show(world, ANA, first.id).thread_id


def test_letters_before_the_at_leave_as_they_were_written(
    world: LocalWorld, mailbox_id: str, carl: str
) -> None:
    emails.create(world, ANA, NewEmail(mailbox_id, to=("CaRL@Client.example",), text="Hi"))
    work(world)
    (left,) = world.simulator.left()
    assert "CaRL@client.example" in message_from_bytes(left.raw, policy=policy.default)["To"]
    engine.run(world, mailbox_id)
    assert len(timeline(world, ANA, carl)) == 1


def test_a_phones_address_is_a_contact_and_written_to(world: LocalWorld, mailbox_id: str) -> None:
    taro = add_contact(world, ANA, "taro..yama.@phone.example")
    world.simulator.deliver(
        mail("Taro <taro..yama.@phone.example>", "ana@example.com"), to="ana@example.com"
    )
    engine.run(world, mailbox_id)
    (line,) = timeline(world, ANA, taro)
    answer(world, mailbox_id, line.message_id)
    (left,) = world.simulator.left()
    assert b'"taro..yama."@phone.example' in left.raw


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_email_that_says_nothing_is_refused_unless_it_is_a_draft(
    world: LocalWorld, mailbox_id: str, text: str
) -> None:
    with pytest.raises(InvalidRequest):
        emails.create(world, ANA, NewEmail(mailbox_id, to=(CARL,), text=text))
    draft = emails.create(world, ANA, NewEmail(mailbox_id, to=(CARL,), text=text, draft=True))
    with pytest.raises(InvalidRequest):
        emails.send(world, ANA, draft.id)


@pytest.mark.parametrize(
    ("subject", "answers"),
    [("Offer", "Re: Offer"), ("Re: Offer", "Re: Offer"), ("RE[2]: x", "RE[2]: x"), ("AW: x", "AW: x"),
     ("Reply: x", "Re: Reply: x"), ("", "Re:")],
)  # fmt: skip
def test_the_subject_of_an_answer_says_once_that_it_is_one(subject: str, answers: str) -> None:
    assert reply_subject(subject) == answers
