"""Bytes to text, as mail clients do it: whatever was declared, something readable comes out."""

import base64
import re

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
_TOKENS = re.compile(r"\w+")


def header_text(data: bytes) -> str:
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


def words(value: str) -> str:
    """Lower-case words with a space around each, so that a phrase is found with `in`."""
    return f" {' '.join(_TOKENS.findall(value.lower()))} "
