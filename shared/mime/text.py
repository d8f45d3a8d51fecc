"""HTML to the plain text that stands beside it in a mail."""

import re
from html import unescape

from msgspec import Struct

from shared.mime import markup
from shared.mime.markup import Token
from shared.mime.quotes import Fold

_BLOCKS = {
    "address", "article", "blockquote", "center", "dd", "div", "dl", "dt", "fieldset", "figure",
    "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav",
    "ol", "p", "pre", "section", "table", "tr", "ul",
}  # fmt: skip
_SPACED = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "pre", "table"}
_SHAPING = _BLOCKS | {"a", "br", "img", "td", "th"}
_BLANK_LINES = re.compile(r"\n{3,}")
_SPACE = re.compile(r"[ \t\r\n\f]+")
_INVISIBLE = dict.fromkeys(map(ord, "\u034f\u200b\u200c\u2060\ufeff\u00ad"))
"""What senders fill the preview of a mail with, and what breaks words."""
_ANY_TAG = re.compile(r"<[^<>]*>")


class Rendered(Struct, frozen=True):
    text: str
    quoted_from: int | None = None
    """The offset at which what an earlier mail said begins, by the clients' own markers."""


def from_html(html: str) -> str:
    """What a reader of the HTML sees, as lines of text; a link shows its label and where it leads."""
    return rendered(html).text


def rendered(html: str) -> Rendered:
    tokens = markup.tokens(html)
    if tokens is None:
        return Rendered(unescape(_ANY_TAG.sub(" ", html)).strip())
    reader = _Reader()
    for token in tokens:
        reader.read(token)
    return reader.result()


class _Reader:
    def __init__(self) -> None:
        self._out: list[str] = []
        self._pre = 0
        self._links: list[tuple[str, int]] = []
        self._fold = Fold()

    def result(self) -> Rendered:
        """Line ends are tidied before and after the fold apart, so that its offset stays right."""
        at = self._fold.at
        if at is None:
            return Rendered(_tidied("".join(self._out)).rstrip("\n"))
        new, old = (_tidied("".join(part)) for part in (self._out[:at], self._out[at:]))
        new = new.rstrip("\n")
        old = old.strip("\n")
        return Rendered(f"{new}\n\n{old}", len(new) + 2) if old else Rendered(new)

    def read(self, token: Token) -> None:
        tag = token.tag
        if not tag:
            data = token.written
            if "&" in data:
                data = unescape(data)
            self._fold.see(len(self._out), quoted=token.quoted, blank=not data.strip())
            self._add(data)
            return
        if token.quoted:
            self._fold.see(len(self._out), quoted=True, blank=True)
        if tag in _SHAPING:
            self._end(tag) if token.closing else self._start(token)

    def _start(self, token: Token) -> None:
        tag = token.tag
        if tag in _BLOCKS:
            self._break(2 if tag in _SPACED else 1)
        if tag == "a":
            self._links.append((markup.attributes(token).get("href", "").strip(), len(self._out)))
        elif tag == "pre":
            self._pre += 1
        elif tag == "br":
            self._out.append("\n")
        elif tag == "li":
            self._out.append("- ")
        elif tag == "hr":
            self._out.append("---\n")
        elif tag == "img":
            self._add(markup.attributes(token).get("alt", ""))
        elif tag in {"td", "th"}:
            self._add(" ")

    def _end(self, tag: str) -> None:
        self._pre -= tag == "pre"
        if tag in _BLOCKS:
            self._break(2 if tag in _SPACED else 1)
        if tag == "a" and self._links:
            self._end_link()

    def _add(self, data: str) -> None:
        if not data.isascii():
            data = data.translate(_INVISIBLE)
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


def _tidied(text: str) -> str:
    lines = text.split("\n")
    return _BLANK_LINES.sub("\n\n", "\n".join(line.rstrip() for line in lines)).lstrip("\n")
