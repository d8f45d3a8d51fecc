"""What every provider's mailbox must tell of trouble: how far a refusal goes, whether anything can have
happened, and that no walk goes on for ever."""

from collections.abc import Callable
from typing import Any

import pytest

from infra.simulator import Simulator
from shared.domain.errors import (
    CursorExpired,
    MailboxUnavailable,
    MailbridgeError,
    ProviderRejected,
    ProviderUnavailable,
)
from shared.ports.providers import MailProvider, Search
from tests.contracts.providers import (
    ANA,
    Call,
    Harness,
    everything_since,
    incoming,
    outgoing,
)

# -- how far a refusal goes -----------------------------------------------------------------------


@pytest.mark.parametrize("call", ["changes", "search"])
def test_with_every_scope_granted_a_refusal_is_the_mailboxs_and_no_missing_scope(
    harness: Harness, mailbox: MailProvider, call: Call
) -> None:
    cursor = mailbox.cursor()
    harness.refuse(call, 403, reason=harness.denied, times=None)
    with pytest.raises(ProviderRejected) as caught:
        mailbox.changes(cursor) if call == "changes" else mailbox.search(Search())
    assert (caught.value.concerns, caught.value.reason) == ("mailbox", harness.denied)


def test_one_messages_refusal_is_that_messages(harness: Harness, mailbox: MailProvider) -> None:
    delivered = [harness.deliver(ANA, incoming(str(number))) for number in range(3)]
    harness.refuse("read", 403, reason=harness.denied, skip=1)
    fetched = mailbox.mails(delivered)
    assert list(fetched.failed) == [delivered[1]]
    harness.refuse("read", 403, reason=harness.denied)
    assert list(mailbox.mails(delivered[:1]).failed) == delivered[:1], "others can be read"


def test_a_mailbox_that_refuses_everything_is_no_messages_fault(
    harness: Harness, mailbox: MailProvider
) -> None:
    delivered = [harness.deliver(ANA, incoming(str(number))) for number in range(3)]
    for call in ("read", "profile"):
        harness.refuse(call, 403, reason=harness.denied, times=None)
    with pytest.raises(ProviderRejected) as caught:
        mailbox.mails(delivered)
    assert caught.value.concerns == "mailbox"


def test_a_refusal_to_send_is_certain(harness: Harness, mailbox: MailProvider) -> None:
    handle = mailbox.prepare(outgoing())
    harness.refuse("dispatch", 403, reason=harness.denied)
    with pytest.raises(ProviderRejected):
        mailbox.dispatch(handle, outgoing())
    assert harness.received("jane@example.org") == []


def test_an_account_without_a_mailbox_says_so_to_whoever_asks(
    harness: Harness, mailbox: MailProvider
) -> None:
    mailbox.probe()
    cursor, message = mailbox.cursor(), harness.deliver(ANA, incoming())
    status, reason = harness.switched_off
    for call in ("profile", "changes", "search", "read", "prepare", "dispatch"):
        harness.refuse(call, status, reason=reason, times=None)
    asking: list[Callable[[], object]] = [
        mailbox.probe,
        lambda: mailbox.changes(cursor),
        lambda: mailbox.search(Search()),
        lambda: mailbox.mails([message]),
        lambda: mailbox.dispatch(mailbox.prepare(outgoing()), outgoing()),
    ]
    for ask in asking:
        with pytest.raises(MailboxUnavailable) as caught:
            ask()
        assert caught.value.reason == reason


# -- whether anything can have happened -----------------------------------------------------------


def refused_with(harness: Harness, mailbox: MailProvider, **fault: Any) -> MailbridgeError:
    """What dispatching ends with."""
    handle = mailbox.prepare(outgoing())
    harness.strike("dispatch", **fault)
    with pytest.raises(MailbridgeError) as caught:
        mailbox.dispatch(handle, outgoing())
    assert harness.received("jane@example.org") == []
    return caught.value


def test_a_fresh_token_that_is_refused_proves_that_nothing_left(
    harness: Harness, mailbox: MailProvider
) -> None:
    error = refused_with(harness, mailbox, status=401, times=None)
    assert isinstance(error, ProviderUnavailable)
    assert not error.reached


@pytest.mark.parametrize("status", [500, 503])
def test_a_token_that_is_not_to_be_had_proves_that_nothing_left(
    harness: Harness, mailbox: MailProvider, status: int
) -> None:
    harness.strike("token", status=status, times=None)
    error = refused_with(harness, mailbox, status=401)
    assert isinstance(error, ProviderUnavailable)
    assert not error.reached


def test_nobody_listening_proves_that_nothing_left(
    harness: Harness, mailbox: MailProvider, simulator: Simulator
) -> None:
    handle = mailbox.prepare(outgoing())
    with simulator.unreachable(), pytest.raises(ProviderUnavailable) as caught:
        mailbox.dispatch(handle, outgoing())
    assert not caught.value.reached
    mailbox.dispatch(handle, outgoing())
    assert len(harness.received("jane@example.org")) == 1


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 503}, {"drop": True}], ids=str)
def test_what_may_have_reached_the_provider_is_ambiguous(
    harness: Harness, mailbox: MailProvider, fault: dict[str, Any]
) -> None:
    error = refused_with(harness, mailbox, **fault)
    assert isinstance(error, ProviderUnavailable)
    assert error.reached


def test_a_gateway_that_finds_it_too_large_is_believed(
    harness: Harness, mailbox: MailProvider
) -> None:
    error = refused_with(harness, mailbox, status=413, answer="html")
    assert type(error) is ProviderRejected
    assert error.reason == "too_large"


# -- no walk without progress ---------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["endless", "circle"])
def test_changes_that_never_end_are_left_and_named_and_nothing_is_lost(
    harness: Harness, mailbox: MailProvider, simulator: Simulator, answer: str
) -> None:
    cursor = mailbox.cursor()
    harness.strike("changes", answer=answer, times=None)
    before = harness.asked("changes")
    for _ in range(100):
        page = mailbox.changes(cursor)
        cursor = page.cursor
        if not page.more:
            break
    assert not page.more
    assert harness.asked("changes") - before <= 100
    assert {one.reason for one in page.passed} == {"no_progress"}
    assert cursor.count("circle") <= 10, "a cursor does not grow with a walk"

    message = harness.deliver(ANA, incoming())
    simulator.faults.clear()
    seen: list[str] = []
    for _ in range(30):  # rounds, some of which leave it alone
        try:
            ids, cursor = everything_since(mailbox, cursor)
        except CursorExpired:  # where the last page led to is nowhere
            cursor, ids = mailbox.cursor(), list(mailbox.search(Search()).ids)
        seen += ids
    assert message in seen
    assert mailbox.changes(cursor).passed == ()


@pytest.mark.parametrize("answer", ["endless", "circle"])
@pytest.mark.parametrize("search", [Search(), Search(("jane@example.org",))], ids=["all", "one"])
def test_a_search_that_never_ends_is_given_up_and_says_so(
    harness: Harness, mailbox: MailProvider, search: Search, answer: str
) -> None:
    harness.strike("search", answer=answer, times=None)
    token = ""
    for _ in range(100):
        found = mailbox.search(search, token)
        if not (token := found.next):
            break
    assert found.incomplete
    assert harness.asked("search") <= 50
