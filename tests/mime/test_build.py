"""Building a mail: what we write, everybody reads back."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.mail import Address, OutgoingMail
from shared.mime import addresses, headers
from shared.mime.build import MARK_HEADER, build, message_id

ANA = Address("ana@example.com", "Ana Souza")
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
LINE = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"])).map(str.strip)
PEOPLE = st.lists(
    st.builds(
        Address,
        st.from_regex(r"[a-z0-9]{1,9}(\.[a-z0-9+]{1,9})?@[a-z]{1,9}\.(org|de)", fullmatch=True),
        LINE,
    ),
    max_size=4,
).map(tuple)


def mail(**fields: object) -> OutgoingMail:
    return OutgoingMail(**{"mark": "mark1", "sender": ANA, **fields})  # type: ignore[arg-type]


def parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)


def raw_header(raw: bytes, name: str) -> str:
    """The unfolded value, as bytes on the wire."""
    head = raw.partition(b"\r\n\r\n")[0].decode("ascii").replace("\r\n ", " ")
    return next(line for line in head.split("\r\n") if line.startswith(f"{name}: "))[
        len(name) + 2 :
    ]


def body(raw: bytes, kind: str) -> str:
    part = parsed(raw).get_body((kind,))
    assert part is not None
    payload = cast("bytes", part.get_payload(decode=True))
    return payload.decode().replace("\r\n", "\n").removesuffix("\n")


@given(subject=LINE, to=PEOPLE, cc=PEOPLE, bcc=PEOPLE)
def test_subject_and_people_are_read_back(
    subject: str, to: tuple[Address, ...], cc: tuple[Address, ...], bcc: tuple[Address, ...]
) -> None:
    raw = build(mail(subject=subject, to=to, cc=cc, bcc=bcc, text="x"))
    assert headers.decode(raw_header(raw, "Subject")) == subject
    for name, people in (("To", to), ("Cc", cc), ("Bcc", bcc)):
        if people:
            read = addresses.parse_list(raw_header(raw, name))
            assert [person.address for person in read] == [person.address for person in people]
            for person, wanted in zip(read, people, strict=True):
                assert person.name == " ".join(wanted.name.split())


@given(subject=LINE, to=PEOPLE)
def test_the_standard_library_reads_the_same(subject: str, to: tuple[Address, ...]) -> None:
    message = parsed(build(mail(subject=subject, to=to, text="x")))
    assert message["Subject"] == subject
    if to:
        assert [a.addr_spec for a in message["To"].addresses] == [p.address for p in to]


@given(text=TEXT, html=TEXT.filter(bool))
def test_both_bodies_are_read_back(text: str, html: str) -> None:
    raw = build(mail(text=text or "x", html=html))
    lines = "\n".join
    assert body(raw, "plain") == lines(re.split(r"\r\n|\r|\n", text or "x")).removesuffix("\n")
    assert body(raw, "html") == lines(re.split(r"\r\n|\r|\n", html)).removesuffix("\n")


@given(subject=LINE, text=TEXT, to=PEOPLE)
def test_what_goes_over_the_wire_is_ascii_in_short_lines_ended_by_crlf(
    subject: str, text: str, to: tuple[Address, ...]
) -> None:
    raw = build(mail(subject=subject, text=text, to=to))
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    for line in raw.partition(b"\r\n\r\n")[0].split(b"\r\n"):
        assert line.strip(), "a blank line would end the headers"
        if b"=?utf-8?" in line:
            assert len(line) <= 76
    for word in re.findall(rb"=\?utf-8\?b\?[^?]*\?=", raw):
        assert len(word) <= 75
        assert "\ufffd" not in headers.decode(word.decode()), "no character is cut in half"


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "Plain",
        "Re: " + "x" * 70 + " é",
        "🧀" * 60,
        "a word " * 30 + "end",
        "two  spaces   stay",
        "=?utf-8?q?not_encoded?=",
        "x" * 2_000,
        " leading",
        "tab\there",
    ],
)
def test_a_subject_survives(subject: str) -> None:
    raw = build(mail(subject=subject, text="x"))
    written = raw_header(raw, "Subject") if subject else ""
    assert headers.decode(written) == subject.strip().replace("\t", " ")
    assert ("=?" in written) == (not subject.isprintable() or not subject.isascii() or "=?" in subject
                                 or subject != subject.strip() or len(subject) > 900)  # fmt: skip


def test_the_headers_a_mail_needs_are_there() -> None:
    raw = build(mail(to=(Address("jane@example.org", "Doe, Jane"),), html="<p>Hi</p>"))
    message = parsed(raw)
    assert message["From"] == "Ana Souza <ana@example.com>"
    assert message["To"] == '"Doe, Jane" <jane@example.org>'
    assert message["MIME-Version"] == "1.0"
    assert headers.parse_date(message["Date"]) is not None
    assert message["Message-ID"] == message_id("mark1", "ana@example.com")
    assert message[MARK_HEADER] == "mark1"
    assert message["Cc"] is None
    assert message["Bcc"] is None
    assert message.get_content_type() == "multipart/alternative"
    for part in message.iter_parts():
        assert part["Content-Transfer-Encoding"] == "quoted-printable"
        assert part.get_content_charset() == "utf-8"


def test_a_mail_of_text_alone_is_no_multipart() -> None:
    message = parsed(build(mail(text="Grüße\n")))
    assert message.get_content_type() == "text/plain"
    assert message.get_content() == "Grüße\r\n"


def test_text_is_made_from_html_and_keeps_every_link() -> None:
    raw = build(
        mail(html='<p>Hi <b>Jane</b>, see <a href="https://x.org/a?b=1&amp;c=2">this</a></p>')
    )
    assert body(raw, "plain") == "Hi Jane, see this <https://x.org/a?b=1&c=2>"


def test_the_message_id_is_the_same_at_every_attempt_and_for_no_other_mail() -> None:
    assert raw_header(build(mail(text="a")), "Message-ID") == raw_header(
        build(mail(text="b")), "Message-ID"
    )
    assert message_id("mark1", "ana@example.com") != message_id("mark2", "ana@example.com")


@pytest.mark.parametrize("length", [10, 79, 120, 500])
def test_message_ids_go_out_as_they_came_however_long(length: int) -> None:
    long_id = f"<{'A' * length}@prod.outlook.com>"
    raw = build(mail(in_reply_to=long_id, references=("<a@b>", long_id, "<c@d>"), text="x"))
    assert raw_header(raw, "In-Reply-To") == long_id
    assert raw_header(raw, "References") == f"<a@b> {long_id} <c@d>"


def test_an_international_domain_goes_out_as_ascii() -> None:
    raw = build(mail(to=(Address("jane@münchen.de", "Jörg"),), text="x"))
    assert raw_header(raw, "To") == "=?utf-8?b?SsO2cmc=?= <jane@xn--mnchen-3ya.de>"


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "a\r\nBcc: eve@example.org"},
        {"subject": "a\nb"},
        {"subject": "a\0b"},
        {"mark": "a\r\nb"},
        {"in_reply_to": "<a>\r\nX: y"},
        {"references": ("<ä@x>",)},
        {"references": ("<" + "a" * 1_000 + ">",)},
        {"sender": Address("ana@example.com", "Ana\r\nX: y")},
        {"to": (Address("jane@example.org\r\nX: y"),)},
        {"to": (Address("jürgen@example.org"),)},
        {"to": (Address("jane@example.org, eve@example.org"),)},
        {"to": (Address("jane@example.org", "J\0"),)},
        {"text": "a\0b"},
        {"html": "a\0b"},
    ],
)
def test_what_cannot_stand_in_a_mail_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        build(mail(**({"text": "x"} | fields)))


@pytest.mark.parametrize(
    "name",
    [
        'Doe, "JD" Jane',
        "back\\slash",
        "x" * 1_500,
        "a b " * 300,
        "a, b " * 300,
        "(comment)",
        "=?x?q?y?=",
    ],
)
def test_a_difficult_name_survives(name: str) -> None:
    raw = build(mail(to=(Address("jane@example.org", name),), text="x"))
    (person,) = addresses.parse_list(raw_header(raw, "To"))
    assert (person.address, person.name) == ("jane@example.org", name.strip())
    assert max(map(len, raw.split(b"\r\n"))) <= 998
