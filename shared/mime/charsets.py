"""Bytes to text, as browsers and mail clients show them: every input gives text, none raises."""

import codecs
import re
from contextlib import suppress
from functools import lru_cache

from shared.mime import japanese

_WIDER = {"gbk": "gb18030", "euc_kr": "cp949", "big5": "big5hkscs", "shift_jis": "cp932"}
"""Codecs whose senders mean a superset."""
_MEANT = {
    # What the WHATWG's labels leave out and mails hold all the same.
    "shift-jis": "cp932",
    "x-euc-jp": "euc_jp",
    "ks_c_5601": "cp949",
    "iso-8859-8-e": "iso-8859-8",
    "unicode-1-1-utf-7": "utf-7",
    "x-unicode-2-0-utf-7": "utf-7",
    "utf8mb4": "utf-8",
    "utf-8-mac": "utf-8",
    "utf-16": "utf-16",
    "ms936": "gb18030",
    "cp936": "gb18030",
}
_NOT_CHARSETS = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined",
                 "replacement", "x_user_defined"}  # fmt: skip
"""Codecs from text to text, some slow or noisy, and none ever meant by a mail."""

_EVIDENCE = {
    # These may use only bytes that are valid UTF-8 too, so they go first where their marks show.
    "iso2022": re.compile(rb"\x1b"),
    "hz": re.compile(rb"~\{"),
    "utf-7": re.compile(rb"\+[A-Za-z0-9+/]{2}"),
    "utf-16": re.compile(rb"\x00|^\xff\xfe|^\xfe\xff"),
    "utf-32": re.compile(rb"\x00"),
}
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_META = re.compile(rb"<meta\b[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_META_WITHIN = 4096
"""Bytes in which HTML must name its charset; browsers look at 1,024, and heads of mails are longer."""


def decode(data: bytes, charset: str = "", *, hint: str = "") -> str:
    """Text without NUL and without lone surrogates.

    UTF-8 is tried before the declared charset: text that is valid UTF-8 by accident is rare, wrong
    labels are not, and Gmail hands over transcoded bodies under their old label. Where nothing is
    declared, `hint` is what the mail says elsewhere; after that the bytes themselves are asked.
    """
    if japanese.marked(data):  # no other text holds these escapes, whatever its label
        return clean(japanese.decode(data))
    codec = _codec(charset) or _codec(hint)
    for candidate in (codec, "utf-8") if _shows(codec, data) else ("utf-8", codec):
        with suppress(ValueError):
            if candidate:
                return clean(_strictly(data, candidate))
    return clean(_roughly(data, codec))


def of_html(data: bytes, charset: str) -> str:
    """Of HTML, which may name its charset itself; what the mail declares goes first."""
    if charset and _codec(charset) not in {"", "cp1252"}:
        return decode(data, charset)
    found = _META.search(data, 0, _META_WITHIN)
    return decode(data, found[1].decode("ascii", "ignore") if found else charset)


def clean(text: str) -> str:
    """Text that every store and encoder takes: no NUL, lone surrogates shown as U+FFFD."""
    text = text.removeprefix("\ufeff").replace("\0", "")
    try:
        text.encode()  # a tenth of the time the search for them takes
    except UnicodeEncodeError:
        return _LONE_SURROGATE.sub("\ufffd", text)
    return text


def repair(text: str, *, hint: str = "") -> str:
    """Text that was read from raw 8-bit bytes (surrogateescape), as those bytes were meant."""
    if text.isascii() or not _LONE_SURROGATE.search(text):
        return text.replace("\0", "")
    try:
        return decode(text.encode("utf-8", "surrogateescape"), hint=hint)
    except UnicodeEncodeError:
        return clean(text)


def reread(text: str, *, hint: str = "") -> str:
    """Text that a provider read as Windows' Latin where the mail did not say what it was.

    Only what no Latin text looks like is read again: Japanese escapes, and a run of four letters
    beyond ASCII, which Chinese, Korean, Cyrillic or Greek bytes make and Western words do not.
    """
    if "\x1b$" in text or (not text.isascii() and _DENSE.search(text)):
        with suppress(UnicodeEncodeError):
            data = b"".join(map(_latin_byte, text))
            found = _codec(hint) if hint else _detected(data)
            with suppress(ValueError):
                return decode(data, found) if japanese.marked(data) or found else text
    return text


_DENSE = re.compile(r"[\x80-\xff\u0152-\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]{4}")
"""What four bytes beyond ASCII become in Windows' Latin."""


@lru_cache(maxsize=512)
def _latin_byte(character: str) -> bytes:
    """The byte that Windows' Latin shows so; where it has no character browsers show the control."""
    try:
        return character.encode("cp1252")
    except UnicodeEncodeError:
        return character.encode("latin-1")


@lru_cache(maxsize=256)
def _codec(charset: str) -> str:
    """Python's name for a declared charset, "" when there is none that could be meant."""
    import webencodings

    label = charset.strip().strip("\"'").strip().lower()
    meant = _MEANT.get(label)
    known = None if meant or not label.isascii() else webencodings.lookup(label)
    try:
        name = codecs.lookup(meant or (known and known.codec_info.name) or label).name
        name = codecs.lookup(_WIDER.get(name, name)).name
        "".encode(name)  # LookupError for zip, hex and others that are not of text
    except (LookupError, ValueError):
        return codecs.lookup(label).name if label in {"hz-gb-2312", "iso-2022-kr"} else ""
    return "" if name.replace("-", "_") in _NOT_CHARSETS else name


def _strictly(data: bytes, codec: str) -> str:
    if codec in {"euc_jp", "iso2022_jp"}:
        with suppress(ValueError):
            return japanese.decode(data, strict=True)
    return data.decode(codec)


def _shows(codec: str, data: bytes) -> bool:
    family = next((name for name in _EVIDENCE if codec.startswith(name)), "")
    return bool(family and _EVIDENCE[family].search(data))


def _roughly(data: bytes, codec: str) -> str:
    """The declared charset with some damage, unless damage is most of what it would show; then what
    the bytes look like."""
    declared = data.decode(codec, "replace") if codec else ""
    unreadable = declared.count("\ufffd")
    readable = sum(character > "\x7f" for character in declared) - unreadable
    if declared and unreadable <= readable:
        return declared
    return data.decode(_detected(data) or "cp1252", "replace")


# -- where nothing is said ------------------------------------------------------------------------

_DETECTABLE = ("gb18030", "big5hkscs", "cp932", "euc-jp", "cp949", "windows-1251", "koi8-r",
               "windows-1253", "windows-1255", "windows-1256", "cp874", "windows-1252")  # fmt: skip
_RUN = re.compile(rb"[\x80-\xff]{4}|(?:[\x80-\xff][\x40-\x7e]){3}")
_SAMPLE = 4096


def _detected(data: bytes) -> str:
    """The codec that the bytes look like; "" for Windows' Latin, which Western words are: single
    letters beyond ASCII between others."""
    run = _RUN.search(data)
    if run is None:
        return ""
    codec = _guessed(data[max(0, run.start() - 64) : run.start() + _SAMPLE])
    with suppress(ValueError):
        if codec and data.decode(codec):
            return codec
    return ""


@lru_cache(maxsize=256)
def _guessed(sample: bytes) -> str:
    import chardet

    found = chardet.detect(sample, include_encodings=_DETECTABLE)["encoding"]
    codec = _codec(found or "")
    return "" if codec == "cp1252" else codec
