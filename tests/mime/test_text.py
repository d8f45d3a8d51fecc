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


HIDING = [
    '<div style="display:none;max-height:0">SECRET</div>',
    '<div style="DISPLAY : NONE !important">SECRET</div>',
    '<div style="display:/*x*/none">SECRET</div>',
    "<p hidden>SECRET</p>",
    '<span style="font-size:0">SECRET</span>',
    '<span style="font-size:0px;line-height:1px">SECRET</span>',
    '<div style="mso-hide:all">SECRET</div>',
    '<div style="visibility:hidden">SECRET</div>',
    '<div style="opacity:0.0">SECRET</div>',
    '<div style="max-height:0px;overflow:hidden">SECRET<b>SECRET</b></div>',
    '<style>.pre{display:none !important}</style><div class="x pre">SECRET</div>',
    '<unknown-tag style="display:none">SECRET</unknown-tag>',
    "<head><title>SECRET</title></head>",
    "<noscript>SECRET</noscript>",
    "<xml><o:OfficeDocumentSettings>SECRET</o:OfficeDocumentSettings></xml>",
    "<!--[if mso]><p>SECRET</p><![endif]-->",
    "<!--[if gte mso 9]><xml><o:AllowPNG/>SECRET</xml><![endif]-->",
    "<textarea>SECRET</textarea><select><option>SECRET</select><iframe>SECRET</iframe>",
]


@pytest.mark.parametrize("hidden", HIDING)
def test_what_the_mail_hides_stays_hidden_in_both_forms(hidden: str) -> None:
    html = f"<html><body>{hidden}<p>Visible news.</p></body></html>"
    assert "SECRET" not in clean_html(html)
    assert from_html(html) == "Visible news."


@pytest.mark.parametrize(
    "shown",
    [
        '<td style="font-size:0"><div style="font-size:14px">SEEN</div></td>',
        '<div style="visibility:hidden"><b style="visibility:visible">SEEN</b></div>',
        '<a href="https://x.org" style="background:#00f;mso-hide:all">SEEN</a>',
        "<style>@media (max-width:600px){.big{display:none}}</style><p class=big>SEEN</p>",
        "<!--[if !mso]><!--><p>SEEN</p><!--<![endif]-->",
        "<![if !mso]><p>SEEN</p><![endif]>",
        '<div style="display:block;opacity:.9;max-height:0">SEEN</div>',
    ],
)
def test_what_only_looks_hidden_is_shown(shown: str) -> None:
    html = f"<table><tr>{shown}</tr></table>"
    assert "SEEN" in clean_html(html)
    assert "SEEN" in from_html(html)
