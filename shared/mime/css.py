"""The declarations of a `style` attribute: which are safe to keep, and which hide what they stand on.

Kept is what shapes and colours: lengths that are not negative, colours, borders, alignment, fonts.
Nothing that loads (url), moves or covers (position, negative margins, transform), or runs.
"""

import re
from collections.abc import Iterator

_LENGTH = r"(?:\d{1,4}(?:\.\d{0,4})?|\.\d{1,4})(?:px|pt|pc|em|rem|ex|ch|in|cm|mm|%)?"
_COLOUR = r"(?:#[0-9a-f]{3,8}|[a-z]{3,20}|(?:rgb|hsl)a?\([\d\s.,%/]{1,40}\))"
_LINE = r"(?:none|hidden|solid|dashed|dotted|double|groove|ridge|inset|outset)"
_BORDER = rf"(?:{_LENGTH}|{_LINE}|{_COLOUR}|thin|medium|thick)"
_WORDS = r"[a-z-]{1,30}(?: [a-z-]{1,30}){0,3}"


def _up_to_four(value: str) -> str:
    return rf"{value}(?: {value}){{0,3}}"


_VALUES = {
    _COLOUR: "color background-color border-color border-top-color border-right-color "
    "border-bottom-color border-left-color",
    rf"{_LENGTH}|auto": "width height min-width max-width min-height max-height",
    _up_to_four(_LENGTH): "padding padding-top padding-right padding-bottom padding-left "
    "border-radius border-spacing",
    _up_to_four(rf"(?:{_LENGTH}|auto)"): "margin margin-top margin-right margin-bottom margin-left",
    rf"{_BORDER}(?: {_BORDER}){{0,2}}": "border border-top border-right border-bottom border-left",
    _up_to_four(rf"(?:{_LENGTH}|thin|medium|thick)"): "border-width border-top-width "
    "border-right-width border-bottom-width border-left-width",
    _up_to_four(_LINE): "border-style border-top-style border-right-style border-bottom-style "
    "border-left-style",
    rf"{_LENGTH}|normal|{_WORDS}": "font-size line-height vertical-align",
    r"""[\w\s,'"-]{1,300}""": "font-family",
    r"[1-9]00|normal|bold|bolder|lighter": "font-weight",
    _WORDS: "border-collapse text-align text-decoration text-transform white-space font-style "
    "list-style-type direction float clear table-layout word-break overflow-wrap",
    r"block|inline|inline-block|table|table-row|table-cell|list-item": "display",
}
_SAFE = {
    name: re.compile(pattern, re.ASCII)
    for pattern, names in _VALUES.items()
    for name in names.split()
}
_COMMENT = re.compile(r"/\*(?:(?!\*/).)*+(?:\*/|\Z)", re.DOTALL)
_PLAIN_COLOUR = re.compile(_COLOUR)
_MOST = 100
"""Declarations of one attribute that are looked at."""


def safe(style: str) -> str:
    """What may stay of it, "" when nothing may."""
    return ";".join(
        f"{name}:{value}"
        for name, value in map(_expanded, _declarations(style))
        if _allowed(name, value)
    )


def _expanded(declaration: tuple[str, str]) -> tuple[str, str]:
    """`background` is kept where it is only a colour."""
    name, value = declaration
    if name == "background" and _PLAIN_COLOUR.fullmatch(value):
        return "background-color", value
    return declaration


def _allowed(name: str, value: str) -> bool:
    pattern = _SAFE.get(name)
    return bool(pattern and pattern.fullmatch(value))


def _declarations(style: str) -> Iterator[tuple[str, str]]:
    """Names and values, lower-case, without `!important`."""
    plain = _COMMENT.sub("", style).lower() if "/*" in style else style.lower()
    for declaration in plain.split(";", _MOST)[:_MOST]:
        name, colon, value = declaration.partition(":")
        if colon:
            yield name.strip(), " ".join(value.removesuffix("!important").split())


# -- hiding ---------------------------------------------------------------------------------------

HINT = re.compile(
    r"hidden|display|visibility|mso-hide|opacity|max-height|font-size\s*:\s*0|line-height\s*:\s*0",
    re.IGNORECASE,
)
"""HTML without any of these hides nothing."""
_ZERO = re.compile(r"0*(?:\.0*)?(?:[a-z]{1,3}|%)?")


def hides(style: str, tag: str) -> bool:
    """Whether the element and all in it is not shown, whatever stands inside.

    `mso-hide` hides from Outlook alone; senders write it on what others shall not see either, but
    for links: a button has a drawn twin for Outlook."""
    said = dict(_declarations(style))
    clipped = said.get("overflow", "").startswith("hidden")
    return (
        said.get("display") == "none"
        or (said.get("mso-hide") == "all" and tag != "a")
        or _is_zero(said.get("opacity"))
        or (clipped and (_is_zero(said.get("max-height")) or _is_zero(said.get("height"))))
    )


def text_shows(style: str) -> bool | None:
    """Whether text right inside shows; None when the element around it decides. A `font-size` of
    zero is common on layout cells, whose children have a size of their own."""
    said = dict(_declarations(style))
    if said.get("visibility") in {"hidden", "collapse"} or _is_zero(said.get("font-size")):
        return False
    return True if "font-size" in said or "visibility" in said else None


def _is_zero(value: str | None) -> bool:
    return bool(value and _ZERO.fullmatch(value))


# -- style sheets ---------------------------------------------------------------------------------

_SHEET = re.compile(r"<style\b[^<>]*+>((?:(?!</style)[^<]|<(?!/style))*+)", re.IGNORECASE)
_HTML_COMMENT = re.compile(r"<!--(?:(?!-->).)*+(?:-->|\Z)", re.DOTALL)
_BRACE = re.compile(r"([{}])")
_CLASS = re.compile(r"(?:[a-z]*)\.([\w-]+)")
_LARGEST_SHEET = 100_000
"""Characters of style sheets that are read."""


def hiding_classes(html: str) -> frozenset[str]:
    """Classes that the mail's own style sheet hides on every screen (`.preheader{display:none}`).

    Rules for some screens only (@media) and for Outlook (conditional comments) do not count."""
    start = html.lower().find("<style")
    if start < 0:
        return frozenset()
    plain = _HTML_COMMENT.sub("", html[start : start + _LARGEST_SHEET])
    sheet = _COMMENT.sub("", " ".join(_SHEET.findall(plain))).lower()
    return frozenset(
        found[1]
        for selectors, style in _rules(sheet)
        if "none" in style and hides(style, "")
        for selector in selectors.split(",")
        if (found := _CLASS.fullmatch(selector.strip()))
    )


def _rules(sheet: str) -> Iterator[tuple[str, str]]:
    """Selectors and declarations of the rules that stand in no other."""
    depth, before, nested = 0, "", False
    for piece in _BRACE.split(sheet):
        if piece == "{":
            depth += 1
            nested = nested or before.lstrip().startswith("@")
        elif piece == "}":
            depth = max(0, depth - 1)
            nested = nested and depth > 0
        elif depth == 1 and not nested:
            yield before, piece
        else:
            before = piece.rpartition(";")[2]
