"""A stranger's HTML to HTML that may stand on our page."""

import re
from collections.abc import Callable, Iterable
from html import escape, unescape
from urllib.parse import unquote

from msgspec import Struct

from shared.mime import css, markup, text
from shared.mime.markup import Token
from shared.mime.quotes import Fold

_SCHEMES = {"http", "https", "mailto", "tel", "cid"}
_IMAGE_SOURCES = ("https:", "cid:")
_SIZE = r"\d{1,4}(?:\.\d{1,2})?"
_COLOUR = r"#?[0-9a-zA-Z]{3,20}"
_SIDE = r"(?i:left|right|center|middle|justify|top|bottom|baseline|absmiddle)"
_VALUES = {
    name: re.compile(pattern, re.ASCII)
    for pattern, names in (
        (rf"{_SIZE}(?:%|px)?", "width height"),
        (_COLOUR, "bgcolor color"),
        (_SIDE, "align valign"),
        (r"\d{1,2}(?:px)?", "border cellpadding cellspacing"),
        (r"\d{1,3}", "colspan rowspan span start"),
        (r"[+-]?\d{1,2}", "size"),
        (r"[\w\s,'-]{1,100}", "face"),
        (r"(?i:nowrap|)", "nowrap"),
        (r"(?i:ltr|rtl|auto)", "dir"),
    )
    for name in names.split()
}
"""Of attributes that shape and colour; nothing that loads, moves or covers."""
_LAYOUT = {"align", "valign", "width", "height", "bgcolor"}
_QUOTED = ' class="quoted"'
_CID_SOURCE = re.compile(r'\bsrc="cid:([^"]{1,1000})"', re.IGNORECASE)
"""As the sanitiser writes it."""


class Shown(Struct, frozen=True):
    html: str
    quoted_from: int | None = None
    """The offset of the tag, which has the class "quoted", from which on an earlier mail speaks."""


def clean_html(html: str) -> str:
    return shown(html).html


def shown(html: str, picture: Callable[[str], str] | None = None) -> Shown:
    """Safe to insert as it is: no script, style sheet, form, frame, event handler or odd link.

    What the mail hides is left out. Links open apart and carry `rel="noopener noreferrer nofollow"`.
    Images keep https and cid sources: remote ones show as the sender meant, load only when seen and
    send no referrer; who wants to block trackers does so with one `img-src` of the page's
    Content-Security-Policy. `picture` says where that of a content id is found; without it, and where it
    says "", a cid source stays. HTML that is too costly to parse comes back as its text.
    """
    tokens = markup.tokens(html)
    if tokens is None:
        return Shown(f"<pre>{escape(text.from_html(html))}</pre>")
    clean = _cleaned(_marked(tokens))
    if picture:
        clean = _CID_SOURCE.sub(lambda found: _placed(found, picture), clean)
    mark = clean.find(_QUOTED)
    return Shown(clean, clean.rfind("<", 0, mark) if mark >= 0 else None)


def _placed(found: re.Match[str], picture: Callable[[str], str]) -> str:
    address = picture(unquote(unescape(found[1])))
    return f'src="{escape(address)}"' if address else found[0]


def _marked(tokens: Iterable[Token]) -> str:
    """What is seen of it, the classes gone but for the one that says where the quoted part begins."""
    written: list[str] = []
    fold = Fold()
    for token in tokens:
        blank = bool(token.tag) or not token.written.replace("&nbsp;", " ").strip()
        fold.see(len(written), quoted=token.quoted, blank=blank)
        if not token.tag:
            written.append(token.written)
        elif token.closing:
            written.append(f"</{token.tag}>")
        else:
            written.append(f"<{token.tag}{markup.unnamed(token.written)}>")
    if fold.at is not None:
        tag, _, more = written[fold.at].partition(">")
        written[fold.at] = f"{tag}{_QUOTED}>{more}"
    return "".join(written)


def _cleaned(html: str) -> str:
    import nh3

    tags, allowed = nh3.ALLOWED_TAGS | {"font", "tfoot"}, nh3.ALLOWED_ATTRIBUTES
    more = {"*": {"style", "dir"} | _LAYOUT, "font": {"color", "size", "face"},
            "table": {"border", "cellpadding", "cellspacing"}, "img": {"border"},
            "td": {"nowrap"}, "th": {"nowrap"}, "hr": {"size"}}  # fmt: skip
    return nh3.clean(
        html,
        tags=tags,
        attributes={tag: allowed.get(tag, set()) | more.get(tag, set()) for tag in allowed | more},
        attribute_filter=_filter,
        allowed_classes={tag: {"quoted"} for tag in tags},
        url_schemes=_SCHEMES,
        url_relative="deny",
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={
            "a": {"target": "_blank"},
            "img": {"loading": "lazy", "referrerpolicy": "no-referrer"},
        },
    )


def _filter(tag: str, attribute: str, value: str) -> str | None:
    if attribute == "cite":  # nobody sees it, and it tells where the text came from
        return None
    if attribute == "style":
        return css.safe(value) or None
    if tag == "img" and attribute == "src":
        return value if value.strip().lower().startswith(_IMAGE_SOURCES) else None
    pattern = _VALUES.get(attribute)
    return value if pattern is None or pattern.fullmatch(value.strip()) else None
