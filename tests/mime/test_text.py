"""HTML to text."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mime.sanitise import clean_html
from shared.mime.text import from_html


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("<div>One</div><div>Two</div>", "One\nTwo"),
        ("One<br>Two<br/>Three", "One\nTwo\nThree"),
        ("a \n  b\t c", "a b c"),
        ("<b>bold</b>er", "bolder"),
        ("<ul><li>one</li><li>two</li></ul>", "- one\n- two"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("<pre>  x\n    y</pre>", "  x\n    y"),
        ("<title>t</title><style>p {}</style><script>x()</script>seen", "seen"),
        ("&lt;b&gt; &amp; &euro; &#8364;", "<b> & € €"),
        ("<a href='https://x.org'>label</a>", "label <https://x.org>"),
        ("<a href='https://x.org'>https://x.org</a>", "https://x.org"),
        ("<a href='https://x.org'><b>la</b>bel</a> next", "label <https://x.org> next"),
        ("<a href='https://x.org'><img src=y></a>", "https://x.org"),
        ("<a href='https://x.org'><img src=y alt='Logo'></a>", "Logo <https://x.org>"),
        ("<a href='mailto:jane@x.org'>jane@x.org</a>", "jane@x.org"),
        ("<a href='mailto:jane@x.org'>Jane</a>", "Jane <jane@x.org>"),
        ("<a href='https://x.org'>never closed", "never closed <https://x.org>"),
        ("<a href='javascript:x()'>label</a>", "label"),
        ("<a name=top>anchor</a> <a href='#top'>up</a>", "anchor up"),
        ("<p>a</p><!-- hidden --><p>b</p>", "a\n\nb"),
        ("", ""),
        ("plain", "plain"),
    ],
)
def test_a_reader_of_the_text_sees_what_a_reader_of_the_html_sees(html: str, text: str) -> None:
    assert from_html(html) == text


@pytest.mark.parametrize(
    "hostile",
    [
        "<a " * 30_000,
        "<!--" * 30_000,
        "<![CDATA[" * 20_000,
        "</" * 50_000,
        "<a href='" * 20_000,
        "&#" * 50_000,
        "<script>" + "</scrip" * 30_000,
        "<div>" * 100_000,
        "<div></x>" * 100_000,
        "<br-x>" * 100_000,
        "<table><tr><td>" * 30_000,
        "<p><a>" * 30_000,
    ],
)
def test_hostile_html_takes_no_time(hostile: str) -> None:
    began = time.process_time()
    from_html(hostile)
    clean_html(hostile)
    assert time.process_time() - began < 5, "time grows with the square of the length"


@given(st.text() | st.text(alphabet="<>/abilpr &;\"'=#!-"))
def test_no_html_raises(html: str) -> None:
    from_html(html)


@given(
    st.from_regex(r"https://[a-z]{1,9}\.org/[a-z0-9?=/]{0,20}", fullmatch=True), st.text("ab <>")
)
def test_no_link_is_ever_lost(target: str, label: str) -> None:
    assert target in from_html(f'<p>x <a href="{target}">{label}</a> y')
