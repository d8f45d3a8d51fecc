"""A Microsoft mailbox, where it differs from others: folders, pages of changes, and what Graph is like."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from infra.simulator import Fault, Simulator
from shared.config import Settings
from shared.domain.errors import ProviderRejected, ProviderUnavailable
from shared.ports.providers import MailProvider, Search
from shared.providers.microsoft.declaration import MicrosoftSettings
from shared.providers.microsoft.provider import Microsoft
from shared.providers.microsoft.scopes import SCOPES
from tests.contracts.providers import (
    ACCOUNT,
    MicrosoftHarness,
    everything_since,
    incoming,
    outgoing,
    tokens_of,
)
from tests.providers.server import Asked, Reply, serving
from tests.world import FakeClock, mail

ANA = "ana@example.com"


@pytest.fixture
def harness(simulator: Simulator) -> MicrosoftHarness:
    return MicrosoftHarness(simulator)


@pytest.fixture
def mailbox(harness: MicrosoftHarness) -> MailProvider:
    return harness.provider.mail(ACCOUNT, tokens_of(harness, ANA))


def deliver(simulator: Simulator, number: int = 0) -> str:
    return simulator.deliver(incoming(f"Mail {number}"), to=ANA)


# -- folders --------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["deleted", "changed"])
def test_a_moved_mail_shows_where_it_went_under_the_same_id(
    simulator: Simulator, mailbox: MailProvider, reason: str
) -> None:
    simulator.microsoft.limits.removed_reason = reason  # type: ignore[assignment]
    simulator.microsoft.add_folder(ANA, "Customers/Harbor")
    message = deliver(simulator)
    cursor = mailbox.cursor()
    simulator.move(ANA, message, "Customers/Harbor")
    ids, cursor = everything_since(mailbox, cursor)
    assert ids == [message]
    assert mailbox.envelopes(ids).found[message].ignored == ""

    simulator.move(ANA, message, "TRASH")
    assert everything_since(mailbox, cursor)[0] == []
    assert mailbox.envelopes([message]).found[message].ignored == "trash"


def test_a_folder_made_later_is_followed_too(simulator: Simulator, mailbox: MailProvider) -> None:
    cursor = mailbox.cursor()
    simulator.microsoft.add_folder(ANA, "INBOX/Offers/2026")
    message = deliver(simulator)
    simulator.move(ANA, message, "INBOX/Offers/2026")
    assert everything_since(mailbox, cursor)[0] == [message]


def test_what_lies_below_the_deleted_items_is_deleted(
    simulator: Simulator, mailbox: MailProvider
) -> None:
    simulator.microsoft.add_folder(ANA, "TRASH/Old customers")
    cursor = mailbox.cursor()
    message = deliver(simulator)
    simulator.move(ANA, message, "TRASH/Old customers")
    ids, _ = everything_since(mailbox, cursor)
    assert ids == []
    assert mailbox.envelopes([message]).found[message].ignored == "trash"
    assert mailbox.search(Search()).ids == ()


def test_many_folders_are_followed_twenty_at_a_time(
    simulator: Simulator, mailbox: MailProvider
) -> None:
    folders = [f"Customers/{number:02}" for number in range(45)]
    for folder in folders:
        simulator.microsoft.add_folder(ANA, folder)
    cursor = mailbox.cursor()
    messages = [deliver(simulator, number) for number in range(45)]
    for message, folder in zip(messages, folders, strict=True):
        simulator.move(ANA, message, folder)
    simulator.meters.reset()
    ids, cursor = everything_since(mailbox, cursor)
    assert sorted(ids) == sorted(messages)
    assert simulator.meters.read().requests <= 6
    assert everything_since(mailbox, cursor)[0] == []


def test_a_folder_that_is_gone_stops_nobody(simulator: Simulator, mailbox: MailProvider) -> None:
    cursor = mailbox.cursor()
    message = deliver(simulator)
    simulator.faults.add(Fault(method="graph.messages.delta", status=404))
    ids, cursor = everything_since(mailbox, cursor)
    again, _ = everything_since(mailbox, cursor)
    assert message in {*ids, *again}


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 400}, {"answer": "html"}], ids=str)
def test_a_folder_that_graph_cannot_show_stops_no_other_and_is_asked_for_again(
    simulator: Simulator, mailbox: MailProvider, fault: dict[str, str]
) -> None:
    simulator.microsoft.add_folder(ANA, "Own")
    cursor = mailbox.cursor()
    messages = [deliver(simulator, 1), deliver(simulator, 2)]
    simulator.move(ANA, messages[1], "Own")
    simulator.faults.add(Fault(method="graph.messages.delta", skip=1, **fault))  # type: ignore[arg-type]
    first, cursor = everything_since(mailbox, cursor)
    second, _ = everything_since(mailbox, cursor)
    assert sorted({*first, *second}) == sorted(messages)


FAULTS = (
    {"status": 500, "message": "nextLink value without skip or skiptoken"},
    {"status": 400, "message": "The query parameter '$deltatoken' is malformed"},
    {"status": 403},
    {"answer": "endless"},
    {"answer": "circle"},
)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_folder_that_is_broken_for_long_is_named_and_holds_up_no_other(
    simulator: Simulator, mailbox: MailProvider, fault: dict[str, str]
) -> None:
    simulator.microsoft.limits.requests_per_10_minutes = None
    simulator.microsoft.add_folder(ANA, "Own")
    inbox = simulator.microsoft.folder(ANA, "INBOX")
    cursor = mailbox.cursor()
    broken = Fault(method="graph.messages.delta", about=inbox, times=None, **fault)  # type: ignore[arg-type]
    simulator.faults.add(broken)
    before = simulator.meters.read().calls["graph.messages.delta"]
    lost = deliver(simulator)
    refusals = []
    for number in range(12):
        message = deliver(simulator, number)
        simulator.move(ANA, message, "Own")
        ids, cursor = everything_since(mailbox, cursor)
        assert ids == [message], "another folder's mail does not wait"
        (passed,) = mailbox.changes(cursor).passed
        assert (passed.part, passed.name) == (inbox, "inbox")
        assert passed.reason
        refusals.append(passed.refusals)
    assert refusals[-1] > refusals[0]
    assert simulator.meters.read().calls["graph.messages.delta"] - before < 600

    simulator.faults.clear()
    seen: list[str] = []
    for _ in range(8):
        ids, cursor = everything_since(mailbox, cursor)
        seen += ids
    assert lost in seen
    assert mailbox.changes(cursor).passed == ()


def test_a_folder_whose_place_died_is_walked_anew(
    simulator: Simulator, mailbox: MailProvider
) -> None:
    """Graph goes on refusing the token, and nobody says that it is too old."""
    known = deliver(simulator)
    cursor = mailbox.cursor()
    dead = Fault(method="graph.messages.delta", about="$deltatoken", times=None, status=400)
    simulator.faults.add(dead)
    message = deliver(simulator, 1)
    seen: list[str] = []
    for _ in range(30):
        ids, cursor = everything_since(mailbox, cursor)
        seen += ids
    assert {message, known} <= set(seen)


@pytest.mark.parametrize("expired", ["INBOX", "SENT"])
def test_a_folder_whose_place_is_too_old_is_walked_anew_and_only_it(
    simulator: Simulator, mailbox: MailProvider, expired: str
) -> None:
    cursor = mailbox.cursor()
    message = deliver(simulator)
    folder = simulator.microsoft.folder(ANA, expired)
    simulator.faults.add(Fault(method="graph.messages.delta", about=folder, status=410))
    ids, cursor = everything_since(mailbox, cursor)
    assert ids == [message]
    simulator.faults.add(Fault(method="graph.messages.delta", about=folder, status=410, times=None))
    for _ in range(3):
        ids, cursor = everything_since(mailbox, cursor)
    assert [one.part for one in mailbox.changes(cursor).passed] == [folder]


def test_the_last_folder_of_many_does_not_hold_up_the_round(
    simulator: Simulator, mailbox: MailProvider
) -> None:
    """Twenty are asked at once: one that is asked alone stops nobody either."""
    own = [f"Own {number:02}" for number in range(19)]
    for folder in own:
        simulator.microsoft.add_folder(ANA, folder)
    cursor = mailbox.cursor()
    message = deliver(simulator)
    simulator.faults.add(
        *(
            Fault(
                method="graph.messages.delta",
                about=simulator.microsoft.folder(ANA, folder),
                status=500,
                times=None,
            )
            for folder in own
        )
    )
    ids, cursor = everything_since(mailbox, cursor)
    assert ids == [message]
    assert len(mailbox.changes(cursor).passed) == len(own)


def test_folders_that_lead_in_circles_are_read_once() -> None:
    def answer(target: str) -> Reply:
        if "/messages/delta" in target:
            return ok(value=[], _deltaLink="https://graph.microsoft.com/v1.0/x?$deltatoken=1")
        if "childFolders" in target or target.startswith("/me/mailFolders?"):
            below = {"id": "inbox", "childFolderCount": 1}
            return ok(value=[below], _nextLink="https://graph.microsoft.com/v1.0/x?$skip=1")
        return Reply(404)

    with serving(graph(answer)) as server:
        assert not outlook(server.url).changes('{"f":{}}').more
        assert len(server.asked) < 100


def test_new_mail_does_not_wait_for_the_end_of_a_folder_that_takes_long(
    simulator: Simulator, mailbox: MailProvider
) -> None:
    simulator.microsoft.limits.requests_per_10_minutes = None
    simulator.microsoft.add_folder(ANA, "Archive of years")
    cursor = mailbox.cursor()
    archive = simulator.microsoft.folder(ANA, "Archive of years")
    simulator.faults.add(
        Fault(method="graph.messages.delta", about=archive, answer="endless", times=None)
    )
    page = mailbox.changes(cursor)
    message = deliver(simulator)
    for _ in range(60):
        page = mailbox.changes(page.cursor)
        if message in page.ids:
            return
    pytest.fail("it waited for the archive")


def test_throttling_of_one_folder_loses_nothing(
    simulator: Simulator, mailbox: MailProvider
) -> None:
    cursor = mailbox.cursor()
    message = deliver(simulator)
    simulator.faults.add(Fault(method="graph.messages.delta", status=429, retry_after=9, skip=1))
    with pytest.raises(Exception, match="wait"):
        everything_since(mailbox, cursor)
    assert everything_since(mailbox, cursor)[0] == [message]


# -- pages ----------------------------------------------------------------------------------------


def test_empty_pages_are_not_the_end(simulator: Simulator, mailbox: MailProvider) -> None:
    simulator.microsoft.limits.delta_empty_pages = 3
    cursor = mailbox.cursor()
    message = deliver(simulator)
    assert everything_since(mailbox, cursor)[0] == [message]


def test_replayed_messages_do_no_harm(simulator: Simulator, mailbox: MailProvider) -> None:
    before = deliver(simulator)
    simulator.microsoft.limits.delta_replays = 2
    cursor = mailbox.cursor()
    message = deliver(simulator, 1)
    ids, cursor = everything_since(mailbox, cursor)
    assert {message} <= set(ids) <= {message, before}
    assert mailbox.changes(cursor).cursor


def test_a_large_mailbox_is_not_walked_at_once_and_nothing_of_it_is_lost(
    simulator: Simulator, mailbox: MailProvider
) -> None:
    simulator.microsoft.limits.requests_per_10_minutes = None
    for number in range(1_500):
        deliver(simulator, number)
    simulator.meters.reset()
    cursor = mailbox.cursor()
    assert simulator.meters.read().calls["graph.messages.delta"] <= 20
    message = deliver(simulator, 9_999)
    ids, cursor = everything_since(mailbox, cursor)
    later, _ = everything_since(mailbox, cursor)
    assert message in {*ids, *later}
    assert len(ids) < 600


def test_headers_come_along_with_changes_and_cost_nothing_more(
    simulator: Simulator, mailbox: MailProvider
) -> None:
    cursor = mailbox.cursor()
    message = deliver(simulator)
    page = mailbox.changes(cursor)
    full = mailbox.envelopes([message]).found[message]
    sent_along = page.envelopes[message]
    assert sent_along.participants() == full.participants()
    assert (sent_along.subject, sent_along.ignored) == (full.subject, "")


def test_a_search_finds_more_than_graph_gives_of_one(
    simulator: Simulator, mailbox: MailProvider
) -> None:
    simulator.microsoft.limits.requests_per_10_minutes = None
    first = datetime(2026, 1, 1, tzinfo=UTC)
    messages = {
        simulator.deliver(
            mail("carl@x.example", ANA, f"{n}", at=first + timedelta(hours=4 * n)), to=ANA
        )
        for n in range(1_150)
    }
    found: set[str] = set()
    page = ""
    for _ in range(12):
        answer = mailbox.search(Search(("carl@x.example", "nobody@x.example")), page)
        found |= set(answer.ids)
        if not (page := answer.next):
            break
    assert found == messages


# -- one message ----------------------------------------------------------------------------------


def test_attachments_are_named_without_their_content(
    simulator: Simulator, mailbox: MailProvider
) -> None:
    raw = (
        "From: c@x.org\r\nTo: ana@example.com\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/html\r\n\r\n<p>See <i>below</i></p>\r\n"
        '--b\r\nContent-Type: application/pdf; name="offer.pdf"\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\nSGVsbG8=\r\n--b--\r\n"
    )
    message = simulator.deliver(raw.encode(), to=ANA)
    content = mailbox.mails([message]).found[message].content
    assert content.text.strip() == "See below"
    assert [(a.name, a.mime_type, a.size) for a in content.attachments] == [
        ("offer.pdf", "application/pdf", 5)
    ]


def test_a_claims_challenge_is_met_with_another_token(
    simulator: Simulator, mailbox: MailProvider
) -> None:
    message = deliver(simulator)
    simulator.microsoft.challenge(ANA)
    assert mailbox.search(Search()).ids == (message,)
    simulator.microsoft.challenge(ANA)
    assert list(mailbox.mails([message]).found) == [message]


# -- sending --------------------------------------------------------------------------------------


def test_what_is_not_in_sent_items_yet_is_unclear_and_found_later(
    simulator: Simulator, mailbox: MailProvider, clock: FakeClock
) -> None:
    simulator.microsoft.limits.sent_items_delay_seconds = 60
    mailbox.dispatch(mailbox.prepare(outgoing()), outgoing())
    assert mailbox.outcome("email1", "email1", "").state == "unclear"
    clock.sleep(61)
    assert mailbox.outcome("email1", "email1", "").state == "sent"


def test_a_mark_with_a_quote_changes_no_question(mailbox: MailProvider) -> None:
    assert mailbox.outcome("", "x' or 'a' eq 'a", "").state == "unclear"


def test_what_needs_the_right_to_write_is_refused_before_anything_leaves(
    harness: MicrosoftHarness, mailbox: MailProvider
) -> None:
    large = msgspec.structs.replace(outgoing(), html="x" * 4_100_000)
    with pytest.raises(ProviderRejected) as caught:
        mailbox.prepare(large)
    assert caught.value.reason == "too_large"
    assert "Mail.ReadWrite" in caught.value.detail
    assert harness.asked("dispatch") == 0


def test_a_plain_text_goes_out_as_one(harness: MicrosoftHarness, mailbox: MailProvider) -> None:
    plain = msgspec.structs.replace(outgoing(), html="", text="Nur Text")
    mailbox.dispatch(mailbox.prepare(plain), plain)
    (raw,) = harness.received("jane@example.org")
    assert b"text/html" not in raw


# -- a Graph of our own ---------------------------------------------------------------------------

Answering = Callable[[str], dict[str, object]]
MESSAGE = {"id": "m1", "parentFolderId": "inbox", "receivedDateTime": "2026-11-20T09:00:00Z"}


class Token:
    granted = SCOPES

    def token(self) -> str:
        return "at"

    def replace(self, rejected: str, *, claims: str = "") -> str:
        return f"not {rejected}{claims}"


def graph(answer: Callable[[str], Reply]) -> Callable[[Asked], Reply]:
    """Answers each GET, those within a batch too, by its URL below /v1.0."""

    def answering(asked: Asked) -> Reply:
        if asked.target != "/v1.0/$batch":
            return answer(asked.target.removeprefix("/v1.0"))
        items = msgspec.json.decode(asked.body)["requests"]
        replies = [(item["id"], answer(item["url"])) for item in items]
        responses = [
            {"id": id_, "status": reply.status, "body": msgspec.Raw(reply.body)}
            for id_, reply in replies
        ]
        return Reply(200, msgspec.json.encode({"responses": responses}))

    return answering


def ok(**fields: object) -> Reply:
    return Reply(
        200, msgspec.json.encode({name.replace("_", "@odata."): v for name, v in fields.items()})
    )


def outlook(url: str) -> MailProvider:
    microsoft = Microsoft(Settings(vendors=(MicrosoftSettings(graph_url=url),)))
    microsoft.graph.sleep = lambda _: None
    return microsoft.mail(ACCOUNT, Token())


def test_links_are_followed_to_the_configured_host_and_the_folders_own_path_alone() -> None:
    def answer(target: str) -> Reply:
        if "childFolders" in target or target.startswith("/me/mailFolders?"):
            return ok(value=[{"id": "inbox"}], _nextLink=f"{evil.url}/v1.0/steal?$skip=1")
        if "/messages/delta" in target:
            return ok(value=[MESSAGE], _nextLink=f"{evil.url}/v1.0/me/steal?$skiptoken=2")
        if "$search" in target or "$skiptoken" in target:
            return ok(value=[MESSAGE], _nextLink="/me/drive/root?$skiptoken=3")
        return Reply(404)

    def once(target: str) -> Reply:
        reply = answer(target)
        if "$skip=1" in target:
            return ok(value=[])
        return reply

    with serving(lambda _: Reply(200)) as evil, serving(graph(once)) as server:
        mailbox = outlook(server.url)
        mailbox.changes(mailbox.changes('{"f":{}}').cursor)
        token = mailbox.search(Search(("a@x.org",))).next
        mailbox.search(Search(("a@x.org",)), token)
        assert evil.asked == []
    targets = {urlsplit(asked.target).path for asked in server.asked}
    assert targets == {"/v1.0/$batch", "/v1.0/me/mailFolders", "/v1.0/me/messages"}


@pytest.mark.parametrize("link", ["http://[", "https://a]b/x?$skip=1", "http://graph／x?$skip=1"])
@pytest.mark.parametrize("listed", ["folders", "changes", "found"])
def test_a_link_that_is_no_url_is_graphs_trouble_and_ends_no_list(link: str, listed: str) -> None:
    def answer(target: str) -> Reply:
        if target.endswith("?$select=id"):
            return Reply(404)
        if "childFolders" in target or target.startswith("/me/mailFolders?"):
            broken = {"_nextLink": link} if listed == "folders" else {}
            return ok(value=[{"id": "inbox"}], **broken)
        return ok(value=[MESSAGE], _nextLink=link)

    with serving(graph(answer)) as server:
        mailbox = outlook(server.url)
        with pytest.raises(ProviderUnavailable):
            mailbox.search(Search(("a@x.org",))) if listed == "found" else mailbox.changes(
                '{"f":{}}'
            )


def test_immutable_ids_are_asked_for_with_every_request() -> None:
    def answer(target: str) -> Reply:
        if "/messages/delta" in target:
            return ok(value=[], _deltaLink="https://graph.microsoft.com/v1.0/x?$deltatoken=1")
        if target.startswith("/me/mailFolders?"):
            return ok(value=[{"id": "inbox"}])
        return ok(**MESSAGE, value=[])

    with serving(graph(answer)) as server:
        mailbox = outlook(server.url)
        mailbox.cursor()
        mailbox.search(Search())
        mailbox.mails(["m1"])
        mailbox.outcome("e", "e", "")
        mailbox.dispatch("e", outgoing())
    for asked in server.asked:
        assert 'IdType="ImmutableId"' in asked.headers["prefer"]
        if asked.target.endswith("$batch"):
            for item in msgspec.json.decode(asked.body)["requests"]:
                assert 'IdType="ImmutableId"' in item["headers"]["Prefer"]


def test_no_folders_at_all_are_not_believed() -> None:
    with (
        serving(graph(lambda _: ok(id="x", value=[]))) as server,
        pytest.raises(ProviderUnavailable),
    ):
        outlook(server.url).changes('{"f":{"inbox":"$deltatoken=1"}}')


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"value": []},
        {"value": [], "@odata.deltaLink": ""},
        {"value": [], "@odata.deltaLink": "https://graph.microsoft.com/v1.0/no/query"},
        {"value": None, "@odata.deltaLink": "https://x/?$deltatoken=1"},
        {"@odata.deltaLink": "https://x/?$deltatoken=1"},
    ],
    ids=str,
)
def test_a_page_of_changes_that_is_cut_short_moves_nothing(page: dict[str, object]) -> None:
    def answer(target: str) -> Reply:
        if "/messages/delta" in target:
            return Reply(200, msgspec.json.encode(page))
        return ok(value=[{"id": "inbox"}]) if target.startswith("/me/mailFolders?") else Reply(404)

    with serving(graph(answer)) as server, pytest.raises(ProviderUnavailable):
        outlook(server.url).changes('{"f":{}}')


def test_a_changed_message_that_comes_in_part_is_not_taken_for_the_whole() -> None:
    def answer(target: str) -> Reply:
        if "/messages/delta" in target:
            part = {"id": "m1", "isRead": True}
            removed = {"id": "m2", "@removed": {"reason": "changed"}}
            return ok(value=[part, removed, None, {}], _deltaLink="https://x/?$deltatoken=1")
        return ok(value=[{"id": "inbox"}]) if target.startswith("/me/mailFolders?") else Reply(404)

    with serving(graph(answer)) as server:
        page = outlook(server.url).changes('{"f":{}}')
    assert (page.ids, page.envelopes, page.more) == (("m1",), {}, False)


def test_a_preview_cut_in_the_middle_of_an_emoji_spoils_nothing() -> None:
    def answer(target: str) -> Reply:
        if target.startswith("/me/mailFolders?"):
            return ok(value=[{"id": "inbox"}])
        return Reply(200, b'{"id": "m1", "parentFolderId": "inbox", "bodyPreview": "Hi \\ud83d"}')

    with serving(graph(answer)) as server:
        found = outlook(server.url).envelopes(["m1"]).found
    assert found["m1"].snippet == "Hi \ufffd"


def test_search_folders_are_not_followed_for_their_mail_lies_elsewhere() -> None:
    asked_for: list[str] = []

    def answer(target: str) -> Reply:
        if "/messages/delta" in target:
            asked_for.append(target)
            return ok(value=[], _deltaLink="https://x/?$deltatoken=1")
        if target.startswith("/me/mailFolders?"):
            kind = "#microsoft.graph.mailSearchFolder"
            return ok(value=[{"id": "inbox"}, {"id": "virtual", "@odata.type": kind}])
        return Reply(404)

    with serving(graph(answer)) as server:
        outlook(server.url).cursor()
    assert len(asked_for) == 1
    assert parse_qs(urlsplit(asked_for[0]).query)["$select"]
