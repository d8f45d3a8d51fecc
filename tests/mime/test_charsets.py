"""Bytes to text."""

import pytest
from hypothesis import given, settings
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
        ("①㈱髙﨑".encode("cp932"), "shift_jis", "①㈱髙﨑"),
        (b"\x1b$B-!-j\x1b(B", "iso-2022-jp", "①㈱"),
        (b"\x1b$B-!\x1b(B and \x1b$B-j\x1b(B", "", "① and ㈱"),
        (b"\x1b$B-!\x1b(B", "us-ascii", "①"),
        (b"\xad\xa1\xad\xea", "euc-jp", "①㈱"),
        (b"\x8e\xb1\xa4\xa2", "euc-jp", "ｱあ"),
        ("한국어".encode("cp949"), "ks_c_5601-1987", "한국어"),
        ("이건 읽을 수 있다".encode("cp949"), "", "이건 읽을 수 있다"),
        ("你好，请查收报价单".encode("gbk"), "", "你好，请查收报价单"),
        ("Привет, как дела".encode("cp1251"), "", "Привет, как дела"),
        ("Привет, как дела".encode("koi8-r"), "no-such-charset", "Привет, как дела"),
        ("El señor Núñez está aquí".encode("cp1252"), "", "El señor Núñez está aquí"),
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


@settings(deadline=None)  # the detector's first use takes its time
@given(st.binary(), st.text() | st.sampled_from(["utf-7", "utf-16", "hz", "iso-2022-kr", "idna"]))
def test_any_bytes_give_text_that_can_be_stored(data: bytes, charset: str) -> None:
    text = charsets.decode(data, charset)
    text.encode()
    assert "\0" not in text


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff")))
def test_raw_utf8_that_a_parser_kept_as_surrogates_is_repaired(text: str) -> None:
    assert charsets.repair(text.encode().decode("ascii", "surrogateescape")) == text


@pytest.mark.parametrize("label", ["", "us-ascii", "no-such-charset"])
def test_html_may_say_itself_how_it_is_to_be_read(label: str) -> None:
    html = '<head><meta http-equiv="Content-Type" content="text/html; charset=gb2312">你好'
    assert charsets.of_html(html.encode("gbk"), label) == html


def test_what_the_mail_declares_goes_before_what_its_html_says() -> None:
    html = "<meta charset=gb2312>Größe"
    assert charsets.of_html(html.encode(), "utf-8") == html
    assert charsets.of_html(html.encode("cp1250"), "windows-1250") == html


def as_latin(data: bytes) -> str:
    return "".join(bytes((byte,)).decode("cp1252", "ignore") or chr(byte) for byte in data)


@pytest.mark.parametrize(
    ("text", "charset", "hint"),
    [
        ("关于付款的问题", "gbk", ""),
        ("合同", "gbk", "gb2312"),
        ("Привет", "cp1251", ""),
        ("Привет", "koi8-r", "koi8-r"),
        ("안녕하세요", "cp949", ""),
        ("これはテスト", "iso2022_jp", ""),
    ],
)
def test_what_a_provider_took_for_latin_is_read_again(text: str, charset: str, hint: str) -> None:
    assert charsets.reread(as_latin(text.encode(charset)), hint=hint) == text


@pytest.mark.parametrize(
    "text",
    [
        "Größe",
        "¡¿Qué pasó?! «olé»",
        "Þórður Ævarsson",
        "naïve façade",
        "€€€€",
        "“Zitat” – ‘x’",
        "日本語",
    ],
)
def test_words_of_the_west_stay_as_they_are(text: str) -> None:
    assert charsets.reread(text) == text
    assert charsets.reread(text, hint="windows-1252") == text
