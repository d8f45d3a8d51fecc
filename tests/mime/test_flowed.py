"""Lines that were broken to be sent, joined again (RFC 3676)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mime.enriched import to_plain
from shared.mime.flowed import joined


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("one \ntwo\nthree", "one two\nthree"),
        ("one \r\ntwo", "one two"),
        ("para \n\nnext", "para \n\nnext"),
        ("> quoted \n> goes on\nnew", "> quoted goes on\nnew"),
        (">> deep \n> less deep", ">> deep \n> less deep"),
        ("text \n-- \nSig", "text \n-- \nSig"),
        (" >not quoted\n From here", ">not quoted\nFrom here"),
        (">\n> a", ">\n> a"),
        ("", ""),
    ],
)
def test_a_line_that_ends_with_a_space_goes_on(text: str, read: str) -> None:
    assert joined(text) == read


def test_delsp_takes_the_space_away_that_was_added() -> None:
    text = "See https://x.example/a/ \nb  \ntoday.\n日本 \n語"
    assert joined(text, delsp=True) == "See https://x.example/a/b today.\n日本語"


@given(st.text("a >-\n"))
def test_no_letter_is_lost(text: str) -> None:
    assert joined(text).count("a") == text.count("a")


@pytest.mark.parametrize(
    ("enriched", "plain"),
    [
        ("<bold>Hello</bold> all", "Hello all"),
        ("one\ntwo\n\nthree\n\n\nfour", "one two\nthree\n\nfour"),
        ("<color><param>red</param>red text</color>", "red text"),
        ("1 << 2", "1 < 2"),
        ("<nofill>a\nb</nofill>", "a\nb"),
        ("not <closed", "not <closed"),
    ],
)
def test_enriched_text_is_shown_plain(enriched: str, plain: str) -> None:
    assert to_plain(enriched) == plain
