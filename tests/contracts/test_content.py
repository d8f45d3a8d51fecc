"""What a mail shows is the same at every provider, and is never nothing."""

import base64
from collections.abc import Iterator
from html import escape
from pathlib import Path

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from infra.demo.simulated import Simulated
from infra.simulator import Simulator
from shared.domain.errors import Missing
from shared.domain.mail import Content, Kind, Mail
from shared.mime.sanitise import clean_html
from shared.mime.text import from_html
from shared.ports.providers import MailProvider
from shared.providers.registry import PROVIDERS
from tests.contracts.contents import CONTENTS, SAYS, Seen, multi, part, parts, single
from tests.contracts.providers import ACCOUNT, ANA, HARNESSES, Harness, tokens_of
from tests.world import FakeClock

CASES = Path(__file__).parents[2].parent / "shared" / "data" / "cases" / "mail"
"""Cases from public reports, where they lie beside the project."""

Mailboxes = dict[str, tuple[Harness, MailProvider]]


@pytest.fixture(scope="module")
def mailboxes() -> Iterator[Mailboxes]:
    """One at every provider; each mail that arrives is read alone."""
    running = [Simulator.start(clock=FakeClock()) for _ in PROVIDERS]
    made: Mailboxes = {}
    for name, simulator in zip(PROVIDERS, running, strict=True):
        harness = HARNESSES[name](simulator.__enter__())
        Simulated(simulator.url).lift_quota()
        made[name] = harness, harness.provider.mail(ACCOUNT, tokens_of(harness, ANA))
    yield made
    for simulator in running:
        simulator.__exit__(None, None, None)


def read(mailboxes: Mailboxes, raw: bytes) -> dict[str, Mail]:
    mails: dict[str, Mail] = {}
    for name, (harness, mailbox) in mailboxes.items():
        message = harness.deliver(ANA, raw)
        fetched = mailbox.mails([message])
        assert list(fetched.found) == [message], fetched
        mails[name] = fetched.found[message]
    return mails


def words(text: str) -> list[str]:
    return text.split()


def told(content: Content) -> list[tuple[str, str, str, bool]]:
    return [(one.name, one.mime_type, one.content_id, one.inline) for one in content.attachments]


@pytest.mark.parametrize("name", CONTENTS)
def test_a_mail_shows_what_a_person_would_see(name: str, mailboxes: Mailboxes) -> None:
    raw, seen = CONTENTS[name]
    for mail in read(mailboxes, raw).values():
        assert_seen(mail, seen)


def assert_seen(mail: Mail, seen: Seen) -> None:
    envelope, content = mail.envelope, mail.content
    html = clean_html(content.html)
    assert not [one for one in seen.text if one not in content.text], content.text[:2000]
    assert not [one for one in seen.html if one not in content.html + html], content.html[:2000]
    assert not [one for one in seen.not_shown if one in content.text + html]
    if seen.attachments is not None:
        assert [one.name for one in content.attachments] == list(seen.attachments)
    assert [one.content_id for one in content.attachments if one.inline] == list(seen.inline)
    assert envelope.subject == (seen.subject or envelope.subject)
    assert envelope.sender[0].address == (seen.sender or envelope.sender[0].address)
    assert (envelope.sent_by.address if envelope.sent_by else "") == seen.sent_by
    invitation = content.invitation
    assert (Kind.INVITATION if invitation else envelope.kind) is seen.kind
    assert (invitation.summary if invitation else "") == seen.meeting
    assert invitation is None or invitation.starts_at is not None
    assert content.closed == seen.closed
    assert content.text[: content.quoted_from].strip() == (seen.new or content.text.strip())


@pytest.mark.parametrize("name", CONTENTS)
def test_every_provider_shows_the_same(name: str, mailboxes: Mailboxes) -> None:
    assert_same(read(mailboxes, CONTENTS[name][0]))


def assert_same(mails: dict[str, Mail]) -> None:
    first, *others = mails.values()
    for other in others:
        assert words(first.content.text) == words(other.content.text)
        assert words(from_html(first.content.html)) == words(from_html(other.content.html))
        assert told(first.content) == told(other.content)
        assert first.content.closed == other.content.closed
        assert first.content.invitation == other.content.invitation
        assert first.envelope.subject == other.envelope.subject
        assert first.envelope.sender == other.envelope.sender
        assert first.envelope.sent_by == other.envelope.sent_by
        assert first.envelope.kind is other.envelope.kind


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases lie beside the project, and not here")
@pytest.mark.parametrize("case", [path.stem for path in sorted(CASES.glob("*.eml"))])
def test_what_broke_other_programs_shows_the_same_at_every_provider(
    case: str, mailboxes: Mailboxes
) -> None:
    raw = (CASES / f"{case}.eml").read_bytes().replace(b"%%ME%%", ANA.encode())
    mails = read(mailboxes, raw)
    assert_same(mails)
    for mail in mails.values():
        assert mail.content.text.strip() or mail.content.attachments


# -- files ----------------------------------------------------------------------------------------

FILE = bytes(range(256)) * 12_000
"""Three megabytes, of every byte."""
WITH_FILES = multi(
    "mixed",
    SAYS,
    part(
        "application/pdf; name=a.pdf", base64.encodebytes(FILE), "Content-Transfer-Encoding: base64"
    ),
    part("text/plain; name=note.txt", "A note.", "Content-Disposition: attachment"),
    part("application/octet-stream", "unnamed"),
)


def test_every_file_is_read_in_pieces_by_its_place_in_the_list(mailboxes: Mailboxes) -> None:
    for harness, mailbox in mailboxes.values():
        message = harness.deliver(ANA, WITH_FILES)
        listed = mailbox.mails([message]).found[message].content.attachments
        assert [one.name for one in listed] == ["a.pdf", "note.txt", "noname"]
        pieces = list(mailbox.attachment(message, 0))
        assert b"".join(pieces) == FILE
        assert max(map(len, pieces)) <= 1 << 20
        assert b"".join(mailbox.attachment(message, 1)) == b"A note."
        assert b"".join(mailbox.attachment(message, 2)) == b"unnamed"


@pytest.mark.parametrize("number", [-1, 3])
def test_a_file_that_is_not_there_is_missing(mailboxes: Mailboxes, number: int) -> None:
    for harness, mailbox in mailboxes.values():
        message = harness.deliver(ANA, WITH_FILES)
        with pytest.raises(Missing):
            list(mailbox.attachment(message, number))
        harness.delete(ANA, message)
        with pytest.raises(Missing):
            list(mailbox.attachment(message, 0))


def test_a_file_is_read_with_a_token_that_ended_meanwhile(mailboxes: Mailboxes) -> None:
    for harness, mailbox in mailboxes.values():
        message = harness.deliver(ANA, WITH_FILES)
        harness.expire_access(ANA)
        assert b"".join(mailbox.attachment(message, 0)) == FILE


# -- mails nobody wrote ---------------------------------------------------------------------------

SAID = st.lists(
    st.sampled_from(["offer", "Grüße", "日本", "a<b", "&amp;", "Ünï", "x"]), min_size=1, max_size=4
).map(" ".join)
NAMES = st.sampled_from(["", "", "", "notes.txt", "übung.txt"])
DISPOSITIONS = st.sampled_from(["", "", "", "inline", "attachment"])
CHARSETS = st.sampled_from(["utf-8", "utf-8", "UTF8", '"utf-8"', "us-ascii", "no-such", ""])
KINDS = st.sampled_from(
    ["text/plain", "text/plain", "text/html", "text/html", "text/x-amp-html", "text/strange",
     "image/png", "application/pdf", "application/octet-stream", "message/delivery-status"]
)  # fmt: skip


def labelled(draw: st.DrawFn, kind: str, said: str, *headers: str) -> bytes:
    """A part, its label right or not."""
    charset, name, disposition = draw(CHARSETS), draw(NAMES), draw(DISPOSITIONS)
    label = f"{kind}; charset={charset}" if charset and kind.startswith("text/") else kind
    given = [*headers, *([f"Content-Disposition: {disposition}"] if disposition else [])]
    body = f"<p>{escape(said)}</p>" if kind == "text/html" else said
    return part(f'{label}; name="{name}"' if name else label, body, *given)


@st.composite
def leaves(draw: st.DrawFn) -> bytes:
    kind = draw(KINDS)
    return labelled(draw, kind, draw(SAID), *(["Content-ID: <c@x>"] * (kind == "image/png")))


@st.composite
def choices(draw: st.DrawFn) -> bytes:
    """One saying in several forms, in any order, with what list software puts beside them."""
    said, mark = draw(SAID), draw(MARKS)
    plain, html = (
        part("text/plain; charset=utf-8", said),
        part("text/html", f"<p>{escape(said)}</p>"),
    )
    if draw(st.booleans()):
        html = group("related", [html, labelled(draw, "image/png", "x")], mark + 1)
    twin = part("text/x-amp-html", f"<p>{escape(said)}</p>")
    forms = draw(st.permutations([plain, html, *([twin] * draw(st.integers(0, 1)))]))
    footer = part("text/plain", draw(SAID))
    return group("alternative", [*forms, *([footer] * draw(st.integers(0, 1)))], mark)


def group(kind: str, held: list[bytes], mark: int) -> bytes:
    return part(*parts(kind, *held, mark=f"g{mark:x}"))


MARKS = st.integers(0, 2**48)
TREES = st.recursive(
    leaves() | choices(),
    lambda inner: st.builds(
        group,
        st.sampled_from(["mixed", "related", "signed", "x-unknown"]),
        st.lists(inner, min_size=1, max_size=4),
        MARKS,
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(TREES)
def test_no_mail_is_nothing_and_every_provider_shows_the_same(
    mailboxes: Mailboxes, tree: bytes
) -> None:
    head, _, body = tree.partition(b"\r\n\r\n")
    content_type, *headers = head.decode().split("\r\n")
    raw = single(content_type.partition(": ")[2], body, *headers)
    note(raw.decode())
    mails = read(mailboxes, raw)
    assert_same(mails)
    for mail in mails.values():
        assert mail.content.text.strip() or mail.content.attachments
        assert bool(mail.content.text.strip()) >= bool(mail.content.html.strip())
