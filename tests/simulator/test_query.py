"""Gmail's search language."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.simulator import headers
from infra.simulator.google.payload import Reading, read
from infra.simulator.google.query import Query
from infra.simulator.mail import Message
from tests.simulator.people import ANA, mail

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Found:
    """A mail outside of any mailbox, for a query to look at."""

    def __init__(
        self, raw: bytes, *, at: datetime = NOW, labels: tuple[str, ...] = ("INBOX",)
    ) -> None:
        self.message = Message(
            id="1",
            account=ANA,
            thread="1",
            at=int(at.timestamp() * 1000),
            labels=labels,
            size=len(raw),
            change=1,
            facts=headers.facts(raw),
        )
        self.reading: Reading = read(raw)

    @property
    def text(self) -> str:
        return self.reading.text

    @property
    def has_attachment(self) -> bool:
        return self.reading.named


LETTER = Found(
    mail(
        "The quick brown fox jumps.",
        sender='"Doe, Carl" <Carl.Doe@client.example>',
        to=f"{ANA}, Ben Okoro <ben@example.com>",
        Cc="team: dora@example.com, eve@else.example;",
        Bcc="secret@example.com",
        Subject="=?utf-8?q?R=C3=A9union_on_Friday?=",
        Message_ID="<one@client.example>",
    ),
    at=datetime(2026, 11, 19, 8, tzinfo=UTC),
    labels=("INBOX", "UNREAD", "STARRED"),
)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "from:carl.doe@client.example",
        "FROM:CARL.DOE@CLIENT.EXAMPLE",
        "from:carl",
        'from:"doe carl"',
        "from:client.example",
        "from:@client.example",
        "to:ana@example.com",
        "to:me",
        "to:okoro",
        "cc:dora@example.com cc:eve",
        "bcc:secret@example.com",
        "subject:réunion",
        'subject:"on friday"',
        "subject:(friday réunion)",
        "rfc822msgid:one@client.example",
        "rfc822msgid:<one@client.example>",
        "quick",
        '"quick brown"',
        "quick-brown",
        "carl",
        "fox OR cat",
        "cat OR fox",
        "{cat fox}",
        "{from:nobody from:carl}",
        "from:{nobody carl}",
        "(quick fox)",
        "-cat",
        "-from:nobody -{cat dog}",
        "-(fox cat)",
        "from:carl {to:nobody to:ana@example.com} fox",
        "in:inbox",
        "label:STARRED",
        "is:unread",
        "-is:read",
        "-has:attachment",
        "after:2026/11/19",
        "after:2026-11-18",
        "after:11/18/2026",
        "before:2026/11/20",
        "newer_than:2d",
        "older_than:1d",
        f"after:{int(LETTER.message.at / 1000)}",
        f"before:{int(LETTER.message.at / 1000) + 1}",
        "unheard:of OR fox",
    ],
)
def test_finds_the_letter(query: str) -> None:
    assert Query(query, NOW).matches(LETTER)


@pytest.mark.parametrize(
    "query",
    [
        "from:ana@example.com",
        "from:doe@client.example",
        "from:lient.example",
        "from:@example",
        "to:carl",
        "cc:ana@example.com",
        "subject:fox",
        "subject:friday-réunion",
        "rfc822msgid:client.example",
        "quic",
        '"brown quick"',
        "fox cat",
        "fox -quick",
        "{cat dog}",
        "cat OR dog fox",
        "from:{nobody anybody}",
        "-fox",
        "-{fox cat}",
        "in:sent",
        "is:read",
        "has:attachment",
        "after:2026/11/20",
        "before:2026/11/19",
        "newer_than:1d",
        "older_than:2d",
        "after:9999/99/99",
        "unheard:of",
    ],
)
def test_does_not_find_the_letter(query: str) -> None:
    assert not Query(query, NOW).matches(LETTER)


def test_a_date_means_midnight_on_the_pacific_coast() -> None:
    start = datetime(2026, 11, 19, 8, tzinfo=UTC)
    query = Query("after:2026/11/19", NOW).matches

    assert query(Found(mail(), at=start))
    assert not query(Found(mail(), at=start - timedelta(milliseconds=1)))


def test_an_attachment_is_a_part_with_a_name() -> None:
    part = "--b\r\nContent-Type: image/png; name=x.png\r\n\r\nx\r\n--b--"
    raw = mail(part, Content_Type="multipart/mixed; boundary=b")

    assert Query("has:attachment", NOW).matches(Found(raw))


def test_addresses_in_broken_headers_are_found() -> None:
    letter = Found(
        mail(sender="carl@client.example <<carl>", to="ana@example.com <ben@else.example>")
    )

    for query in ("from:carl@client.example", "to:ben@else.example", "to:ana@example.com"):
        assert Query(query, NOW).matches(letter), query


@pytest.mark.parametrize("query", ["in:spam", "label:trash", "is:spam", "in:anywhere"])
def test_naming_spam_or_trash_searches_there_too(query: str) -> None:
    assert Query(query, NOW).searches_spam_and_trash
    assert Query(f"-from:x {query} -in:inbox", NOW).searches_spam_and_trash
    assert not Query(f"-{query}", NOW).searches_spam_and_trash
    assert not Query(query.replace(":", " "), NOW).searches_spam_and_trash


WORDS = st.sampled_from(
    ["fox", "cat", "from:carl", "to:nobody", "is:unread", '"quick brown"', "in:sent"]
)


def _queries(inner: st.SearchStrategy[tuple[str, bool]]) -> st.SearchStrategy[tuple[str, bool]]:
    several = st.lists(inner, min_size=1, max_size=4)
    return st.one_of(
        several.map(lambda terms: (f"({' '.join(q for q, _ in terms)})", all(t for _, t in terms))),
        several.map(
            lambda terms: (f"{{{' '.join(q for q, _ in terms)}}}", any(t for _, t in terms))
        ),
        several.map(
            lambda terms: (f"({' OR '.join(q for q, _ in terms)})", any(t for _, t in terms))
        ),
        inner.map(
            lambda term: (
                (f"-{term[0].removeprefix('-')}", not term[1]) if term[0][0] != "-" else term
            )
        ),
    )


TERMS = WORDS.map(lambda word: (word, word in {"fox", "from:carl", "is:unread", '"quick brown"'}))


@settings(deadline=None)
@given(st.recursive(TERMS, _queries, max_leaves=12))
def test_and_or_not_and_brackets_mean_what_they_say(term: tuple[str, bool]) -> None:
    query, expected = term

    assert Query(query, NOW).matches(LETTER) is expected


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from('abc:"(){}- -OR<>@./0123456789é\n'), max_size=60))
def test_whatever_is_written_is_answered(query: str) -> None:
    assert Query(query, NOW).matches(LETTER) in {True, False}


def test_brackets_without_end_are_answered() -> None:
    assert Query("(" * 5_000 + "fox" + "{" * 5_000, NOW).matches(LETTER) in {True, False}
    assert Query("-(" * 5_000 + "fox", NOW).matches(LETTER) in {True, False}
