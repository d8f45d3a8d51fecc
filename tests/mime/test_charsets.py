"""Bytes to text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mime import charsets


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        ("héllo".encode(), "utf-8", "héllo"),
        ("héllo".encode(), "iso-8859-1", "héllo"),
        ("héllo".encode("latin-1"), "iso-8859-1", "héllo"),
        (b"\x93quoted\x94", "iso-8859-1", "“quoted”"),
        (b"caf\xe9", "", "café"),
        (b"caf\xe9", "us-ascii", "café"),
        (b"caf\xe9", "utf-8", "café"),
        (b"caf\xe9", "no-such-charset", "café"),
        ("日本語".encode("cp932"), "x-sjis", "日本語"),
        ("日本語".encode("iso2022_jp"), "ISO-2022-JP", "日本語"),
        ("日本語".encode(), "ISO-2022-JP", "日本語"),
        ("한국어".encode("cp949"), "ks_c_5601-1987", "한국어"),
        ("你好".encode("gbk"), "gb2312", "你好"),
        ("你好".encode("big5"), "big5", "你好"),
        ("Привет".encode("koi8-r"), '"KOI8-R"', "Привет"),
        (b"+AGEA6Q-", "unicode-1-1-utf-7", "aé"),
        (b"a+b and C++", "utf-7", "a+b and C++"),
        ("hi".encode("utf-16"), "utf-16", "hi"),
        (b"hi", "utf-16", "hi"),
        (b"\xef\xbb\xbfhi", "utf-8", "hi"),
        ("日本語テキスト".encode()[:-1], "utf-8", "日本語テキス\ufffd"),
        (b"a\0b", "utf-8", "ab"),
        (b"+2AA-", "utf-7", "\ufffd"),
        (b"\\ud800", "unicode_escape", "\\ud800"),
        (b"x\x9c", "zip", "xœ"),
        (b"", "utf-8", ""),
    ],
)
def test_text_reads_as_it_was_meant(data: bytes, charset: str, text: str) -> None:
    assert charsets.decode(data, charset) == text


@given(st.binary(), st.text() | st.sampled_from(["utf-7", "utf-16", "hz", "iso-2022-kr", "idna"]))
def test_any_bytes_give_text_that_can_be_stored(data: bytes, charset: str) -> None:
    text = charsets.decode(data, charset)
    text.encode()
    assert "\0" not in text


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff")))
def test_raw_utf8_that_a_parser_kept_as_surrogates_is_repaired(text: str) -> None:
    assert charsets.repair(text.encode().decode("ascii", "surrogateescape")) == text
