"""Bytes to text, as a mail client shows them: every input gives text, none raises."""

import codecs
import re
from contextlib import suppress
from functools import lru_cache

_ALIASES = {
    # A label on the left is decoded by the superset that its senders mean (as browsers do).
    "ascii": "cp1252",
    "us-ascii": "cp1252",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "ksc5601": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "x-euc-jp": "euc_jp",
    "big5": "big5hkscs",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "windows-874": "cp874",
    "x-mac-roman": "mac_roman",
    "unicode-1-1-utf-7": "utf-7",
    "x-unicode-2-0-utf-7": "utf-7",
    "utf8mb4": "utf-8",
    "utf-8-mac": "utf-8",
}
_NOT_CHARSETS = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"}
"""Codecs of Python's own from text to text, some slow or noisy, none ever meant by a mail."""

_EVIDENCE = {
    # These may use only bytes that are valid UTF-8 too, so they go first where their marks show.
    "iso2022": re.compile(rb"\x1b"),
    "hz": re.compile(rb"~\{"),
    "utf-7": re.compile(rb"\+[A-Za-z0-9+/]{2}"),
    "utf-16": re.compile(rb"\x00|^\xff\xfe|^\xfe\xff"),
    "utf-32": re.compile(rb"\x00"),
}
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")


def decode(data: bytes, charset: str = "") -> str:
    """Text without NUL and without lone surrogates.

    UTF-8 is tried before the declared charset: text that is valid UTF-8 by accident is rare, wrong
    labels are not, and Gmail hands over transcoded bodies under their old label.
    """
    codec = _codec(charset)
    for candidate in (codec, "utf-8") if _shows(codec, data) else ("utf-8", codec):
        with suppress(ValueError):
            if candidate:
                return clean(data.decode(candidate))
    return clean(_roughly(data, codec))


def clean(text: str) -> str:
    """Text that every store and encoder takes: no NUL, lone surrogates shown as U+FFFD."""
    text = text.removeprefix("\ufeff").replace("\0", "")
    try:
        text.encode()  # a tenth of the time the search for them takes
    except UnicodeEncodeError:
        return _LONE_SURROGATE.sub("\ufffd", text)
    return text


def repair(text: str) -> str:
    """Text that was read from raw 8-bit bytes (surrogateescape), as those bytes were meant."""
    if text.isascii() or not _LONE_SURROGATE.search(text):
        return text.replace("\0", "")
    try:
        return decode(text.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return clean(text)


@lru_cache(maxsize=256)
def _codec(charset: str) -> str:
    """Python's name for a declared charset, "" when there is none that could be meant."""
    label = charset.strip().strip("\"'").lower()
    try:
        name = codecs.lookup(_ALIASES.get(label, label)).name
        "".encode(name)  # LookupError for zip, hex and others that are not of text
    except (LookupError, ValueError):
        return ""
    return "" if name.replace("-", "_") in _NOT_CHARSETS else name


def _shows(codec: str, data: bytes) -> bool:
    family = next((name for name in _EVIDENCE if codec.startswith(name)), "")
    return bool(family and _EVIDENCE[family].search(data))


def _roughly(data: bytes, codec: str) -> str:
    """The declared charset with some damage, unless damage is most of what it would show."""
    declared = data.decode(codec, "replace") if codec else ""
    unreadable = declared.count("\ufffd")
    readable = sum(character > "\x7f" for character in declared) - unreadable
    if declared and unreadable <= readable:
        return declared
    return data.decode("cp1252", "replace")
