"""The parts of a mail, as a provider handed them over, to the content a mail client shows.

Which parts are the text follows RFC 8621 4.1.4, with what mails break of it: docs/content.md.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape, unescape
from urllib.parse import unquote

from msgspec import Struct, structs

from shared.domain.mail import Attachment, Content, Invitation
from shared.mime import calendars, enriched, files, flowed, quotes, text

MAX_TEXT = 10_000_000
"""Characters of a mail's text, and of its HTML, that are kept; what is longer is cut there."""
DEEPEST = 100
"""Levels of parts. What lies deeper is listed as it is."""
_TEXTS = {"text/plain", "text/html", "text/enriched"}
READ = _TEXTS | {"text/calendar"}
"""Kinds whose text is read here."""
_TWINS = {"text/x-amp-html", "text/watch-html"}
"""Alternatives for a few mail programs only; ordinary text or HTML stands beside them."""
_CID = re.compile(r"""cid:([^\s"'<>)]{1,1000})""", re.IGNORECASE)
_PGP = "-----BEGIN PGP MESSAGE-----"


class Part(Struct, kw_only=True):
    """One part, or with `children` a group of them."""

    kind: str
    """Type and subtype in lower case."""
    parameters: Mapping[str, str] = {}
    """Of Content-Type, by lower-case name."""
    name: str = ""
    """The file name, decoded; "" when it has none."""
    disposition: str = ""
    content_id: str = ""
    size: int = 0
    """Bytes, decoded."""
    subject: str = ""
    """Of an attached mail."""
    read: Callable[[], str] | None = None
    """The text of a text part; asked once, and only when it is shown."""
    children: tuple["Part", ...] = ()
    source: object = None
    """The provider's own, to fetch the file by."""


class _Seen(Struct):
    """What one part, with all below it, shows."""

    text: str = ""
    html: str = ""


def content(root: Part) -> Content:
    """Never raises, and shows or lists something of every mail that holds anything."""
    reading = _Reading()
    seen = reading.walk(root, 0, first=True)
    return finished(
        seen.text,
        seen.html,
        tuple(map(_listed, reading.listed)),
        invitation=reading.invitation,
        closed=reading.closed,
        kind=root.kind,
    )


def listed(root: Part) -> list[Part]:
    """The parts that `content` lists as attachments, in its order."""
    reading = _Reading()
    reading.walk(root, 0, first=True)
    return reading.listed


def finished(
    plain: str,
    html: str,
    attachments: tuple[Attachment, ...],
    *,
    invitation: Invitation | None = None,
    closed: str = "",
    kind: str = "",
) -> Content:
    """The rules that hold however the parts were found: text beside HTML, inline files, length,
    quotes, and a word where nothing can be shown. `kind` is the mail's own."""
    plain = plain.replace("\r\n", "\n")
    if _PGP in plain[:2000]:
        closed = "encrypted"
    cut = len(plain) > MAX_TEXT or len(html) > MAX_TEXT
    plain, html = plain[:MAX_TEXT], html[:MAX_TEXT]
    quoted_from = quotes.in_text(plain)
    if html.strip() and not plain.strip():
        made = text.rendered(html)
        plain = made.text
        quoted_from = quotes.in_text(plain) if made.quoted_from is None else made.quoted_from
    if plain.strip() or html.strip():
        closed = closed if closed == "encrypted" else ""
    else:
        plain = (invitation.summary if invitation else "") or files.CLOSED.get(closed, "")
        if kind.startswith("multipart/") and not attachments:
            plain = plain or files.EMPTY
    return Content(
        text=plain,
        html=html,
        attachments=tuple(_placed(attachments, html)),
        quoted_from=quoted_from,
        invitation=invitation,
        closed=closed,
        cut=cut,
    )


def _placed(attachments: tuple[Attachment, ...], html: str) -> Iterator[Attachment]:
    """A file that the HTML shows is inline, whatever its part says; one that no text shows is not, but
    for pictures."""
    shown = {unquote(unescape(found)) for found in _CID.findall(html)} if attachments else set()
    for one in attachments:
        inline = one.content_id in shown or (one.inline and one.mime_type.startswith("image/"))
        yield one if inline == one.inline else structs.replace(one, inline=inline)


class _Reading:
    def __init__(self) -> None:
        self.listed: list[Part] = []
        self.invitation: Invitation | None = None
        self.closed = ""
        self._texts = 0

    def walk(self, part: Part, depth: int, *, first: bool, alternative: bool = False) -> _Seen:
        if part.kind.startswith("multipart/") and part.children and depth < DEEPEST:
            return self._group(part, depth)
        if part.kind.startswith("multipart/") and not (depth or part.size):
            return _Seen()  # a mail of no parts
        if not self._is_text(part, first):
            return self._other(part, alternative)
        assert part.read  # noqa: S101  # by _is_text
        shown = part.read()
        self._texts += bool(shown.strip())
        if part.kind == "text/html":
            return _Seen(html=shown)
        if part.kind == "text/enriched":
            return _Seen(text=enriched.to_plain(shown))
        if part.parameters.get("format", "").lower() == "flowed":
            shown = flowed.joined(shown, delsp=part.parameters.get("delsp", "").lower() == "yes")
        return _Seen(text=shown)

    def _group(self, part: Part, depth: int) -> _Seen:
        if part.kind == "multipart/encrypted":
            self.closed = "encrypted"
        is_choice = part.kind == "multipart/alternative"
        seen = [
            self.walk(child, depth + 1, first=number == 0, alternative=is_choice)
            for number, child in enumerate(part.children)
            if not (is_choice and child.kind in _TWINS and _has_text(part))
        ]
        return _best(seen) if is_choice else _together(seen)

    def _is_text(self, part: Part, first: bool) -> bool:
        """A named text is the body where it comes first or none came before it (RFC 8621 4.1.4)."""
        if part.kind not in _TEXTS or part.read is None or part.disposition == "attachment":
            return False
        return not part.name or first or not self._texts

    def _other(self, part: Part, alternative: bool) -> _Seen:
        self.closed = self.closed or files.closed(part.kind, part.parameters)
        if part.kind == "text/calendar" and part.read and part.disposition != "attachment":
            meeting = calendars.read(part.read(), part.parameters.get("method", ""))
            if meeting:
                self.invitation = self.invitation or meeting.invitation
                said = meeting.description or meeting.invitation.summary
                return _Seen() if alternative or self._texts else _Seen(text=said)
        self.listed.append(part)
        return _Seen()


def _listed(part: Part) -> Attachment:
    return Attachment(
        name=part.name or files.unnamed(part.kind, part.subject),
        mime_type=part.kind,
        size=part.size,
        content_id=part.content_id,
        inline=part.disposition == "inline" or bool(part.content_id and not part.disposition),
    )


def _has_text(part: Part) -> bool:
    return any(
        child.kind in _TEXTS or child.kind.startswith("multipart/") for child in part.children
    )


def _best(seen: list[_Seen]) -> _Seen:
    """All texts of one form (RFC 8621 4.1.4). The first plain one is what the HTML says too; further
    ones are the footers of list software, and added to the HTML."""
    plain = [one.text for one in seen if one.text.strip() and not one.html.strip()]
    html = [one.html for one in seen if one.html.strip()]
    texts = [one.text for one in seen if one.text.strip()]
    return _Seen(_lines(texts), "\n".join((*html, *map(as_html, plain[1:]))) if html else "")


def _together(seen: list[_Seen]) -> _Seen:
    """One below the other. A part in one form only is turned into the other where the rest has it,
    or a reader of that form would miss it."""
    shown = [one for one in seen if one.text.strip() or one.html.strip()]
    if len(shown) <= 1:
        return shown[0] if shown else next(iter(seen), _Seen())
    together = _Seen()
    if any(one.text for one in shown):
        together.text = _lines([one.text or text.from_html(one.html) for one in shown])
    if any(one.html for one in shown):
        together.html = "\n".join(one.html or as_html(one.text) for one in shown)
    return together


def _lines(texts: Sequence[str]) -> str:
    """Each begins a line of its own; a single line end behind one is that line's."""
    return "\n".join(
        (*(one.removesuffix("\n").removesuffix("\r") for one in texts[:-1]), *texts[-1:])
    )


def as_html(plain: str) -> str:
    return f'<pre style="white-space:pre-wrap">{escape(plain)}</pre>'
