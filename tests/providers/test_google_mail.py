"""What is Gmail's own about a Gmail mailbox."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.simulator import Fault, Simulator
from shared.config import Settings
from shared.domain.errors import ConfigurationError, CursorExpired, ProviderUnavailable
from shared.ports.providers import Search
from shared.providers import http
from shared.providers.google.mail import Gmail
from shared.providers.google.scopes import SCOPES
from shared.providers.google.search import query
from shared.providers.http import Http
from tests.contracts.providers import ACCOUNT, GoogleHarness, incoming, outgoing, tokens_of
from tests.providers.server import Asked, Reply, json_reply, serving

ANA = "ana@example.com"


class OneToken:
    granted = SCOPES

    def token(self) -> str:
        return "t"

    def replace(self, rejected: str, *, claims: str = "") -> str:  # noqa: ARG002
        return rejected


def gmail(url: str) -> Gmail:
    client = Http(url)
    client.sleep = lambda _: None
    return Gmail(client, OneToken(), 20)


# -- quota ----------------------------------------------------------------------------------------


def test_units_are_counted_as_gmail_counts_them(simulator: Simulator) -> None:
    harness = GoogleHarness(simulator)
    mailbox = harness.provider.mail(ACCOUNT, tokens_of(harness, ANA))
    ids = [harness.deliver(ANA, incoming(str(number))) for number in range(3)]
    simulator.meters.reset()
    mailbox.changes(mailbox.cursor())
    mailbox.search(Search())
    mailbox.envelopes(ids)
    mailbox.mails([*ids, "0123456789abcdef"])
    handle = mailbox.prepare(outgoing())
    mailbox.prepared("email1")
    mailbox.outcome(handle, "email1", mailbox.dispatch(handle, outgoing()))
    mailbox.discard(mailbox.prepare(outgoing()))
    assert mailbox.units == simulator.meters.read().units[ANA]


def test_a_read_that_was_refused_costs_nothing(simulator: Simulator) -> None:
    harness = GoogleHarness(simulator)
    mailbox = harness.provider.mail(ACCOUNT, tokens_of(harness, ANA))
    ids = [harness.deliver(ANA, incoming(str(number))) for number in range(3)]
    harness.refuse("read", 429, skip=1, times=None)
    mailbox.mails(ids)
    assert mailbox.units == 20


# -- history --------------------------------------------------------------------------------------


def test_a_page_token_that_died_is_given_up_for_the_plain_position() -> None:
    def answer(asked: Asked) -> Reply:
        if "pageToken" in asked.target:
            return json_reply(
                400, error={"errors": [{"reason": "invalidArgument"}], "message": "no"}
            )
        return json_reply(
            historyId="9", history=[{"id": "8", "messagesAdded": [{"message": {"id": "m"}}]}]
        )

    with serving(answer) as server:
        page = gmail(server.url).changes("7:dead")
    assert (page.ids, page.cursor, page.more) == (("m",), "9", False)


def test_a_position_that_died_with_its_page_token_is_expired() -> None:
    with serving(lambda _: json_reply(404, error={"message": "no"})) as server:
        with pytest.raises(CursorExpired):
            gmail(server.url).changes("7:dead")
        assert len(server.asked) == 2


# -- searching ------------------------------------------------------------------------------------


def test_a_search_names_every_role_of_every_address() -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    assert query(Search(("a@x.org", "b@y.org"), since)) == (
        "{from:a@x.org to:a@x.org cc:a@x.org bcc:a@x.org "
        "from:b@y.org to:b@y.org cc:b@y.org bcc:b@y.org} after:1767225599"
    )
    assert query(Search()) == ""


def test_an_international_domain_is_searched_for_in_both_its_spellings() -> None:
    term = query(Search(("jo@xn--mchine-bua.example",)))
    assert "from:jo@xn--mchine-bua.example " in term
    assert "from:jo@mächine.example " in term


@given(st.text())
def test_no_address_gets_out_of_its_quotes(address: str) -> None:
    term = query(Search((address,)))
    assert term.startswith("{from:")
    assert term.endswith("}")
    value = term[len("{from:") :].split(" to:")[0]
    plain = not set(value) & set(' "(){}\r\n\t')
    assert plain or (value[0] == value[-1] == '"' and '"' not in value[1:-1])


# -- reading --------------------------------------------------------------------------------------


def test_a_batch_too_large_to_read_at_once_is_read_in_smaller_ones(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = GoogleHarness(simulator)
    mailbox = harness.provider.mail(ACCOUNT, tokens_of(harness, ANA))
    small = [harness.deliver(ANA, incoming(str(number))) for number in range(4)]
    large = harness.deliver(ANA, incoming("large") + b"x" * 100_000)
    monkeypatch.setattr(http, "LARGEST_ANSWER", 50_000)  # the real bound would only take longer
    fetched = mailbox.mails([*small[:2], large, *small[2:]])
    assert sorted(fetched.found) == sorted(small)
    assert list(fetched.failed) == [large]


def test_a_body_that_gmail_kept_back_is_fetched() -> None:
    part = {"mimeType": "text/plain", "body": {"attachmentId": "a/1", "size": 3}}

    def answer(asked: Asked) -> Reply:
        if asked.target.endswith("/messages/m1/attachments/a%2F1"):
            return json_reply(data="bGF0ZQ")
        return json_reply(id="m1", labelIds=["SENT"], internalDate="0", payload=part)

    with serving(answer) as server:
        mail = gmail(server.url).outcome("", "", "m1").mail
    assert mail is not None
    assert mail.content.text == "late"


def test_gmail_switched_off_for_our_project_is_our_own_fault(simulator: Simulator) -> None:
    harness = GoogleHarness(simulator)
    mailbox = harness.provider.mail(ACCOUNT, tokens_of(harness, ANA))
    ids = [harness.deliver(ANA, incoming())]
    harness.refuse("read", 403, reason="accessNotConfigured")
    with pytest.raises(ConfigurationError):
        mailbox.mails(ids)


def test_a_fresh_token_that_is_refused_ends_no_grant(simulator: Simulator) -> None:
    harness = GoogleHarness(simulator)
    mailbox = harness.provider.mail(ACCOUNT, tokens_of(harness, ANA))
    ids = [harness.deliver(ANA, incoming())]
    simulator.faults.add(Fault(method="gmail.*", status=401, times=None))
    for call in (mailbox.cursor, lambda: mailbox.mails(ids), lambda: mailbox.prepare(outgoing())):
        with pytest.raises(ProviderUnavailable):
            call()


# -- sending --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_that_cannot_list_drafts_has_none_of_ours(status: int) -> None:
    with serving(lambda _: Reply(status, b"nothing here")) as server:
        assert gmail(server.url).prepared("mark") == ""


def test_drafts_that_could_not_all_be_seen_are_not_taken_for_none(simulator: Simulator) -> None:
    harness = GoogleHarness(simulator)
    mailbox = harness.provider.mail(ACCOUNT, tokens_of(harness, ANA))
    mailbox.prepare(outgoing())
    simulator.faults.add(Fault(method="gmail.drafts.get", status=500, times=None))
    with pytest.raises(ProviderUnavailable):
        mailbox.prepared("email1")


def test_a_dispatch_whose_answer_was_cut_short_did_happen(simulator: Simulator) -> None:
    harness = GoogleHarness(simulator)
    mailbox = harness.provider.mail(ACCOUNT, tokens_of(harness, ANA))
    handle = mailbox.prepare(outgoing())
    harness.garble("dispatch", "malformed")
    assert mailbox.dispatch(handle, outgoing()) == ""
    assert mailbox.outcome(handle, "email1", "").state == "sent"


def test_settings_say_what_a_read_costs(simulator: Simulator) -> None:
    from shared.providers.google.declaration import GoogleSettings
    from shared.providers.google.provider import Google

    simulator.add_account(ANA)
    with serving(lambda _: json_reply(id="m1", payload={})) as server:
        own = GoogleSettings(gmail_url=server.url, gmail_units_per_get=5)
        made = Google(Settings(vendors=(own,))).mail(ACCOUNT, OneToken())
        made.outcome("", "", "m1")
    assert made.units == 5
