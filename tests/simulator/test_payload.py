"""What Gmail's JSON shows of a mail, well made or not."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.simulator import headers
from infra.simulator.google.payload import Reading, read
from tests.simulator.people import decoded, mail


def payload(raw: bytes) -> Any:
    return msgspec.json.decode(read(raw).payload)


def text(raw: bytes) -> str:
    return decoded(payload(raw)["body"]["data"]).decode()


def header(raw: bytes, name: str) -> str:
    [value] = [h["value"] for h in payload(raw)["headers"] if h["name"] == name]
    return str(value)


def multipart(kind: str, *parts: str) -> bytes:
    body = "".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--"
    return mail(body, Content_Type=f"multipart/{kind}; boundary=b")


def test_the_tree_has_part_ids_as_gmail_counts_them() -> None:
    texts = "--c\r\n\r\nA\r\n--c\r\nContent-Type: text/html\r\n\r\nB\r\n--c--"
    inner = f"Content-Type: multipart/alternative; boundary=c\r\n\r\n{texts}"
    tree = payload(multipart("mixed", inner, "Content-Type: text/csv; name=x.csv\r\n\r\n1"))

    assert (tree["partId"], tree["mimeType"], tree["body"]) == ("", "multipart/mixed", {"size": 0})
    assert [part["partId"] for part in tree["parts"]] == ["0", "1"]
    assert [part["partId"] for part in tree["parts"][0]["parts"]] == ["0.0", "0.1"]
    assert tree["parts"][1]["filename"] == "x.csv"
    assert "attachmentId" in tree["parts"][1]["body"]


@pytest.mark.parametrize(
    ("content_type", "encoding", "body", "shown"),
    [
        ("text/plain; charset=utf-8", "8bit", "Grüße".encode(), "Grüße"),
        ("text/plain; charset=iso-8859-1", "8bit", "Grüße".encode("latin-1"), "Grüße"),
        ("text/plain; charset=iso-8859-1", "8bit", "5 €".encode("cp1252"), "5 €"),
        ("text/plain; charset=iso-2022-jp", "7bit", "日本".encode("iso2022_jp"), "日本"),
        ("text/plain; charset=ks_c_5601-1987", "8bit", "한국".encode("cp949"), "한국"),
        ("text/plain; charset=utf-8", "8bit", "Grüße".encode("latin-1"), "Gr\ufffd\ufffde"),
        ("text/plain; charset=us-ascii", "8bit", "Grüße".encode(), "Grüße"),
        ("text/plain; charset=no-such", "8bit", "Grüße".encode(), "Grüße"),
        ("text/plain", "8bit", "Grüße".encode(), "Grüße"),
        ("text/plain; charset=utf-8", "base64", b"R3LDvMOfZQ==", "Grüße"),
        ("text/plain; charset=utf-8", "base64", b"R3LDvMOfZ", "Grüß"),
        ("text/plain; charset=utf-8", "quoted-printable", b"Gr=C3=BC=C3=9Fe=\r\n!", "Grüße!"),
        ("text/plain; charset=utf-8", "7-bits", b"plain", "plain"),
        ('text/plain; charset="utf-8', "", b"plain", "plain"),
    ],
)
def test_text_is_served_as_utf8_whatever_it_was_written_in(
    content_type: str, encoding: str, body: bytes, shown: str
) -> None:
    raw = mail("", Content_Type=content_type, Content_Transfer_Encoding=encoding)

    assert text(raw.rstrip() + b"\r\n\r\n" + body).strip() == shown


@pytest.mark.parametrize("content_type", ["text/plain", "text/plain; charset=no-such"])
def test_text_in_a_charset_that_nobody_tells_is_served_as_it_came(content_type: str) -> None:
    raw = mail("", Content_Type=content_type, Content_Transfer_Encoding="8bit")
    written = "Grüße".encode("latin-1")
    assert decoded(payload(raw.rstrip() + b"\r\n\r\n" + written)["body"]["data"]) == written


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("=?UTF-8?B?R3LDvMOfZQ==?= and more", "Grüße and more"),
        ("=?utf-8?q?Gr=C3?= =?utf-8?q?=BC?=\r\n =?utf-8?q?=C3=9Fe?=", "Grüße"),
        ("=?utf-8?B?R3LDvMOfZQ?=", "Grüße"),
        ("=?no-such?q?caf=C3=A9?=", "café"),
        ("=?utf-8?x?no?=", "=?utf-8?x?no?="),
        ("=?utf-8*en?q?language?=", "language"),
        ("two\r\n\tlines", "two\tlines"),
        ("=?utf-8?q?a=0D=0ABcc:_x?=", "a  Bcc: x"),
        ("", ""),
    ],
)
def test_headers_are_unfolded_and_decoded(written: str, shown: str) -> None:
    assert header(mail(Subject=written), "Subject") == shown


def test_eight_bit_headers_are_read_as_utf8_or_windows_latin() -> None:
    assert header("Subject: Grüße\r\n\r\n".encode(), "Subject") == "Grüße"
    assert header("Subject: Grüße\r\n\r\n".encode("latin-1"), "Subject") == "Grüße"


def test_a_decoded_name_cannot_become_another_address() -> None:
    raw = mail(sender="=?utf-8?q?Doe=2C_J=22=22_=3Cx=40evil=2Eexample=3E?= <jane@x.example>")

    assert header(raw, "From") == '"Doe, J\\"\\" <x@evil.example>" <jane@x.example>'
    assert headers.facts(raw).people["from"].addresses == ("jane@x.example",)


def test_a_name_encoded_inside_its_quotes_is_not_quoted_twice() -> None:
    raw = mail(sender='"=?utf-8?q?Doe=2C_J?=" <jane@x.example>')

    assert header(raw, "From") == '"Doe, J" <jane@x.example>'


def test_file_names_in_every_spelling() -> None:
    spelt = [
        'Content-Disposition: attachment; filename="müller.pdf"',
        "Content-Disposition: attachment; filename*=utf-8''m%C3%BCller.pdf",
        'Content-Disposition: attachment; filename="=?utf-8?q?m=C3=BCller=2Epdf?="',
        'Content-Type: application/pdf; name="=?utf-8?b?bcO8bGxlci5wZGY=?="',
        "Content-Disposition: attachment; filename*0*=utf-8''m%C3%BC; filename*1=ller.pdf",
    ]

    parts = payload(multipart("mixed", *[f"{one}\r\n\r\nx" for one in spelt]))["parts"]

    assert [part["filename"] for part in parts] == ["müller.pdf"] * len(spelt)


def test_an_attached_mail_is_nested_and_its_bytes_can_be_fetched() -> None:
    named = "Content-Type: message/rfc822\r\nContent-Disposition: attachment; filename=a.eml"
    reading = read(multipart("mixed", f"{named}\r\n\r\nSubject: Inner\r\n\r\nHi"))
    part = msgspec.json.decode(reading.payload)["parts"][0]

    assert part["parts"][0]["partId"] == "0.0"
    assert part["parts"][0]["headers"] == [{"name": "Subject", "value": "Inner"}]
    assert b"Subject: Inner" in reading.attachments[part["body"]["attachmentId"]]


def test_a_delivery_status_is_one_part() -> None:
    status = "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nStatus: 5.1.1\r\n"
    [part] = payload(multipart("report", status))["parts"]

    assert "parts" not in part
    assert b"Status: 5.1.1" in decoded(part["body"]["data"])


@pytest.mark.parametrize(
    ("content_type", "body", "snippet"),
    [
        ("text/plain", "Hi  <there>\r\n'friend'", "Hi &lt;there&gt; &#39;friend&#39;"),
        (
            "text/html",
            "<style>p{}</style><script>alert(1)</script><p>Hi&nbsp;<b>you</b> &amp; me<!-- no -->",
            "Hi you &amp; me",
        ),
        ("text/html", "<script>never ends", ""),
        ("text/plain", "x" * 500, "x" * 200),
    ],
)
def test_the_snippet_is_the_beginning_of_what_is_shown(
    content_type: str, body: str, snippet: str
) -> None:
    assert read(mail(body, Content_Type=content_type)).snippet == snippet


def test_nesting_without_end_is_served() -> None:
    deep = "".join(
        f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(2_000)
    )
    attached = "Content-Type: message/rfc822\r\n\r\n" * 2_000

    for raw in (deep.encode(), attached.encode()):
        assert payload(raw)["mimeType"]


PIECES = [
    b"\r\n",
    b"\n",
    b" folded\r\n",
    b"\x00\xff",
    b"--b\r\n",
    b"--b--\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n",
    b'Content-Type: text/plain; charset="\r\n',
    b"Content-Type: message/rfc822\n",
    b"Content-Type: message/delivery-status\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Transfer-Encoding: x-uuencode\r\n",
    b"Content-Disposition: attachment; filename*=x'y\r\n",
    b"From: =?utf-8?b?/?= <a@b\r\n",
    b"To: a@x, b <c@d>;;\r\n",
    b"Date: Mon, 99 Foo 99999\r\n",
    b"Subject: =?a?q?=\r\n",
    b"From a@b Mon\r\n",
    b"begin 644 x\n#0V%T\n",
]
"""What broken mails are made of."""


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=300) | st.lists(st.sampled_from(PIECES), max_size=14).map(b"".join))
def test_no_bytes_are_too_broken_to_be_served(raw: bytes) -> None:
    reading: Reading = read(raw)
    headers.facts(raw)

    assert msgspec.json.decode(reading.payload)["partId"] == ""
    assert reading.text.startswith(" ")


@given(
    st.lists(
        st.sampled_from([b"A: 1\r\n", b"Bcc: x\r\n\ty\r\n", b"B: 2\n", b"bcc : z\n"]), max_size=6
    )
)
def test_editing_headers_takes_out_the_named_ones_and_no_other_byte(fields: list[bytes]) -> None:
    raw = b"".join([*fields, b"\r\n", b"body\r\nBcc: in the body\r\n"])

    edited = headers.edited(raw, drop=("BCC",), add=(("X", "1"),))

    kept = b"".join(field for field in fields if not field.lower().startswith(b"bcc"))
    assert edited.split(b"\n", 1)[1].startswith(kept)
    assert edited.endswith(b"\r\nbody\r\nBcc: in the body\r\n")
    assert [name for name, _ in headers.fields(edited)].count("X") == 1
