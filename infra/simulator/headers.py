"""The header fields of a mail: whom they name, when it was written, what it answers.

Made for mail as it is found in the wild: nothing here raises on bad input, whatever the bytes.
"""

import email.utils
import quopri
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import getaddresses, parsedate_to_datetime

from msgspec import Struct

from infra.simulator.charsets import charset_text, header_text, lenient_base64, words

_WORD = re.compile(r"=\?([^?*\s]+)(?:\*[^?\s]*)?\?([bBqQ])\?([^?]*)\?=")
_BETWEEN = re.compile(r"(\?=)[ \t]+(?==\?[^?\s]+\?[bBqQ]\?)")
_FOLD = re.compile(r"\r?\n|\r")
_FIELD = re.compile(
    rb"(?m)^[!-9;-~]+[ \t]*:[^\r\n]*(?:(?:\r\n|\n|\r)[ \t][^\r\n]*)*(?:\r\n|\n|\r|\Z)"
)
_SPACED = re.compile(rb"(?m)^([!-9;-~]+)[ \t]+:")
_END = re.compile(rb"\r\n\r\n|\n\r?\n|\r\n\n|\r\r|\A(?:\r\n|\n|\r)")
_ADDRESS = re.compile(r"[^\s<>()\[\]\\,;:\"']{1,256}@[^\s<>()\[\]\\,;:\"'@]{1,256}")
_WHOLE = re.compile(r"(?!'.*'$)(?:\"[^\"]+\"|[^\s\"@]+)@[^\s@]+")
_ONLY_SHOWN = re.compile(
    r"""("(?:[^"\\]|\\.)*")|([^\s<>,;:"()]+@[^\s<>,;:"()]+)(?=\s*<)|<([^<>"]*)>(?=[^<>,;:"]*<)"""
)
"""Quoted strings; and outside of them, what stands before the brackets that hold the address."""
_MESSAGE_ID = re.compile(r"<[^<>\s]+>")
_LAX = {"strict": False} if hasattr(email.utils, "supports_strict_parsing") else {}
"""Newer Pythons give up on a whole header where older ones, and mail clients, read most of it."""
_REPLY = re.compile(r"^\s*((re|fwd?|aw|wg|sv|antw)\s*(\[\d+\])?\s*:\s*)+", re.IGNORECASE)
PEOPLE = ("from", "to", "cc", "bcc", "reply-to")


class People(Struct, frozen=True):
    """Everybody named in one address header, lower-cased."""

    addresses: tuple[str, ...] = ()
    address_words: str = ""
    """For searching: the `words` of each address, "|" between them."""
    name_words: str = ""
    """Likewise of display names, and of what looks like an address where none belongs."""


class Facts(Struct, frozen=True, kw_only=True):
    """What is known of a mail from its headers alone."""

    subject: str = ""
    message_id: str = ""
    """With angle brackets as a rule, "" if there is none."""
    references: tuple[str, ...] = ()
    """References and In-Reply-To."""
    dated_ms: int | None = None
    """The Date header in ms since 1970; None when absent, unreadable or before 1970."""
    people: dict[str, People] = {}
    """By header: from, to, cc, bcc, reply-to."""

    @property
    def sender(self) -> str:
        addresses = self.people["from"].addresses
        return addresses[0] if addresses else ""

    @property
    def recipients(self) -> list[str]:
        """To, cc and bcc, each address once."""
        named = (address for key in PEOPLE[1:4] for address in self.people[key].addresses)
        return list(dict.fromkeys(named))


def facts(raw: bytes) -> Facts:
    headers = fields(raw)
    refs = " ".join([*_all(headers, "references"), *_all(headers, "in-reply-to")])
    return Facts(
        subject=decoded(first(headers, "subject")).strip(),
        message_id=message_id(first(headers, "message-id")),
        references=tuple(dict.fromkeys(_MESSAGE_ID.findall(refs))),
        dated_ms=milliseconds(first(headers, "date")) or _received_ms(headers),
        people={name: people(_all(headers, name)) for name in PEOPLE},
    )


# -- Headers --------------------------------------------------------------------------------------


def split(raw: bytes) -> tuple[bytes, bytes]:
    """The header block with its last line end, and the body without the blank line before it."""
    if not (match := _END.search(raw)):
        return raw, b""
    blank = match.end()
    gap = 2 if raw[blank - 2 : blank] == b"\r\n" else 1
    return raw[: blank - gap], raw[blank:]


def fields(raw: bytes) -> list[tuple[str, str]]:
    """Names and unfolded, still encoded values, as they stand; other lines are left out."""
    block, _ = split(raw)
    pairs = (field.split(b":", 1) for field in _FIELD.findall(block))
    return [(name.decode("ascii").rstrip(), unfolded(header_text(value))) for name, value in pairs]


def tidied(raw: bytes) -> bytes:
    """The same mail without lines among its headers that are none, and no space before a colon.

    Parsers take such a line for the beginning of the body; mail clients, like us, read on.
    """
    block, _ = split(raw)
    found = list(_FIELD.finditer(block))
    if len(block) == sum(len(field.group()) for field in found) and not _SPACED.search(block):
        return raw
    clean = b"".join(_SPACED.sub(rb"\1:", field.group()) for field in found)
    end = found[-1].end() if found else 0
    return clean + (raw[end:] if end == len(block) else b"\n" + raw[end:])


def first(headers: Iterable[tuple[str, str]], name: str) -> str:
    return next(iter(_all(headers, name)), "")


def _all(headers: Iterable[tuple[str, str]], name: str) -> list[str]:
    return [value for key, value in headers if key.lower() == name]


def unfolded(value: str) -> str:
    return _FOLD.sub("", value).strip()


def message_id(value: str) -> str:
    """The first in brackets; what somebody wrote without any, as it stands."""
    match = _MESSAGE_ID.search(value)
    return match.group() if match else value.strip()


def edited(raw: bytes, *, drop: Iterable[str] = (), add: Iterable[tuple[str, str]] = ()) -> bytes:
    """Headers named in `drop` taken out and `add` put on top; every other byte stays as it is."""
    unwanted = {name.lower().encode() for name in drop}
    block, _ = split(raw)
    end = b"\r\n" if b"\r\n" in block or not block else b"\n"

    def kept(field: re.Match[bytes]) -> bytes:
        name = field.group().split(b":", 1)[0].rstrip().lower()
        return b"" if name in unwanted else field.group()

    new = b"".join(f"{name}: {value}".encode() + end for name, value in add)
    return new + _FIELD.sub(kept, block) + raw[len(block) :]


def decoded(value: str, *, structured: bool = False) -> str:
    """RFC 2047 words turned into text, however badly they were made.

    Neighbours of one charset are one text: some mailers cut inside a character, and change the
    encoding between two words. In a `structured` (address) header a decoded name that holds specials
    is quoted, so that nobody takes its comma for the end of an address.
    """
    if "=?" not in value:
        return value
    value = _BETWEEN.sub(r"\1", value)
    shown: list[str] = []
    pending, charset, begun, end = b"", "", 0, 0
    for word in _WORD.finditer(value):
        if word.start() != end or word[1].lower() != charset:
            quoted = value.count('"', 0, begun) % 2
            shown += _shown(pending, charset, structured, quoted), value[end : word.start()]
            pending, charset, begun = b"", word[1].lower(), word.start()
        pending += _word_bytes(word[2], word[3])
        end = word.end()
    quoted = value.count('"', 0, begun) % 2
    return "".join((*shown, _shown(pending, charset, structured, quoted), value[end:]))


def _word_bytes(encoding: str, body: str) -> bytes:
    if encoding in "bB":
        return lenient_base64(body.encode("utf-8", "replace"))
    return quopri.decodestring(body.replace("_", " ").encode("utf-8", "replace"), header=True)


def _shown(data: bytes, charset: str, structured: bool, in_quotes: int) -> str:
    plain = re.sub(r"[\r\n\x00]", " ", charset_text(data, charset)) if data else ""
    if not structured:
        return plain
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
    if in_quotes:
        return escaped  # the mailer put the word inside quotes
    return f'"{escaped}"' if re.search(r'[()<>\[\]:;@\\,."]', plain) else plain


def people(values: list[str]) -> People:
    """Everybody in these headers; where the grammar finds nobody, by the shape of an address."""
    everybody = named(values)
    shaped = [found.strip(".").lower() for value in values for found in _ADDRESS.findall(value)]
    addresses = [address.lower() for _, address in everybody if is_address(address)] or shaped
    names = [name.lower() for name, _ in everybody if name]
    stray = [address for address in shaped if address not in addresses]
    unique = tuple(dict.fromkeys(addresses))
    return People(unique, "|".join(map(words, unique)), "|".join(map(words, names + stray)))


def is_address(text: str) -> bool:
    return bool(_WHOLE.fullmatch(text))


def unreachable(headers: Iterable[tuple[str, str]], name: str) -> bool:
    """Whether somebody named in the headers called `name` has no address."""
    return any(address and "@" not in address for _, address in named(_all(headers, name)))


def named(values: list[str]) -> list[tuple[str, str]]:
    """Name and address of everybody in these header values, as they were written; either may be ""."""
    clear = (_ONLY_SHOWN.sub(_quoted, value.replace("\x00", "")) for value in values)
    return getaddresses([decoded(value, structured=True) for value in clear], **_LAX)


def _quoted(shown: re.Match[str]) -> str:
    """`jane@x.org <eve@y.org>` is Eve, who calls herself so."""
    return shown[1] or f'"{shown[2] or shown[3]}"'


# -- Dates ----------------------------------------------------------------------------------------


def milliseconds(value: str) -> int | None:
    """A date as mail headers write them, in ms since 1970; None when it is none or lies before."""
    try:
        date = parsedate_to_datetime(value)
        stamp = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return int(stamp * 1000) if stamp > 0 else None


def _received_ms(headers: Iterable[tuple[str, str]]) -> int | None:
    """The newest Received header is the best witness when Date cannot be read."""
    return milliseconds(first(headers, "received").rpartition(";")[2])


def from_milliseconds(stamp: int) -> datetime:
    return datetime.fromtimestamp(stamp / 1000, UTC)


def base_subject(subject: str) -> str:
    """The subject without Re:, Fwd: and the like: what conversations are grouped by."""
    return " ".join(_REPLY.sub("", subject).split()).casefold()
