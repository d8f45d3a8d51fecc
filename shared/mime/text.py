"""HTML to the plain text that stands beside it in a mail."""

import re
from collections import Counter
from html import unescape
from html.parser import HTMLParser

_BLOCKS = {
    "address", "article", "blockquote", "center", "dd", "div", "dl", "dt", "fieldset", "figure",
    "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav",
    "ol", "p", "pre", "section", "table", "tr", "ul",
}  # fmt: skip
_SPACED = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "pre", "table"}
_INLINE = {"a", "br", "img", "tbody", "td", "tfoot", "th", "thead"}
_UNSEEN = {"script", "style", "template", "title"}
_LINKS = {"ftp", "http", "https", "mailto", "sms", "tel", "webcal", "xmpp"}
_BLANK_LINES = re.compile(r"\n{3,}")
_SPACE = re.compile(r"[ \t\r\n\f]+")

_DEEPEST = 2000
"""Levels. A parser's time grows with their square: 50,000 take the best one five seconds."""
_MOST_REFERENCES = 50_000
"""`&…;` in all: each costs the parser as much as the text it stands in is long."""
_NOISE = re.compile("[\0\x80-\x9f]+")
"""Control characters that nobody sees; each costs the parser as much as a reference."""
_TAG = re.compile(r"<(/?)([a-z][^\s/>]*)", re.IGNORECASE)
_FLAT = {"br", "dd", "dt", "hr", "img", "input", "li", "link", "meta", "p", "td", "th", "tr"}
"""Tags that hold nothing, or that end the one before."""
_ANY_TAG = re.compile(r"<[^<>]*>")


def from_html(html: str) -> str:
    """What a reader of the HTML sees, as lines of text; a link shows its label and where it leads."""
    import nh3

    html = without_noise(html)
    if too_costly(html):
        return unescape(_ANY_TAG.sub(" ", html)).strip()
    # Python's parser takes minutes for some broken input, and no time for what nh3 makes of it.
    tidy = nh3.clean(
        html,
        tags=_BLOCKS | _INLINE,
        clean_content_tags=_UNSEEN,
        attributes={"a": {"href"}, "img": {"alt"}},
        url_schemes=_LINKS,
    )
    reader = _Reader()
    reader.feed(tidy)
    reader.close()
    return reader.text()


def without_noise(html: str) -> str:
    """To be asked of what is parsed, before `too_costly`."""
    return _NOISE.sub("", html)


def too_costly(html: str) -> bool:
    """Nested deeper, or with more references, than any mail program writes: no parser would do it in
    linear time. May overestimate broken HTML, never the reverse."""
    if html.count("&") > _MOST_REFERENCES:
        return True
    if html.count("<") <= _DEEPEST:
        return False
    open_tags: Counter[str] = Counter()
    depth = 0
    for end, name in _TAG.findall(html.lower()):
        if name in _FLAT or (end and not open_tags[name]):
            continue
        step = -1 if end else 1
        open_tags[name] += step
        depth += step
        if depth > _DEEPEST:
            return True
    return False


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._pre = 0
        self._links: list[tuple[str, int]] = []

    def text(self) -> str:
        lines = "".join(self._out).split("\n")
        return _BLANK_LINES.sub("\n\n", "\n".join(line.rstrip() for line in lines)).strip("\n")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in _BLOCKS:
            self._break(2 if tag in _SPACED else 1)
        self._pre += tag == "pre"
        if tag == "a":
            self._links.append(((values.get("href") or "").strip(), len(self._out)))
        elif tag == "br":
            self._out.append("\n")
        elif tag == "li":
            self._out.append("- ")
        elif tag == "hr":
            self._out.append("---\n")
        elif tag == "img":
            self._add(values.get("alt") or "")
        elif tag in {"td", "th"}:
            self._add(" ")

    def handle_endtag(self, tag: str) -> None:
        self._pre -= tag == "pre"
        if tag in _BLOCKS:
            self._break(2 if tag in _SPACED else 1)
        if tag == "a" and self._links:
            self._end_link()

    def handle_data(self, data: str) -> None:
        self._add(data)

    def _add(self, data: str) -> None:
        if not self._pre:
            data = _SPACE.sub(" ", data)
            if not self._out or self._out[-1].endswith(("\n", " ")):
                data = data.lstrip(" ")
        if data:
            self._out.append(data)

    def _break(self, lines: int) -> None:
        """At least so many line ends after what there is; none at the very start."""
        tail = "".join(self._out[-2:])
        missing = lines - (len(tail) - len(tail.rstrip("\n")))
        if self._out and missing > 0:
            self._out.append("\n" * missing)

    def _end_link(self) -> None:
        """The target follows its label, unless the label is the target."""
        target, start = self._links.pop()
        label = "".join(self._out[start:]).strip()
        plain = target.removeprefix("mailto:")
        if target and not target.startswith("#") and label not in {target, plain}:
            self._out.append(f" <{plain}>" if label else plain)
