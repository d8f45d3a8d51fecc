"""HTML as a well-formed run of tags and texts, without what a reader does not see.

One reading for all that is made of HTML: the text beside it, what is shown of it, and where what is
quoted begins.
"""

import re
from collections import Counter
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

from shared.mime import css, quotes

DEEPEST = 2000
"""Levels. A parser's time grows with their square: 50,000 take the best one five seconds."""
_MOST_REFERENCES = 50_000
"""`&…;` in all: each costs the parser as much as the text it stands in is long."""
_NOISE = re.compile("[\0\x80-\x9f]+")
"""Control characters that nobody sees; each costs the parser as much as a reference."""
_OPENED = re.compile(r"<([a-z][^\s/<>\"'=]{0,30})")
_TAG = re.compile(r"<(/?)([a-z][^\s/>]*)", re.IGNORECASE)
_FLAT = {"br", "dd", "dt", "hr", "img", "input", "li", "link", "meta", "p", "td", "th", "tr"}
"""Tags that hold nothing, or that end the one before."""
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param",
         "source", "track", "wbr"}  # fmt: skip
_UNSEEN = {"applet", "datalist", "frameset", "iframe", "math", "noembed", "noframes", "noscript",
           "object", "script", "select", "style", "svg", "template", "textarea", "title", "video",
           "audio", "xml"}  # fmt: skip
"""Elements that show nothing of what is written in them, or nothing that a mail may show."""
_MOST_KINDS = 150
_PIECE = re.compile(r"<(/?)([a-z][^\s<>/]*+)([^<>]*+)>")
_ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"]*)"')


class Token(NamedTuple):
    """A tag, or with `tag` "" a text, its entities still written out."""

    tag: str
    closing: bool
    written: str
    """Of a tag its attributes, each ` name="value"`; of a text the text."""
    quoted: bool
    """It belongs to what an earlier mail said."""


def tokens(html: str) -> Iterator[Token] | None:
    """What is seen of it; None for HTML that no parser reads in linear time."""
    html = _NOISE.sub("", html)
    if _too_costly(html):
        return None
    seen = _pieces(_tidied(html))
    hiding = css.hiding_classes(html)
    if hiding or css.HINT.search(html):
        seen = _seen(seen, hiding)
    return _quoting(seen)


def attributes(token: Token) -> dict[str, str]:
    return {name: unescape(value) for name, value in _ATTRIBUTE.findall(token.written)}


def _too_costly(html: str) -> bool:
    """Nested deeper, or with more references, than any mail program writes: no parser would do it in
    linear time. May overestimate broken HTML, never the reverse."""
    if html.count("&") > _MOST_REFERENCES:
        return True
    if html.count("<") <= DEEPEST:
        return False
    open_tags: Counter[str] = Counter()
    depth = 0
    for end, name in _TAG.findall(html.lower()):
        if name in _FLAT or (end and not open_tags[name]):
            continue
        step = -1 if end else 1
        open_tags[name] += step
        depth += step
        if depth > DEEPEST:
            return True
    return False


def _tidied(html: str) -> str:
    """Well-formed, with every tag the mail has. Python's own parser takes minutes for some broken
    input, and no time for what nh3 makes of it."""
    import nh3

    named = Counter(map(str.lower, _OPENED.findall(html.lower()))).most_common(_MOST_KINDS)
    return nh3.clean(
        html,
        tags={name for name, _ in named} - _UNSEEN | {"p"},
        clean_content_tags=_UNSEEN,
        attributes=_READ,
        url_schemes=_LINKS,
        link_rel=None,
    )


_LINKS = {"cid", "ftp", "http", "https", "mailto", "sms", "tel", "webcal", "xmpp"}
_READ = {
    "*": {"class", "id", "style", "hidden", "dir", "align", "valign", "width", "height", "bgcolor"},
    "a": {"href"},
    "img": {"src", "alt", "border"},
    "blockquote": {"type", "cite"},
    "font": {"color", "size", "face"},
    "hr": {"tabindex", "size"},
    "ol": {"start", "type"},
    "ul": {"type"},
    "table": {"border", "cellpadding", "cellspacing", "summary"},
    "td": {"colspan", "rowspan", "nowrap"},
    "th": {"colspan", "rowspan", "nowrap", "scope"},
    "col": {"span"},
    "colgroup": {"span"},
}  # fmt: skip
"""All that is read here or may be shown; `sanitise` decides again what of it is."""


def _pieces(tidy: str) -> Iterator[Token]:
    found = iter(_PIECE.split(tidy))
    for text in found:
        if text:
            yield Token("", False, text, False)
        end = next(found, None)
        if end is not None:
            yield Token(next(found), bool(end), next(found), False)


def _seen(pieces: Iterator[Token], hiding: frozenset[str]) -> Iterator[Token]:
    """Without the elements that are hidden, and without text in no size."""
    inside_hidden = 0
    shows = [True]
    """Whether text right inside each open element shows."""
    for token in pieces:
        if not token.tag:
            if not inside_hidden and shows[-1]:
                yield token
        elif token.tag in _VOID:
            if not inside_hidden and not _hidden(token, hiding):
                yield token
        elif token.closing:
            if inside_hidden:
                inside_hidden -= 1
            else:
                shows[1:] = shows[1:-1]
                yield token
        elif inside_hidden or _hidden(token, hiding):
            inside_hidden += 1
        else:
            shows.append(_text_shows(token, shows[-1]))
            yield token


def _hidden(token: Token, hiding: frozenset[str]) -> bool:
    given = attributes(token)
    style = given.get("style", "")
    if "hidden" in given or (style and css.hides(style, token.tag)):
        return True
    return bool(hiding and hiding & set(given.get("class", "").lower().split()))


def _text_shows(token: Token, around: bool) -> bool:
    style = attributes(token).get("style", "") if "style=" in token.written else ""
    said = css.text_shows(style) if style else None
    return around if said is None else said


_MARKED = re.compile(r' (?:class|id)="|border-top')


def _quoting(pieces: Iterator[Token]) -> Iterator[Token]:
    """Marks what the clients' own markers say is quoted: an element, or all that follows one."""
    inside, rest = 0, False
    for token in pieces:
        if token.tag and not rest:
            step = 0 if token.tag in _VOID else -1 if token.closing else 1
            if inside:
                inside += step
                yield token._replace(quoted=True)
                continue
            if not token.closing and (_MARKED.search(token.written) or token.tag == "blockquote"):
                mark = quotes.marker(token.tag, attributes(token))
                rest, inside = mark == "rest", step * (mark == "element")
        yield token._replace(quoted=True) if inside or rest else token


def unnamed(written: str) -> str:
    """Attributes without those by which style sheets and scripts would find the element."""
    return _NAMES.sub("", written)


_NAMES = re.compile(r' (?:class|id|hidden)="[^"]*"')
