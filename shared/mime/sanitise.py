"""A stranger's HTML to HTML that may stand on our page."""

from html import escape

from shared.mime import text

_STYLES = {"font-style", "font-weight", "list-style-type", "text-align", "text-decoration"}
"""What shapes text. Nothing that moves, covers, hides, recolours (white on white) or loads."""
_SCHEMES = {"http", "https", "mailto", "tel", "cid"}
_IMAGE_SOURCES = ("https:", "cid:")


def clean_html(html: str) -> str:
    """Safe to insert as it is: no script, style sheet, form, frame, event handler or odd link.

    Links open apart and carry `rel="noopener noreferrer nofollow"`. Images keep https and cid
    sources: remote ones show as the sender meant, load only when seen and send no referrer; who
    wants to block trackers does so with one `img-src` of the page's Content-Security-Policy.
    HTML that is too costly to parse comes back as its text.
    """
    import nh3

    html = text.without_noise(html)
    if text.too_costly(html):
        return f"<pre>{escape(text.from_html(html))}</pre>"
    return nh3.clean(
        html,
        attributes={**nh3.ALLOWED_ATTRIBUTES, "*": {"style", "dir"}},
        attribute_filter=_filter,
        url_schemes=_SCHEMES,
        url_relative="deny",
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={
            "a": {"target": "_blank"},
            "img": {"loading": "lazy", "referrerpolicy": "no-referrer"},
        },
        filter_style_properties=_STYLES,
    )


def _filter(tag: str, attribute: str, value: str) -> str | None:
    if attribute == "cite":  # nobody sees it, and it tells where the text came from
        return None
    if attribute == "style" and set(value) & set("(\\"):  # url(…), and ways to spell it
        return None
    if tag == "img" and attribute == "src":
        return value if value.strip().lower().startswith(_IMAGE_SOURCES) else None
    return value
