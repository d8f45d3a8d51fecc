"""Bytes to text, as mail clients do it: whatever was declared, something readable comes out."""

import base64
import codecs
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
        return latin(data)


def latin(data: bytes) -> str:
    """Windows' Latin, in which every byte is something: the control of its number if nothing else."""
    return "".join(map(_LATIN.__getitem__, data))


_LATIN = [bytes((byte,)).decode("cp1252", "ignore") or chr(byte) for byte in range(256)]


def charset_text(data: bytes, charset: str) -> str:
    """As declared if that works; otherwise UTF-8 if it fits; otherwise as declared, with replacements."""
    name = charset.strip("\"' ").lower()
    codec = _CHARSETS.get(name, name)
    for attempt, errors in ((codec, "strict"), ("utf-8", "strict"), (codec, "replace")):
        try:
            return data.decode(attempt, errors)
        except (LookupError, UnicodeError, ValueError):
            continue
    return latin(data)


def known(charset: str) -> bool:
    name = charset.strip("\"' ").lower()
    try:
        return bool(name and codecs.lookup(_CHARSETS.get(name, name)))
    except (LookupError, ValueError):
        return False


_META = re.compile(rb"<meta[^>]{0,200}charset=[\"']?([\w-]{1,40})", re.IGNORECASE)


def sniffed(data: bytes) -> str:
    """Text that does not say in what charset it is: by what HTML says inside, by Japanese escapes, as
    UTF-8 where it fits, else as Windows' Latin, whatever it was."""
    inside = _META.search(data, 0, 1024)
    name = inside[1].decode() if inside else "iso-2022-jp" if b"\x1b$" in data else "utf-8"
    try:
        return data.decode(_CHARSETS.get(name.lower(), name))
    except (LookupError, UnicodeError, ValueError):
        return latin(data)


def lenient_base64(data: bytes) -> bytes:
    """Standard or URL alphabet, padded or not; what is no base64 is passed over."""
    clean = re.sub(rb"[^A-Za-z0-9+/]", b"", data.replace(b"-", b"+").replace(b"_", b"/"))
    if len(clean) % 4 == 1:
        clean = clean[:-1]
    return base64.b64decode(clean + b"=" * (-len(clean) % 4))


def words(value: str) -> str:
    """Lower-case words with a space around each, so that a phrase is found with `in`."""
    return f" {' '.join(_TOKENS.findall(value.lower()))} "
