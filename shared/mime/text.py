"""HTML to the plain text that stands beside it in a mail."""

import re
from html.parser import HTMLParser

_UNSEEN = {"head", "script", "style", "template", "title"}
_BLOCKS = {
    "address", "article", "blockquote", "center", "dd", "div", "dl", "dt", "fieldset", "figure",
    "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav",
    "ol", "p", "pre", "section", "table", "tr", "ul",
}  # fmt: skip
_SPACED = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "pre", "table"}
_BLANK_LINES = re.compile(r"\n{3,}")
_SPACE = re.compile(r"[ \t\r\n\f]+")


def from_html(html: str) -> str:
    """What a reader of the HTML sees, as lines of text; a link shows its label and where it leads."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.text()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._unseen = 0
        self._pre = 0
        self._links: list[tuple[str, int]] = []

    def text(self) -> str:
        while self._links:
            self._end_link()
        lines = "".join(self._out).split("\n")
        return _BLANK_LINES.sub("\n\n", "\n".join(line.rstrip() for line in lines)).strip("\n")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self._unseen += tag in _UNSEEN
        self._pre += tag == "pre"
        if tag in _BLOCKS:
            self._break(2 if tag in _SPACED else 1)
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
        self._unseen -= tag in _UNSEEN and self._unseen > 0
        self._pre -= tag == "pre" and self._pre > 0
        if tag in _BLOCKS:
            self._break(2 if tag in _SPACED else 1)
        if tag == "a" and self._links:
            self._end_link()

    def handle_data(self, data: str) -> None:
        self._add(data)

    def _add(self, data: str) -> None:
        if self._unseen or not data:
            return
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
        if self._out and missing > 0 and not self._unseen:
            self._out.append("\n" * missing)

    def _end_link(self) -> None:
        """The target follows its label, unless the label is the target."""
        target, start = self._links.pop()
        label = "".join(self._out[start:]).strip()
        plain = target.removeprefix("mailto:")
        if target and not target.startswith("#") and label not in {target, plain}:
            self._out.append(f" <{plain}>" if label else plain)
