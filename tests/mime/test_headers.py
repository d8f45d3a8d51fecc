"""Header values, as a mail program understands them."""

import base64
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mime import headers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("=?UTF-8?B?TXlTdXJ2ZXk=?=\r\n =?UTF-8?B?LmNvbSAmIEM=?=", "MySurvey.com & C"),
        ("=?utf-8?q?=E2=9C?= =?utf-8?q?=93?=", "✓"),
        ("a =?utf-8?q?b?= c", "a b c"),
        ("=?UTF-8?Q?Hello World?=", "Hello World"),
        ("=?utf-8?Q?what?huh?=", "what?huh"),
        ("=?utf-8?q?a=?=", "a"),
        ("=?utf-8*en?Q?x?=", "x"),
        ("=?utf-8?b?4pyTIGLDoA?=", "✓ bà"),
        ("=?utf-8?b?4py TIGL*DoA==?=", "✓ bà"),
        ("=?no-such-charset?q?caf=E9?=", "café"),
        ("=?utf-8?q?caf=E9?=", "café"),
        ("=?iso-2022-jp?B?GyRCJF8kMSRrGyhC?=", "みける"),
        ("=?EUC-KR?Q?=C7=D1=B1=B9?=", "한국"),
        ("Re: =?UTF-8?B?Iua8ouWtlyI=?= mid", 'Re: "漢字" mid'),
        ("Forma\udce7\udce3o", "Formação"),
        ("Säying", "Säying"),
        ("folded\r\n line", "folded line"),
        ("a\x00b\tc\x1bd", "ab c d"),
        ("=?utf-8?q?x", "=?utf-8?q?x"),
        ("\ud800", "\ufffd"),
    ],
)
def test_a_subject_reads_as_it_was_meant(value: str, text: str) -> None:
    assert headers.decode(value) == text


PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=["C"])).filter(
    lambda text: "=?" not in text and text == text.strip()
)


@given(PLAIN, st.sampled_from("bq"))
def test_an_encoded_word_reads_as_its_text(text: str, encoding: str) -> None:
    data = text.encode()
    payload = base64.b64encode(data).decode()
    if encoding == "q":
        payload = "".join(f"={byte:02X}" for byte in data)
    assert headers.decode(f"=?utf-8?{encoding}?{payload}?=") == text


@given(st.text())
def test_any_value_gives_text_that_can_be_stored(value: str) -> None:
    for text in (headers.decode(value), headers.message_id(value), *headers.message_ids(value)):
        text.encode()
        assert "\0" not in text


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("Fri, 21 Nov 1997 09:55:06 -0600", "1997-11-21T15:55:06+00:00"),
        ("21 Nov 97 09:55:06 GMT", "1997-11-21T09:55:06+00:00"),
        ("Fri Nov 21 09:55:06 1997", "1997-11-21T09:55:06+00:00"),
        ("Xyz, 21 Nov 1997 09:55", "1997-11-21T09:55:00+00:00"),
        ("Tue, 22 Jan 2002 14:35:28 UT", "2002-01-22T14:35:28+00:00"),
        ("Tue, 12 Oct 2010 16:21:05 H0500", "2010-10-12T16:21:05+00:00"),
        ("Sat, 20 Sep 2008 20:04:30 +0300 (ùòåï ÷éõ)", "2008-09-20T17:04:30+00:00"),
        ("Mon, 1 Jan 2000 10:00:60 +0000", "2000-01-01T10:00:59+00:00"),
        ("Mon, 30 Jun 3609 15:33:50 +0600", "3609-06-30T09:33:50+00:00"),
        ("2003-07-01T10:52:37Z", "2003-07-01T10:52:37+00:00"),
        ("2003-07-01 10:52:37", "2003-07-01T10:52:37+00:00"),
    ],
)
def test_a_date_however_written_is_a_time(value: str, moment: str) -> None:
    read = headers.parse_date(value)
    assert read is not None
    assert read.isoformat() == moment


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "Pn, 29 paX 2007 21:13:00 +0100",
        "Wed, 15 Dec 2010    59:10 -0500",
        "Fri, 31 Feb 2020 01:01:01 +0000",
        "Mon, 99999999999999999999 Jan 2000 1:1:1",
        "Fri, 31 Dec 9999 23:59:59 -1200",
        "1 Jan 2000 25:00:00",
        "\0",
    ],
)
def test_what_makes_no_sense_is_no_date(value: str) -> None:
    assert headers.parse_date(value) is None


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d+ (Jan|Feb) \d+ \d+:\d+:\d+ [+-]\d+"))
def test_no_date_raises(value: str) -> None:
    read = headers.parse_date(value)
    assert read is None or read.tzinfo is UTC


@given(st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)))
def test_a_proper_date_is_read_to_the_second(moment: datetime) -> None:
    assert headers.parse_date(format_datetime(moment)) == moment.replace(microsecond=0)


@pytest.mark.parametrize(
    ("value", "message_id"),
    [
        ("<a@b>", "<a@b>"),
        (" <a@b> (comment)", "<a@b>"),
        ("<a@b@c>", "<a@b@c>"),
        ("<11107978796724623>", "<11107978796724623>"),
        ("201002191008.30117.foo.bar@company.com", "201002191008.30117.foo.bar@company.com"),
        ('Your message of "Mon" <a@b>', "<a@b>"),
        (" broken \x01 id ", "broken   id"),
        ("", ""),
    ],
)
def test_a_message_id_is_found_or_kept_as_it_stands(value: str, message_id: str) -> None:
    assert headers.message_id(value) == message_id


def test_references_are_all_of_them_in_order() -> None:
    assert headers.message_ids("<a@b>\r\n <c@d>,<e@f> (x)") == ("<a@b>", "<c@d>", "<e@f>")
    assert headers.message_ids("<baz@bar.net>, <invalid.   ") == ("<baz@bar.net>",)
    assert headers.message_ids("a@b c@d") == ("a@b", "c@d")
    assert headers.message_ids("") == ()


@given(st.binary())
def test_base64_of_either_alphabet_is_read_with_and_without_padding(data: bytes) -> None:
    for text in (base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()):
        assert headers.lenient_base64(text) == data
        assert headers.lenient_base64(text.rstrip("=")) == data
        assert headers.lenient_base64("\r\n".join(text)) == data


@given(st.text())
def test_no_base64_raises(text: str) -> None:
    headers.lenient_base64(text)
