"""Header values to what they mean. Nothing here raises, whatever the value."""

import binascii
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz

from shared.mime import charsets

_START = r"=\?([\w!#$%&'+.:-]{1,60})(?:\*[\w-]{0,20})?\?([bBqQ])\?"
_WORD = re.compile(rf"{_START}((?:[^=]|=(?!\?[\w-]+\?[bBqQ]\?))*?)\?=", re.ASCII)
"""RFC 2047, and what is written in its place: spaces and "?" inside a word, and much longer ones."""
_GAP = re.compile(r"(\?=)\s+(?==\?)")
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_BASE64_NOISE = re.compile(rb"[^A-Za-z0-9+/]")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_ID = re.compile(r"<[^<>\s]+>")


def decode(value: str) -> str:
    """The text of an unstructured value: unfolded, RFC 2047 words decoded, control characters gone."""
    value = charsets.repair(value)
    if "=?" in value:
        value = _decode_words(value)
    if not value.isprintable():
        value = _CONTROL.sub(" ", _FOLD.sub("", value))
    return value.strip()


def parse_date(value: str) -> datetime | None:
    """An aware UTC time; None when no sense can be made of it. A missing zone counts as UTC."""
    try:
        parts = parsedate_tz(value)
        if parts is None:
            return _iso(value.strip())
        year, month, day, hour, minute, second, *_, zone = parts
        second = min(second, 59)  # RFC 5322 allows leap seconds, datetime does not
        local = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        return local - timedelta(seconds=zone or 0)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def message_id(value: str) -> str:
    """The first `<…>` of the value; a broken id is kept as it stands, trimmed."""
    value = charsets.repair(value)
    found = _ID.search(value)
    return found[0] if found else _CONTROL.sub(" ", value).strip()


def message_ids(value: str) -> tuple[str, ...]:
    """Every `<…>` of a References value, in order; its words when there is none."""
    value = charsets.repair(value)
    return tuple(_ID.findall(value) or value.split())


def _iso(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _decode_words(value: str) -> str:
    """Neighbouring words are decoded as one where they can be: senders cut characters in half."""
    value = _GAP.sub(r"\1", _FOLD.sub("", value))
    text: list[str] = []
    pending, charset, end = b"", "", 0
    for word in _WORD.finditer(value):
        if word.start() != end or word[1].lower() != charset:
            text += charsets.decode(pending, charset), value[end : word.start()]
            pending, charset = b"", word[1].lower()
        pending += _word_bytes(word[2], word[3])
        end = word.end()
    return "".join((*text, charsets.decode(pending, charset), value[end:]))


def _word_bytes(encoding: str, payload: str) -> bytes:
    if encoding in "qQ":
        return binascii.a2b_qp(payload.encode("utf-8", "replace"), header=True)
    return lenient_base64(payload)


def lenient_base64(text: str) -> bytes:
    """Whatever can be read of standard or URL-safe base64: padding and noise do not matter."""
    data = text.encode("ascii", "ignore").translate(_STANDARD)
    try:
        return binascii.a2b_base64(data + b"==")
    except binascii.Error:  # a last character that is no byte yet
        return binascii.a2b_base64(_BASE64_NOISE.sub(b"", data)[:-1] + b"==")
