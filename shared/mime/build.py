"""One outgoing mail to the bytes a provider sends: RFC 5322 and MIME, CRLF, at most ASCII.

Header lines are composed here, because the email package's policies differ between Python versions
and damage real mail: they encode long message ids (replies then lose their thread) and some long
subjects. Only quoted-printable comes from the standard library.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

from shared.domain import ids
from shared.domain.mail import Address, OutgoingMail
from shared.mime import addresses, text

MARK_HEADER = "X-Mailbridge-Email"
"""Carries the id of our email, so that the sent mail is recognised wherever it is met again."""

_LINE = 76
_WORD_BYTES = 39
""""Subject: " and one encoded word of so many bytes fit RFC 2047's 76 characters a line."""
_PLAIN_NAME = re.compile(r"[\w!#$%&'*+/=?^`{|}~ -]*", re.ASCII)
_PRINTABLE = re.compile(r"[ -~]*")
_LONGEST_WORD = 900
"""Characters without a space; a line may have 998."""


def build(mail: OutgoingMail) -> bytes:
    """The mail, Bcc included: Gmail delivers by that header and strips it from every copy but ours.

    Raises ValueError when a value cannot stand in a mail: line breaks or NUL in a header, NUL in a
    body, an address that cannot be sent to.
    """
    content_type, body = _body(mail)
    lines = [*_headers(mail), f"Content-Type: {content_type}"]
    return "\r\n".join(lines).encode("ascii") + body


def message_id(mark: str, sender: str) -> str:
    """Ours, and the same at every attempt. Gmail replaces it; other providers may keep it."""
    domain = addresses.require_sendable(sender).rpartition("@")[2]
    return f"<{ids.derived('message-id', mark)}@{domain}>"


def _headers(mail: OutgoingMail) -> Iterator[str]:
    yield _people("From", (mail.sender,))
    for name, people in (("To", mail.to), ("Cc", mail.cc), ("Bcc", mail.bcc)):
        if people:
            yield _people(name, people)
    yield _fold("Subject", _phrase(mail.subject))
    yield f"Date: {format_datetime(datetime.now(UTC))}"
    yield f"Message-ID: {message_id(mail.mark, mail.sender.address)}"
    if mail.in_reply_to:
        yield _fold("In-Reply-To", [_id(mail.in_reply_to)])
    if mail.references:
        yield _fold("References", map(_id, mail.references))
    yield f"{MARK_HEADER}: {_id(mail.mark)}"
    yield "MIME-Version: 1.0"


def _people(name: str, people: Sequence[Address]) -> str:
    words: list[str] = []
    for person in people:
        words += _display_name(person.name)
        words.append(f"<{addresses.as_written(addresses.require_sendable(person.address))}>,")
    words[-1] = words[-1].removesuffix(",")
    return _fold(name, words)


def _display_name(name: str) -> list[str]:
    words = _phrase(" ".join(_line(name).split()))
    if words[0].startswith("=?") or _PLAIN_NAME.fullmatch(name):
        return words if name else []
    quoted = " ".join(words).replace("\\", r"\\").replace('"', r"\"")
    return f'"{quoted}"'.split(" ")  # a quoted string may be folded at its spaces


def _phrase(value: str) -> list[str]:
    """The words to fold between: as they are when ASCII, encoded otherwise."""
    words = _line(value).split(" ")
    readable = _PRINTABLE.fullmatch(value) and "=?" not in value and value == value.strip()
    if readable and all(len(word) < _LONGEST_WORD for word in words):
        return words
    return [f"=?utf-8?b?{base64.b64encode(part).decode()}?=" for part in _parts(value)]


def _parts(value: str) -> Iterator[bytes]:
    """UTF-8 in pieces of whole characters."""
    part = b""
    for character in value:
        more = character.encode("utf-8", "replace")
        if len(part) + len(more) > _WORD_BYTES:
            yield part
            part = b""
        part += more
    yield part


def _fold(name: str, words: Iterable[str]) -> str:
    """Folded between words where the line would get too long; a word is never cut.

    A line break needs text on both sides, or some would drop a blank one: so none before an empty word
    or before the first."""
    lines = [f"{name}:"]
    first = True
    for word in words:
        line = lines[-1]
        if not first and word and not line.endswith(" ") and len(line) + len(word) >= _LINE:
            lines.append(f" {word}")
        else:
            lines[-1] += f" {word}"
        first = False
    return "\r\n".join(lines)


def _line(value: str) -> str:
    if any(character in value for character in "\r\n\0"):
        raise ValueError("a header value holds a line break or NUL")
    return value


def _id(value: str) -> str:
    """Message ids go out as they came: encoding one would break the thread."""
    if not _PRINTABLE.fullmatch(_line(value)) or len(value) > _LONGEST_WORD:
        raise ValueError("a message id holds characters that mail does not allow")
    return value


# -- bodies ---------------------------------------------------------------------------------------


def _body(mail: OutgoingMail) -> tuple[str, bytes]:
    """The value of Content-Type, and everything that follows it."""
    if not mail.html:
        return "text/plain; charset=utf-8", _encoded(mail.text)
    boundary = f"=_{ids.derived('boundary', mail.mark)}"  # "=_" never occurs in quoted-printable
    plain = mail.text or text.from_html(mail.html)
    parts = (("plain", plain), ("html", mail.html))
    body = b"".join(
        f"--{boundary}\r\nContent-Type: text/{kind}; charset=utf-8".encode()
        + _encoded(content)
        + b"\r\n"
        for kind, content in parts
    )
    content_type = f'multipart/alternative;\r\n boundary="{boundary}"'
    return content_type, b"\r\n\r\n" + body + f"--{boundary}--\r\n".encode()


def _encoded(content: str) -> bytes:
    if "\0" in content:
        raise ValueError("the text holds NUL")
    lines = content.replace("\r\n", "\n").replace("\r", "\n")
    quoted = binascii.b2a_qp(lines.encode("utf-8", "replace"), istext=True)
    return b"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + quoted.replace(
        b"\n", b"\r\n"
    )
