"""Japanese as mail programs write it, with the characters that the standards left out.

ISO-2022-JP and EUC-JP carry JIS X 0208, and Windows' mail programs put into its free rows what NEC and
IBM added (①, ㈱, 髙). Python's codecs know those only in Shift_JIS, so the pairs of bytes are moved
there. https://encoding.spec.whatwg.org/#iso-2022-jp-decoder
"""

import re
from collections.abc import Iterator

_ESCAPE = re.compile(rb"\x1b(\$[@B]|\$\(D|\([BJIH]|\.A)")
_MARK = re.compile(rb"\x1b(?:\$[@B]|\$\(D|\([JI])")
_ASCII, _KANA, _KANJI, _SUPPLEMENT = "ascii", "kana", "kanji", "supplement"
_STATES = {b"$@": _KANJI, b"$B": _KANJI, b"$(D": _SUPPLEMENT, b"(I": _KANA}


def marked(data: bytes) -> bool:
    """Whether it holds the escapes of ISO-2022-JP, which no other text does."""
    return b"\x1b" in data and bool(_MARK.search(data))


def decode(data: bytes, *, strict: bool = False) -> str:
    """ISO-2022-JP where it is `marked`, else EUC-JP. Raises UnicodeDecodeError when `strict`."""
    errors = "strict" if strict else "replace"
    if marked(data):
        return "".join(_segments(data, errors))
    return _from_euc(data, errors)


def _segments(data: bytes, errors: str) -> Iterator[str]:
    state, start = _ASCII, 0
    for escape in _ESCAPE.finditer(data):
        yield _segment(data[start : escape.start()], state, errors)
        state, start = _STATES.get(escape[1], _ASCII), escape.end()
    yield _segment(data[start:], state, errors)


def _segment(data: bytes, state: str, errors: str) -> str:
    """A line end returns to ASCII where a program forgot the escape."""
    if state == _ASCII or not data:
        return data.decode("utf-8", errors)
    line, newline, rest = data.partition(b"\n")
    if state == _KANA:
        read = bytes(byte | 0x80 for byte in line).decode("cp932", errors)
    elif state == _KANJI:
        read = _shifted(line).decode("cp932", errors)
    else:
        read = (b"\x1b$(D" + line + b"\x1b(B").decode("iso2022_jp_1", errors)
    return read + (newline + rest).decode("utf-8", errors)


def _shifted(pairs: bytes) -> bytes:
    """Pairs of JIS X 0208 (0x21 to 0x7e) as Shift_JIS; other bytes as they are."""
    moved = bytearray()
    place, end = 0, len(pairs) - 1
    while place < end:
        row, cell = pairs[place], pairs[place + 1]
        if 0x21 <= row <= 0x7E and 0x21 <= cell <= 0x7E:
            moved += _pair(row, cell)
            place += 2
        else:
            moved.append(row)
            place += 1
    return bytes(moved) + pairs[place:]


def _pair(row: int, cell: int) -> bytes:
    lead = (row - 0x21 >> 1) + (0x81 if row < 0x5F else 0xC1)
    if row & 1:
        return bytes((lead, cell + (0x1F if cell < 0x60 else 0x20)))
    return bytes((lead, cell + 0x7E))


_EUC = re.compile(rb"((?:[\xa1-\xfe][\xa1-\xfe])+)|(\x8f[\xa1-\xfe][\xa1-\xfe]|\x8e[\xa1-\xdf])")


def _from_euc(data: bytes, errors: str) -> str:
    read, start = [], 0
    for run in _EUC.finditer(data):
        read.append(data[start : run.start()].decode("ascii", errors))
        if run[1]:
            read.append(_shifted(bytes(byte & 0x7F for byte in run[1])).decode("cp932", errors))
        else:
            read.append(run[2].decode("euc_jp", errors))
        start = run.end()
    return "".join((*read, data[start:].decode("ascii", errors)))
