"""What every provider's mailbox must do to be read: changes, searches, messages."""

from typing import Literal

import pytest

from shared import metering
from shared.domain.errors import (
    CursorExpired,
    MissingScope,
    ProviderRejected,
    ProviderUnavailable,
)
from shared.domain.mailboxes import Capability
from shared.ports.providers import Fetched, MailProvider, Search
from tests.contracts.providers import (
    ACCOUNT,
    ANA,
    Harness,
    everything_since,
    incoming,
    outgoing,
    tokens_of,
)


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
    later, _ = everything_since(mailbox, cursor)
    assert seen | set(later) == delivered


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


@pytest.mark.parametrize("way", [0, 1])
def test_throttling_amid_a_batch_keeps_what_came_before(
    harness: Harness, mailbox: MailProvider, way: int
) -> None:
    status, reason = harness.throttling[way]
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
    before, asked = mailbox.units, harness.asked("read")
    with metering.measured() as meter:
        mailbox.mails(delivered)
    assert mailbox.units > before
    assert meter.quota_units == mailbox.units - before
    assert 1 <= meter.provider_requests <= harness.asked("read") - asked


def test_a_mailbox_that_may_not_be_read_says_which_scope_it_lacks(harness: Harness) -> None:
    mailbox = harness.provider.mail(ACCOUNT, tokens_of(harness, ANA, without=Capability.READ))
    delivered = deliver(harness, 1)
    for read in (mailbox.envelopes, mailbox.mails):
        with pytest.raises(MissingScope) as caught:
            read(delivered)
        assert caught.value.scopes == harness.provider.scopes_for(Capability.READ)


def test_a_mailbox_switched_off_is_no_mails_fault(harness: Harness, mailbox: MailProvider) -> None:
    delivered = deliver(harness, 2)
    status, reason = harness.switched_off
    harness.refuse("read", status, reason=reason, times=None)
    with pytest.raises(ProviderRejected) as caught:
        mailbox.mails(delivered)
    assert caught.value.reason == reason
