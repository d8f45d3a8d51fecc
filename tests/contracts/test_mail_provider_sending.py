"""What every provider's mailbox must do to send: prepare, dispatch, and tell the truth afterwards."""

from email import message_from_bytes, policy

import pytest

from shared.domain.errors import (
    MailbridgeError,
    MissingScope,
    ProviderRejected,
    ProviderUnavailable,
    RateLimited,
)
from shared.domain.mail import OutgoingMail
from shared.domain.mailboxes import Capability
from shared.ports.providers import MailProvider
from tests.contracts.providers import (
    ACCOUNT,
    ANA,
    Harness,
    Tokens,
    incoming,
    outgoing,
    tokens_of,
)


def send(mailbox: MailProvider, mail: OutgoingMail) -> str:
    return mailbox.dispatch(mailbox.prepare(mail), mail)


def test_nothing_leaves_before_it_is_dispatched(harness: Harness, mailbox: MailProvider) -> None:
    handle = mailbox.prepare(outgoing())
    assert harness.received("jane@example.org") == []
    assert mailbox.outcome(handle, "email1", "").state == harness.unsent


def test_a_sent_mail_arrives_as_it_was_written(harness: Harness, mailbox: MailProvider) -> None:
    send(mailbox, outgoing())
    (raw,) = harness.received("jane@example.org")
    mail = message_from_bytes(raw, policy=policy.default)
    assert mail["Subject"] == outgoing().subject
    html = mail.get_body(("html",))
    text = mail.get_body(("plain",))
    assert html is not None
    assert html.get_content().rstrip() == outgoing().html
    assert text is not None
    assert "https://example.com/x" in text.get_content()


def test_bcc_receives_and_nobody_sees_it(harness: Harness, mailbox: MailProvider) -> None:
    send(mailbox, outgoing())
    copies = [
        harness.received(address)
        for address in ("jane@example.org", "carl@example.net", "boss@example.com")
    ]
    assert [len(copy) for copy in copies] == [1, 1, 1]
    assert all(b"boss@example.com" not in copy[0] for copy in copies[:2])


def test_the_outcome_names_the_sent_mail(mailbox: MailProvider) -> None:
    handle = mailbox.prepare(outgoing())
    provider_sent_id = mailbox.dispatch(handle, outgoing())
    outcome = mailbox.outcome(handle, "email1", provider_sent_id)
    assert outcome.state == "sent"
    assert outcome.mail is not None
    assert outcome.mail.envelope.mark == "email1"
    assert outcome.mail.envelope.outgoing
    assert outcome.mail.envelope.message_id
    assert outcome.mail.envelope.thread_id
    assert [person.address for person in outcome.mail.envelope.bcc] == ["boss@example.com"]


def test_a_mark_that_a_stranger_wrote_into_a_mail_to_us_counts_for_nothing(
    harness: Harness, mailbox: MailProvider
) -> None:
    message = harness.deliver(ANA, incoming("forged", "X-Mailbridge-Email: email1"))
    assert mailbox.envelopes([message]).found[message].mark == ""


def test_a_reply_joins_its_thread_and_keeps_long_references(
    harness: Harness, mailbox: MailProvider
) -> None:
    long_id = f"<{'A' * 90}@prod.outlook.com>"
    message = harness.deliver(ANA, incoming("Angebot", f"Message-ID: {long_id}"))
    thread = mailbox.envelopes([message]).found[message].thread_id
    reply = outgoing(thread_id=thread, in_reply_to=long_id)
    handle = mailbox.prepare(reply)
    mailbox.dispatch(handle, reply)
    (raw,) = harness.received("jane@example.org")
    assert f"\r\nIn-Reply-To: {long_id}\r\n".encode() in raw.replace(b"\r\n ", b" ")
    assert f"\r\nReferences: {long_id}\r\n".encode() in raw.replace(b"\r\n ", b" ")


def test_a_thread_that_is_gone_does_not_stop_a_reply(
    harness: Harness, mailbox: MailProvider
) -> None:
    send(mailbox, outgoing(thread_id="1234567890abcdef", in_reply_to="<gone@example.org>"))
    assert len(harness.received("jane@example.org")) == 1


def skip_unless_it_prepares(harness: Harness) -> None:
    if not harness.prepares:
        pytest.skip(f"{harness.provider.name} keeps nothing of a mail that is not sent")


def test_a_prepared_mail_whose_answer_got_lost_is_found_by_its_mark(
    harness: Harness, mailbox: MailProvider
) -> None:
    skip_unless_it_prepares(harness)
    other = mailbox.prepare(outgoing("other"))
    harness.drop("prepare", effect=True)
    with pytest.raises(ProviderUnavailable):
        mailbox.prepare(outgoing())
    handle = mailbox.prepared("email1")
    assert handle not in {"", other}
    mailbox.dispatch(handle, outgoing())
    assert len(harness.received("jane@example.org")) == 1


def test_what_was_never_prepared_is_not_found(harness: Harness, mailbox: MailProvider) -> None:
    assert mailbox.prepared("email1") == ""
    skip_unless_it_prepares(harness)
    harness.drop("prepare", effect=False)
    with pytest.raises(ProviderUnavailable):
        mailbox.prepare(outgoing())
    assert mailbox.prepared("email1") == ""


@pytest.mark.parametrize("effect", [False, True])
def test_after_a_lost_answer_to_dispatching_the_outcome_tells_the_truth(
    harness: Harness, mailbox: MailProvider, effect: bool
) -> None:
    handle = mailbox.prepare(outgoing())
    harness.drop("dispatch", effect=effect)
    with pytest.raises(ProviderUnavailable):
        mailbox.dispatch(handle, outgoing())
    assert harness.asked("dispatch") == 1, "an effect is asked for once"
    outcome = mailbox.outcome(handle, "email1", "")
    assert outcome.state == ("sent" if effect else harness.unsent)
    assert len(harness.received("jane@example.org")) == int(effect)


def test_dispatching_what_is_gone_is_ambiguous_and_sends_nothing_twice(
    harness: Harness, mailbox: MailProvider
) -> None:
    skip_unless_it_prepares(harness)
    handle = mailbox.prepare(outgoing())
    mailbox.dispatch(handle, outgoing())
    with pytest.raises(ProviderUnavailable):
        mailbox.dispatch(handle, outgoing())
    assert len(harness.received("jane@example.org")) == 1
    assert mailbox.outcome(handle, "email1", "").state == "sent"


def test_a_draft_its_owner_deleted_is_unclear_not_sent(mailbox: MailProvider) -> None:
    handle = mailbox.prepare(outgoing())
    mailbox.discard(handle)
    mailbox.discard(handle)
    assert mailbox.outcome(handle, "email1", "").state == "unclear"


def test_a_refusal_gives_the_providers_reason_and_sent_nothing(
    harness: Harness, mailbox: MailProvider
) -> None:
    handle = mailbox.prepare(outgoing())
    harness.refuse("dispatch", 403, reason="domainPolicy")
    with pytest.raises(ProviderRejected) as caught:
        mailbox.dispatch(handle, outgoing())
    assert caught.value.reason == "domainPolicy"
    assert mailbox.outcome(handle, "email1", "").state == harness.unsent


def test_a_sending_limit_always_says_how_long_to_wait(
    harness: Harness, mailbox: MailProvider
) -> None:
    handle = mailbox.prepare(outgoing())
    harness.refuse("dispatch", 429)
    with pytest.raises(RateLimited) as caught:
        mailbox.dispatch(handle, outgoing())
    assert caught.value.retry_after
    assert mailbox.outcome(handle, "email1", "").state == harness.unsent


def test_a_mail_that_cannot_be_built_is_refused_before_anything_is_made(
    harness: Harness, mailbox: MailProvider
) -> None:
    mail = OutgoingMail(mark="m", sender=outgoing().sender, subject="a\r\nBcc: eve@example.org")
    with pytest.raises(ProviderRejected):
        mailbox.prepare(mail)
    assert harness.asked("prepare") == 0


def test_a_mailbox_that_may_send_and_not_read_says_what_the_provider_named(
    harness: Harness,
) -> None:
    mailbox = harness.provider.mail(ACCOUNT, tokens_of(harness, ANA, without=Capability.READ))
    handle = mailbox.prepare(outgoing())
    provider_sent_id = mailbox.dispatch(handle, outgoing())
    named = "sent" if provider_sent_id else "unclear"
    assert mailbox.outcome(handle, "email1", provider_sent_id).state == named
    assert mailbox.outcome(handle, "email1", "").state == "unclear"


def test_a_mailbox_that_may_not_send_says_which_scope_it_lacks(harness: Harness) -> None:
    mailbox = harness.provider.mail(ACCOUNT, tokens_of(harness, ANA, without=Capability.SEND))
    with pytest.raises(MissingScope) as caught:
        send(mailbox, outgoing())
    assert caught.value.scopes == harness.provider.scopes_for(Capability.SEND)


def test_no_error_shows_a_token(harness: Harness, mailbox: MailProvider, tokens: Tokens) -> None:
    def provoke() -> list[MailbridgeError]:
        caught: list[MailbridgeError] = []
        for status in (400, 403, 429, 500):
            harness.refuse("dispatch", status)
            try:
                send(mailbox, outgoing())
            except MailbridgeError as error:
                caught.append(error)
        harness.drop("dispatch", effect=False)
        with pytest.raises(ProviderUnavailable) as dropped:
            send(mailbox, outgoing())
        return [*caught, dropped.value]

    errors = provoke()
    assert len(errors) == 5
    for first in errors:
        error: BaseException | None = first
        while error:
            assert not any(token in f"{error!r} {vars(error)}" for token in tokens.seen)
            error = error.__cause__ or error.__context__
