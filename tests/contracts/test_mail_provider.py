"""What every provider's mailbox must do."""

from email import message_from_bytes, policy
from typing import Literal

import pytest

from infra.simulator import Simulator
from shared.domain.errors import (
    CursorExpired,
    MailbridgeError,
    MissingScope,
    ProviderRejected,
    ProviderUnavailable,
    RateLimited,
)
from shared.domain.mail import OutgoingMail
from shared.domain.mailboxes import Capability
from shared.ports import Fetched, MailProvider, Search
from shared.providers.registry import PROVIDERS
from tests.contracts.providers import (
    HARNESSES,
    Harness,
    Tokens,
    everything_since,
    incoming,
    outgoing,
    tokens_of,
)

ANA = "ana@example.com"


@pytest.fixture(params=PROVIDERS)
def harness(request: pytest.FixtureRequest, simulator: Simulator) -> Harness:
    return HARNESSES[request.param](simulator)


@pytest.fixture
def tokens(harness: Harness) -> Tokens:
    return tokens_of(harness, ANA)


@pytest.fixture
def mailbox(harness: Harness, tokens: Tokens) -> MailProvider:
    return harness.provider.mail(tokens)


def deliver(harness: Harness, count: int) -> list[str]:
    return [harness.deliver(ANA, incoming(f"Mail {number}")) for number in range(count)]


# -- following changes ----------------------------------------------------------------------------


def test_nothing_new_leaves_the_cursor_good(mailbox: MailProvider) -> None:
    ids, cursor = everything_since(mailbox, mailbox.cursor())
    assert ids == []
    assert everything_since(mailbox, cursor)[0] == []


def test_every_mail_that_arrives_shows_once(harness: Harness, mailbox: MailProvider) -> None:
    deliver(harness, 2)
    cursor = mailbox.cursor()
    delivered = deliver(harness, 3)
    ids, cursor = everything_since(mailbox, cursor)
    assert sorted(ids) == sorted(delivered)
    later = deliver(harness, 1)
    assert everything_since(mailbox, cursor)[0] == later


def test_a_long_walk_may_stop_at_any_page_and_loses_nothing(
    harness: Harness, mailbox: MailProvider
) -> None:
    cursor = mailbox.cursor()
    delivered = set(deliver(harness, 1_100))
    seen: set[str] = set()
    more, pages = True, 0
    while more:
        page = mailbox.changes(cursor)
        assert mailbox.changes(cursor).ids == page.ids, "a page that was not stored comes again"
        seen |= set(page.ids)
        cursor, more, pages = page.cursor, page.more, pages + 1
        if pages == 1:
            delivered |= set(deliver(harness, 1))
    assert pages > 1
    assert seen == delivered


def test_mail_rescued_from_spam_shows_when_it_is_rescued(
    harness: Harness, mailbox: MailProvider
) -> None:
    cursor = mailbox.cursor()
    message = harness.deliver(ANA, incoming(), spam=True)
    ids, cursor = everything_since(mailbox, cursor)
    found = mailbox.envelopes(ids).found
    assert all(envelope.ignored for envelope in found.values())
    harness.rescue(ANA, message)
    assert everything_since(mailbox, cursor)[0] == [message]
    assert mailbox.envelopes([message]).found[message].ignored == ""


def test_sent_mail_shows_too(mailbox: MailProvider) -> None:
    cursor = mailbox.cursor()
    mailbox.dispatch(mailbox.prepare(outgoing()), outgoing())
    ids, _ = everything_since(mailbox, cursor)
    envelopes = mailbox.envelopes(ids).found.values()
    sent = [envelope for envelope in envelopes if envelope.outgoing and not envelope.ignored]
    assert [envelope.mark for envelope in sent] == ["email1"]


@pytest.mark.parametrize("cursor", ["", "no cursor", "12:", "99999999999999999999999"])
def test_a_cursor_that_means_nothing_counts_as_expired(mailbox: MailProvider, cursor: str) -> None:
    with pytest.raises(CursorExpired):
        mailbox.changes(cursor)


def test_an_expired_cursor_says_so(harness: Harness, mailbox: MailProvider) -> None:
    cursor = mailbox.cursor()
    deliver(harness, 1)
    harness.expire_cursors(ANA)
    with pytest.raises(CursorExpired):
        mailbox.changes(cursor)


@pytest.mark.parametrize("answer", ["html", "empty", "malformed"])
def test_what_is_no_answer_is_never_taken_for_no_mail(
    harness: Harness, mailbox: MailProvider, answer: Literal["html", "empty", "malformed"]
) -> None:
    cursor = mailbox.cursor()
    deliver(harness, 1)
    harness.garble("changes", answer)
    harness.garble("search", answer)
    with pytest.raises(ProviderUnavailable):
        mailbox.changes(cursor)
    with pytest.raises(ProviderUnavailable):
        mailbox.search(Search())


# -- searching ------------------------------------------------------------------------------------


def test_a_search_finds_a_persons_mail_in_every_role_and_nobody_elses(
    harness: Harness, mailbox: MailProvider
) -> None:
    wanted = [
        harness.deliver(ANA, incoming("from", sender="jo.smith+crm@example.org")),
        harness.deliver(ANA, incoming("cc", "Cc: Jo <jo.smith+crm@example.org>")),
    ]
    harness.deliver(ANA, incoming("another", sender="jo@example.org"))
    found = mailbox.search(Search(addresses=("jo.smith+crm@example.org", "nobody@example.org")))
    assert sorted(found.ids) == sorted(wanted)


@pytest.mark.parametrize(
    "address",
    ['"} OR {in:anywhere"@x.org', "a{b}@example.org", "-from@x.org", 'a" b@x.org', "()@x"],
)
def test_a_strange_address_does_not_change_the_question(
    harness: Harness, mailbox: MailProvider, address: str
) -> None:
    deliver(harness, 2)
    assert mailbox.search(Search(addresses=(address,))).ids == ()


def test_a_search_without_addresses_pages_through_all_mail(
    harness: Harness, mailbox: MailProvider
) -> None:
    delivered = deliver(harness, 620)
    harness.deliver(ANA, incoming("spam"), spam=True)
    first = mailbox.search(Search())
    second = mailbox.search(Search(), first.next)
    assert second.next == ""
    assert sorted(first.ids + second.ids) == sorted(delivered)


def test_a_search_leaves_out_what_is_older(harness: Harness, mailbox: MailProvider) -> None:
    message = deliver(harness, 1)[0]
    at = mailbox.envelopes([message]).found[message].at
    assert mailbox.search(Search(since=at)).ids == (message,)
    assert mailbox.search(Search(since=at.replace(year=at.year + 1))).ids == ()


# -- reading --------------------------------------------------------------------------------------


def test_an_envelope_has_all_that_matching_needs(harness: Harness, mailbox: MailProvider) -> None:
    headers = (
        "Cc: undisclosed-recipients:;",
        "Reply-To: =?utf-8?q?J=C3=B6?= <Jo@Example.ORG>",
        "Message-ID: <m1@example.org>",
        "References: <a@x> <b@x>",
        "In-Reply-To: <b@x>",
        "Date: Fri, 21 Nov 1997 09:55:06 -0600",
    )
    message = harness.deliver(ANA, incoming("Caf\u00e9 \u2615", *headers))
    envelope = mailbox.envelopes([message]).found[message]
    assert envelope.subject == "Caf\u00e9 \u2615"
    assert [(p.address, p.name) for p in envelope.sender] == [("jane@example.org", "Jane Doe")]
    assert [p.address for p in envelope.to] == [ANA]
    assert envelope.cc == ()
    assert [(p.address, p.name) for p in envelope.reply_to] == [("jo@example.org", "Jö")]
    assert envelope.message_id == "<m1@example.org>"
    assert envelope.references == ("<a@x>", "<b@x>")
    assert envelope.in_reply_to == "<b@x>"
    assert envelope.dated is not None
    assert envelope.dated.isoformat() == "1997-11-21T15:55:06+00:00"
    assert not envelope.outgoing


def test_a_mail_is_its_envelope_and_its_content(harness: Harness, mailbox: MailProvider) -> None:
    message = deliver(harness, 1)[0]
    mail = mailbox.mails([message]).found[message]
    assert mail.envelope == mailbox.envelopes([message]).found[message]
    assert mail.content.text.strip() == "What they wrote."


def test_more_than_a_batch_is_read_in_batches(harness: Harness, mailbox: MailProvider) -> None:
    delivered = deliver(harness, mailbox.batch_size * 2 + 1)
    assert sorted(mailbox.envelopes(delivered).found) == sorted(delivered)


def assert_accounted(fetched: Fetched, asked: list[str]) -> None:
    told = [*fetched.found, *fetched.vanished, *fetched.failed]
    assert sorted(told) == sorted(asked)


def test_a_mail_that_vanished_is_named_and_stops_no_other(
    harness: Harness, mailbox: MailProvider
) -> None:
    delivered = deliver(harness, 3)
    harness.delete(ANA, delivered[1])
    fetched = mailbox.mails(delivered)
    assert fetched.vanished == (delivered[1],)
    assert_accounted(fetched, delivered)


@pytest.mark.parametrize("status", [400, 500, 503])
def test_one_bad_mail_is_named_and_stops_no_other(
    harness: Harness, mailbox: MailProvider, status: int
) -> None:
    delivered = deliver(harness, 3)
    harness.refuse("read", status, skip=1)
    fetched = mailbox.mails(delivered)
    assert list(fetched.failed) == [delivered[1]]
    assert_accounted(fetched, delivered)


def test_a_mail_that_is_bad_alone_is_named_while_the_provider_answers(
    harness: Harness, mailbox: MailProvider
) -> None:
    delivered = deliver(harness, 1)
    harness.refuse("read", 500)
    assert list(mailbox.mails(delivered).failed) == delivered


def test_an_outage_is_no_mails_fault(harness: Harness, mailbox: MailProvider) -> None:
    delivered = deliver(harness, 3)
    harness.refuse("read", 503, times=None)
    harness.refuse("profile", 503, times=None)
    with pytest.raises(ProviderUnavailable):
        mailbox.mails(delivered)


@pytest.mark.parametrize(("status", "reason"), [(429, ""), (403, "rateLimitExceeded")])
def test_throttling_amid_a_batch_keeps_what_came_before(
    harness: Harness, mailbox: MailProvider, status: int, reason: str
) -> None:
    delivered = deliver(harness, 4)
    harness.refuse("read", status, reason=reason, skip=2, times=None, retry_after=30)
    fetched = mailbox.mails(delivered)
    assert sorted(fetched.found) == sorted(delivered[:2])
    assert fetched.throttled is not None
    assert fetched.throttled.retry_after == 30
    assert fetched.failed == {}


def test_a_lost_answer_to_a_read_is_asked_for_again(
    harness: Harness, mailbox: MailProvider
) -> None:
    delivered = deliver(harness, 2)
    harness.drop("read", effect=False)
    assert sorted(mailbox.envelopes(delivered).found) == sorted(delivered)


def test_an_access_token_that_ended_is_replaced(harness: Harness, mailbox: MailProvider) -> None:
    delivered = deliver(harness, 2)
    cursor = mailbox.cursor()
    harness.expire_access(ANA)
    assert sorted(mailbox.mails(delivered).found) == sorted(delivered)
    harness.expire_access(ANA)
    assert mailbox.changes(cursor).ids == ()


def test_a_token_refused_amid_a_batch_is_replaced(harness: Harness, mailbox: MailProvider) -> None:
    delivered = deliver(harness, 3)
    harness.refuse("read", 401, skip=1, times=2)
    assert sorted(mailbox.mails(delivered).found) == sorted(delivered)


def test_reading_costs_quota_that_is_counted(harness: Harness, mailbox: MailProvider) -> None:
    delivered = deliver(harness, 2)
    before = mailbox.units
    mailbox.mails(delivered)
    assert mailbox.units > before


def test_a_mailbox_that_may_not_be_read_says_which_scope_it_lacks(harness: Harness) -> None:
    mailbox = harness.provider.mail(tokens_of(harness, ANA, without=Capability.READ))
    delivered = deliver(harness, 1)
    for read in (mailbox.envelopes, mailbox.mails):
        with pytest.raises(MissingScope) as caught:
            read(delivered)
        assert caught.value.scopes == harness.provider.scopes_for(Capability.READ)


def test_a_mailbox_switched_off_is_no_mails_fault(harness: Harness, mailbox: MailProvider) -> None:
    delivered = deliver(harness, 2)
    harness.refuse("read", 400, reason="failedPrecondition", times=None)
    with pytest.raises(ProviderRejected) as caught:
        mailbox.mails(delivered)
    assert caught.value.reason == "failedPrecondition"


# -- sending --------------------------------------------------------------------------------------


def send(mailbox: MailProvider, mail: OutgoingMail) -> str:
    return mailbox.dispatch(mailbox.prepare(mail), mail)


def test_nothing_leaves_before_it_is_dispatched(harness: Harness, mailbox: MailProvider) -> None:
    handle = mailbox.prepare(outgoing())
    assert harness.received("jane@example.org") == []
    assert mailbox.outcome(handle, "email1", "").state == "not_sent"


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
    sent_ref = mailbox.dispatch(handle, outgoing())
    outcome = mailbox.outcome(handle, "email1", sent_ref)
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


def test_a_prepared_mail_whose_answer_got_lost_is_found_by_its_mark(
    harness: Harness, mailbox: MailProvider
) -> None:
    other = mailbox.prepare(outgoing("other"))
    harness.drop("prepare", effect=True)
    with pytest.raises(ProviderUnavailable):
        mailbox.prepare(outgoing())
    handle = mailbox.prepared("email1")
    assert handle not in {"", other}
    mailbox.dispatch(handle, outgoing())
    assert len(harness.received("jane@example.org")) == 1


def test_what_was_never_prepared_is_not_found(harness: Harness, mailbox: MailProvider) -> None:
    harness.drop("prepare", effect=False)
    with pytest.raises(ProviderUnavailable):
        mailbox.prepare(outgoing())
    assert mailbox.prepared("email1") == ""


@pytest.mark.parametrize(("effect", "state"), [(False, "not_sent"), (True, "sent")])
def test_after_a_lost_answer_to_dispatching_the_outcome_tells_the_truth(
    harness: Harness, mailbox: MailProvider, effect: bool, state: str
) -> None:
    handle = mailbox.prepare(outgoing())
    harness.drop("dispatch", effect=effect)
    with pytest.raises(ProviderUnavailable):
        mailbox.dispatch(handle, outgoing())
    assert harness.asked("dispatch") == 1, "an effect is asked for once"
    outcome = mailbox.outcome(handle, "email1", "")
    assert outcome.state == state
    assert len(harness.received("jane@example.org")) == int(effect)


def test_dispatching_what_is_gone_is_ambiguous_and_sends_nothing_twice(
    harness: Harness, mailbox: MailProvider
) -> None:
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
    assert mailbox.outcome(handle, "email1", "").state == "not_sent"


def test_a_sending_limit_always_says_how_long_to_wait(
    harness: Harness, mailbox: MailProvider
) -> None:
    handle = mailbox.prepare(outgoing())
    harness.refuse("dispatch", 429)
    with pytest.raises(RateLimited) as caught:
        mailbox.dispatch(handle, outgoing())
    assert caught.value.retry_after
    assert mailbox.outcome(handle, "email1", "").state == "not_sent"


def test_a_mail_that_cannot_be_built_is_refused_before_anything_is_made(
    harness: Harness, mailbox: MailProvider
) -> None:
    mail = OutgoingMail(mark="m", sender=outgoing().sender, subject="a\r\nBcc: eve@example.org")
    with pytest.raises(ProviderRejected):
        mailbox.prepare(mail)
    assert harness.asked("prepare") == 0


def test_a_mailbox_that_may_send_and_not_read_still_says_that_it_sent(harness: Harness) -> None:
    mailbox = harness.provider.mail(tokens_of(harness, ANA, without=Capability.READ))
    handle = mailbox.prepare(outgoing())
    sent_ref = mailbox.dispatch(handle, outgoing())
    assert mailbox.outcome(handle, "email1", sent_ref).state == "sent"
    assert mailbox.outcome(handle, "email1", "").state == "unclear"


def test_no_error_shows_a_token(harness: Harness, mailbox: MailProvider, tokens: Tokens) -> None:
    def provoke() -> list[MailbridgeError]:
        caught: list[MailbridgeError] = []
        for status in (400, 403, 429, 500):
            harness.refuse("prepare", status)
            try:
                mailbox.prepare(outgoing())
            except MailbridgeError as error:
                caught.append(error)
        harness.drop("prepare", effect=False)
        with pytest.raises(ProviderUnavailable) as dropped:
            mailbox.prepare(outgoing())
        return [*caught, dropped.value]

    errors = provoke()
    assert len(errors) == 5
    for first in errors:
        error: BaseException | None = first
        while error:
            assert not any(token in f"{error!r} {vars(error)}" for token in tokens.seen)
            error = error.__cause__ or error.__context__
