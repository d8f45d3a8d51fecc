"""Reading mail as it is found in the wild: nothing here raises on bad input, whatever the bytes."""

import base64
import binascii
import email.utils
import quopri
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import InvalidBase64LengthDefect
from email.message import Message as Part
from email.utils import getaddresses, parsedate_to_datetime

from msgspec import Struct

_CHARSETS = {
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "x-sjis": "cp932",
    "shift_jis": "cp932",
    "windows-31j": "cp932",
    "gb2312": "gb18030",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "ascii",
    "unicode-1-1-utf-7": "utf-7",
    "iso-8859-8-i": "iso-8859-8",
}
_WORD = re.compile(r"=\?([^?*\s]+)(?:\*[^?\s]*)?\?([bBqQ])\?([^?]*)\?=")
_BETWEEN = re.compile(r"(\?=)[ \t]+(?==\?[^?\s]+\?[bBqQ]\?)")
_FOLD = re.compile(r"\r?\n|\r")
_FIELD = re.compile(
    rb"(?m)^[!-9;-~]+[ \t]*:[^\r\n]*(?:(?:\r\n|\n|\r)[ \t][^\r\n]*)*(?:\r\n|\n|\r|\Z)"
)
_END = re.compile(rb"\r\n\r\n|\n\r?\n|\r\n\n|\r\r|\A(?:\r\n|\n|\r)")
_ADDRESS = re.compile(r"[^\s<>()\[\]\\,;:\"']{1,256}@[^\s<>()\[\]\\,;:\"'@]{1,256}")
_MESSAGE_ID = re.compile(r"<[^<>\s]+>")
_LAX = {"strict": False} if hasattr(email.utils, "supports_strict_parsing") else {}
"""Newer Pythons give up on a whole header where older ones, and mail clients, read most of it."""
_REPLY = re.compile(r"^\s*((re|fwd?|aw|wg|sv|antw)\s*(\[\d+\])?\s*:\s*)+", re.IGNORECASE)
MAX_DEPTH = 60
"""Multiparts nested deeper than this are served as one opaque part."""
PEOPLE = ("from", "to", "cc", "bcc", "reply-to")


class People(Struct, frozen=True):
    """Everybody named in one address header, lower-cased."""

    addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """Display names, and what looks like an address but does not stand where one belongs."""


class Facts(Struct, frozen=True, kw_only=True):
    """What is known of a mail from its headers alone."""

    subject: str = ""
    message_id: str = ""
    """With angle brackets, "" if there is none."""
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


def parse(raw: bytes) -> Part:
    """The whole tree. A mail nested too deeply for the parser comes back as one text part."""
    try:
        return message_from_bytes(raw)
    except RecursionError:
        start, end = head_of(raw)
        top = message_from_bytes(start)
        del top["Content-Type"]
        top.set_payload(end.decode("ascii", "surrogateescape"))
        return top


def facts(raw: bytes) -> Facts:
    headers = headers_of(raw)
    refs = " ".join([*_all(headers, "references"), *_all(headers, "in-reply-to")])
    return Facts(
        subject=decoded(first(headers, "subject")).strip(),
        message_id=message_id(first(headers, "message-id")),
        references=tuple(dict.fromkeys(_MESSAGE_ID.findall(refs))),
        dated_ms=milliseconds(first(headers, "date")) or _received_ms(headers),
        people={name: people(_all(headers, name)) for name in PEOPLE},
    )


# -- Headers --------------------------------------------------------------------------------------


def head_of(raw: bytes) -> tuple[bytes, bytes]:
    """The header block with its last line end, and the body without the blank line before it."""
    if not (match := _END.search(raw)):
        return raw, b""
    blank = match.end()
    gap = 2 if raw[blank - 2 : blank] == b"\r\n" else 1
    return raw[: blank - gap], raw[blank:]


def headers_of(raw: bytes) -> list[tuple[str, str]]:
    """Names and unfolded, still encoded values, as they stand; lines that are no header are left out."""
    block, _ = head_of(raw)
    pairs = (field.split(b":", 1) for field in _FIELD.findall(block))
    return [(name.decode("ascii").rstrip(), unfolded(text(value))) for name, value in pairs]


def first(headers: Iterable[tuple[str, str]], name: str) -> str:
    return next(iter(_all(headers, name)), "")


def _all(headers: Iterable[tuple[str, str]], name: str) -> list[str]:
    return [value for key, value in headers if key.lower() == name]


def unfolded(value: str) -> str:
    return _FOLD.sub("", value).strip()


def message_id(value: str) -> str:
    match = _MESSAGE_ID.search(value)
    return match.group() if match else ""


def edited(raw: bytes, *, drop: Iterable[str] = (), add: Iterable[tuple[str, str]] = ()) -> bytes:
    """Headers named in `drop` taken out and `add` put on top; every other byte stays as it is."""
    unwanted = {name.lower().encode() for name in drop}
    block, _ = head_of(raw)
    end = b"\r\n" if b"\r\n" in block or not block else b"\n"

    def kept(field: re.Match[bytes]) -> bytes:
        name = field.group().split(b":", 1)[0].rstrip().lower()
        return b"" if name in unwanted else field.group()

    new = b"".join(f"{name}: {value}".encode() + end for name, value in add)
    return new + _FIELD.sub(kept, block) + raw[len(block) :]


def decoded(value: str, *, structured: bool = False) -> str:
    """RFC 2047 words turned into text, however badly they were made.

    In a `structured` (address) header a decoded name that holds specials is quoted, so that nobody
    takes its comma for the end of an address.
    """
    if "=?" not in value:
        return value
    joined = _joined(_BETWEEN.sub(r"\1", value))
    return _WORD.sub(lambda word: _word(word, structured, value), joined)


def _joined(value: str) -> str:
    """Neighbouring words of one charset and encoding become one: some mailers cut inside a character."""
    parts: list[list[str]] = []
    position = 0
    for word in _WORD.finditer(value):
        gap, key = value[position : word.start()], [word[1].lower(), word[2].lower()]
        if parts and not gap and parts[-1][:2] == key and not parts[-1][2].endswith("="):
            parts[-1][2] += word[3]
        else:
            parts += [["", "", gap], [*key, word[3]]] if gap else [[*key, word[3]]]
        position = word.end()
    parts.append(["", "", value[position:]])
    return "".join(f"=?{c}?{e}?{body}?=" if c else body for c, e, body in parts)


def _word(word: re.Match[str], structured: bool, whole: str) -> str:
    charset, encoding, body = word.groups()
    if encoding in "bB":
        data = lenient_base64(body.encode("utf-8", "replace"))
    else:
        data = quopri.decodestring(body.replace("_", " ").encode("utf-8", "replace"), header=True)
    plain = re.sub(r"[\r\n\x00]", " ", charset_text(data, charset))
    if not structured:
        return plain
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
    if whole.count('"', 0, whole.find(word.group())) % 2:
        return escaped  # the mailer put the word inside quotes
    return f'"{escaped}"' if re.search(r'[()<>\[\]:;@\\,."]', plain) else plain


def people(values: list[str]) -> People:
    """Everybody in these headers; where the grammar finds nobody, by the shape of an address."""
    named = _named(values)
    shaped = [found.strip(".").lower() for value in values for found in _ADDRESS.findall(value)]
    addresses = [address.lower() for _, address in named if "@" in address] or shaped
    names = [name.lower() for name, _ in named if name]
    stray = [address for address in shaped if address not in addresses]
    return People(tuple(dict.fromkeys(addresses)), tuple(dict.fromkeys(names + stray)))


def unreachable(headers: Iterable[tuple[str, str]], name: str) -> bool:
    """Whether somebody named in the headers called `name` has no address."""
    return any(address and "@" not in address for _, address in _named(_all(headers, name)))


def _named(values: list[str]) -> list[tuple[str, str]]:
    return getaddresses([decoded(value, structured=True) for value in values], **_LAX)


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


# -- Bytes to text --------------------------------------------------------------------------------


def text(data: bytes) -> str:
    """8-bit header bytes: UTF-8 where it is, else Windows' Latin."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def charset_text(data: bytes, charset: str) -> str:
    """As declared if that works; otherwise UTF-8 if it fits; otherwise as declared, with replacements."""
    name = charset.strip("\"' ").lower()
    codec = _CHARSETS.get(name, name)
    for attempt, errors in ((codec, "strict"), ("utf-8", "strict"), (codec, "replace")):
        try:
            return data.decode(attempt, errors)
        except (LookupError, UnicodeError, ValueError):
            continue
    return data.decode("cp1252", "replace")


def lenient_base64(data: bytes) -> bytes:
    """Standard or URL alphabet, padded or not; what is no base64 is passed over."""
    clean = re.sub(rb"[^A-Za-z0-9+/]", b"", data.replace(b"-", b"+").replace(b"_", b"/"))
    if len(clean) % 4 == 1:
        clean = clean[:-1]
    return base64.b64decode(clean + b"=" * (-len(clean) % 4))


def content(part: Part) -> bytes:
    """A leaf's bytes, its transfer encoding undone as far as it goes."""
    try:
        data = part.get_payload(decode=True)
    except (binascii.Error, ValueError, AssertionError):
        data = None
    if not isinstance(data, bytes):
        return b""
    torn = any(isinstance(defect, InvalidBase64LengthDefect) for defect in part.defects)
    return lenient_base64(data) if torn else data


def leaf_text(part: Part) -> str:
    try:
        charset = part.get_param("charset") or "utf-8"
    except (ValueError, TypeError):
        charset = "utf-8"
    name = charset[2] if isinstance(charset, tuple) else str(charset)
    return charset_text(content(part), name)
