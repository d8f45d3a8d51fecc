"""Hostile HTML in a real browser: made safe, it runs no script, leads nowhere and loads nothing but the
images that the sanitiser lets through on purpose."""

from collections.abc import Iterator
from html import escape

import pytest

from shared.mime.sanitise import clean_html
from shared.mime.text import from_html
from tests import browser
from tests.browser import Browser
from tests.mime.test_sanitise import HOSTILE

pytestmark = pytest.mark.skipif(bool(browser.missing()), reason=browser.missing())

WATCHED = """<script>
window.ran = [];
window.alert = window.confirm = window.prompt = said => window.ran.push(String(said));
addEventListener("error", event => window.ran.push("error " + event.message));
</script>"""
"""Before the mail: whatever it manages to run shows in `ran`."""

MORE = [
    "<img src=x onerror=alert(1)><img src='https://evil.example/a.png' onload=alert(1) onerror=alert(1)>",
    "<svg/onload=alert(1)><svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<svg></p><style><a id='</style><img src=1 onerror=alert(1)>'>",
    "<noembed><img title='</noembed><img src onerror=alert(1)>'></noembed>",
    "<a href='java\tscript:alert(1)'>x</a><a href='java&#10;script:alert(1)'>x</a>",
    "<a href='JaVaScRiPt&colon;alert(1)'>x</a><a href='&#1;javascript:alert(1)'>x</a>",
    "<xmp><p title='</xmp><img src onerror=alert(1)>'></xmp><plaintext><script>alert(1)</script>",
    "<p style='background-image:url(https://evil.example/a)'>x</p>",
    "<ul style='list-style-type:url(https://evil.example/b)'><li>x</ul>",
    "<p style='content:url(https://evil.example/c);cursor:url(https://evil.example/d),auto'>x</p>",
    "<p style='--x:url(https://evil.example/e);background:var(--x)'>x</p>",
    "<style>@import 'https://evil.example/f';p{background:url(https://evil.example/g)}</style><p>x</p>",
    "<link rel=stylesheet href='https://evil.example/h'><link rel=prefetch href='https://evil.example/i'>",
    "<video src='https://evil.example/j' poster='https://evil.example/k' autoplay></video>",
    "<audio src='https://evil.example/l' autoplay></audio><embed src='https://evil.example/m'>",
    "<object data='https://evil.example/n'></object><iframe src='https://evil.example/o'></iframe>",
    "<img srcset='https://evil.example/p 1x'><picture><source srcset='https://evil.example/q'></picture>",
    "<input type=image src='https://evil.example/r'><table background='https://evil.example/s'><tr><td>x",
    "<meta http-equiv=refresh content='0;url=https://evil.example/t'>",
    "<meta http-equiv=refresh content='0;url=/page?moved'><base href='https://evil.example/'><a href=x>x</a>",
    "<body onload=alert(1) background='https://evil.example/u'><frameset onload=alert(1)>",
    "<form action='https://evil.example/v'><button>x</button></form><script>document.forms[0].submit()</script>",
    "<a href='https://evil.example/w' ping='https://evil.example/x'>x</a>",
    "<svg><image href='https://evil.example/y'/><use href='https://evil.example/z#a'/></svg>",
    "<template shadowrootmode=open><img src=x onerror=alert(1)></template><slot onslotchange=alert(1)>",
    "<img src='http://evil.example/plain.png'><img src='//evil.example/relative.png'>",
]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser.started(tmp_path_factory.mktemp("chromium")) as running:
        yield running


def shown(chromium: Browser, html: str) -> list[str]:
    """What ran of it, each of its links clicked as well, as its reader might."""
    chromium.show(html, head=WATCHED)
    chromium.run(
        """for (const link of document.querySelectorAll("a[href]")) {
            link.target = ""; if (!/^https?:/.test(link.href)) link.click(); }
           for (const one of document.body.querySelectorAll("*")) {
            for (const type of ["mouseover", "focus", "toggle"]) one.dispatchEvent(new Event(type)); }"""
    )
    chromium.settle()
    return list(chromium.run("return window.ran ?? ['gone']"))


@pytest.mark.parametrize("html", HOSTILE + MORE)
def test_nothing_runs_leads_away_or_loads(chromium: Browser, html: str) -> None:
    windows = chromium.windows()

    assert shown(chromium, clean_html(html)) == []

    assert chromium.address() == chromium.url
    assert chromium.windows() == windows
    allowed = {"evil.example"} if "src='https://evil.example/a.png'" in html else set()
    assert chromium.remote <= allowed


def test_neither_does_the_text_of_it_shown_as_text(chromium: Browser) -> None:
    whole = "\n".join(HOSTILE + MORE)
    assert shown(chromium, f"<pre>{escape(from_html(whole))}</pre>") == []
    assert chromium.remote == set()


def test_an_image_over_https_loads_and_tells_nobody_where_it_is_shown(chromium: Browser) -> None:
    chromium.show(clean_html("<img src='https://pictures.example/a.png' alt='A'>"))
    assert chromium.remote == {"pictures.example"}
    policy = chromium.run("return document.images[0].referrerPolicy")
    assert policy == "no-referrer"


def test_who_wants_no_tracking_needs_one_line_of_policy(chromium: Browser) -> None:
    html = clean_html("<img src='https://pictures.example/a.png'>")
    chromium.show(html, policy="img-src 'self' cid:")
    assert chromium.remote == set()


def test_the_browser_would_show_it_if_something_did(chromium: Browser) -> None:
    """The measure itself, on HTML that nobody made safe."""
    assert "1" in shown(chromium, "<img src=x onerror=alert(1)>")
    assert "1" in shown(chromium, "<a href='javascript:alert(1)'>x</a>")
    chromium.show("<p style='background:url(https://evil.example/a)'>x</p>")
    assert chromium.remote == {"evil.example"}
    chromium.show("<meta http-equiv=refresh content='0;url=/elsewhere'>")
    assert chromium.address() != chromium.url
