"""Where what an earlier mail said begins: by the clients' own markers in HTML, by habits in text.

A person reads the new text; the rest can be folded away. The whole text always stays.
"""

import re
from typing import Literal

Mark = Literal["", "element", "rest"]

_ELEMENTS = {
    # class or id → the element is what is quoted, or the line that announces it
    "gmail_quote", "gmail_quote_container", "gmail_attr", "moz-cite-prefix", "yahoo_quoted",
    "protonmail_quote", "tutanota_quote", "zmail_extra", "olk_src_body_section",
    "mail-editor-reference-message-container", "outlookmessageheader", "moz-email-headers-table",
}  # fmt: skip
_RESTS = {"appendonsend", "divrplyfwdmsg", "stopspelling", "ms-outlook-mobile-reference-message"}
"""class or id → from here on everything is."""
_OUTLOOK_LINE = re.compile(r"border-top\s*:\s*solid\s+#(?:e1e1e1|b5c4df)\s+1\.0pt", re.IGNORECASE)
"""Outlook for Windows draws a line of these colours above the header of what is answered."""


def marker(tag: str, attributes: dict[str, str]) -> Mark:
    """What an opening tag says of itself or of what follows."""
    if tag == "blockquote":
        return "element"
    names = {*attributes.get("class", "").lower().split(), attributes.get("id", "").lower()}
    if names & _ELEMENTS:
        return "element"
    if names & _RESTS or _OUTLOOK_LINE.search(attributes.get("style", "")):
        return "rest"
    return ""


class Fold:
    """Where a run of parts stops saying anything new, found while it is read once."""

    def __init__(self) -> None:
        self.at: int | None = None
        """The place of the first part after the last new one; None while nothing is quoted."""
        self._new = False

    def see(self, place: int, *, quoted: bool, blank: bool) -> None:
        if quoted:
            self.at = place if self.at is None and self._new else self.at
        elif not blank:
            self.at, self._new = None, True


# -- text -----------------------------------------------------------------------------------------

_SAID = r"""(?:wrote|writes|schrieb|écrit|escribió|escreveu|ha\ scritto|schreef|skrev|napsal(?:\(a\))?
    |napisał(?:\(a\))?|írta|yazdı|пишет|написал(?:\(а\)|а)?|写道|寫道|のメール|님이\ 작성)"""
_ENDS_SAID = re.compile(rf"{_SAID}\ ?[:：]$", re.IGNORECASE | re.VERBOSE)
_HAS_SAID = re.compile(r"\s(?:schrieb|schreef|skrev|escribió|escreveu)\s", re.IGNORECASE)
_DATED = re.compile(r"(?:am|op|den|el|em)\s", re.IGNORECASE)
_SEPARATOR = re.compile(
    r"""-{2,20}\ ?(?:original\ message|ursprüngliche\ nachricht|message\ d'origine|mensaje\ original
    |messaggio\ originale|oorspronkelijk\ bericht|mensagem\ original|ursprungligt\ meddelande
    |oprindelig\ meddelelse|wiadomość\ oryginalna|původní\ zpráva|исходное\ сообщение|原始邮件)\ ?-{2,20}""",
    re.IGNORECASE | re.VERBOSE,
)
_FROM = re.compile(
    r"\*?(?:from|von|de|da|van|från|fra|od|от|发件人|寄件者|差出人|보낸 사람) ?\*?[:：] ?\S",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"""\*?(?:sent|date|to|cc|subject|gesendet|datum|an|betreff|envoyé|à|objet|enviado|fecha|para|asunto
    |inviato|data|a|oggetto|verzonden|aan|onderwerp|skickat|till|ämne|sendt|til|emne|wysłano|do|temat
    |odesláno|komu|předmět|отправлено|дата|кому|тема|发送时间|收件人|主题|送信日時|宛先|件名)[ ]?\*?[:：]""",
    re.IGNORECASE | re.VERBOSE,
)
_RULE = re.compile(r"_{10,80}")
_LONGEST = 400
"""Characters of a line that announces a quote, also when it is wrapped."""
_WRAPPED = 3
"""Lines over which it may run."""


def in_text(text: str) -> int | None:
    """The offset, in characters, at which the new text ends; None when nothing old follows it."""
    lines = text.split("\n")
    fold, offset, rest, announcing = Fold(), 0, False, 0
    for number, line in enumerate(lines):
        if not (rest or line.startswith(">") or announcing):
            announcing = _announcement(lines, number)
            rest = _begins_rest(lines, number) or bool(
                announcing and not _next(lines, number + announcing).startswith(">")
            )
        quoted = rest or bool(announcing) or line.startswith(">")
        fold.see(offset, quoted=quoted, blank=not line.strip())
        announcing -= bool(announcing)
        offset += len(line) + 1
    return fold.at


def _announcement(lines: list[str], number: int) -> int:
    """How many lines from here on say who wrote what follows; 0 when this is no such line."""
    joined = ""
    if not lines[number].strip():
        return 0
    for count, line in enumerate(lines[number : number + _WRAPPED], 1):
        joined += f"{line.strip()} "
        if not line.strip() or len(joined) > _LONGEST:
            return 0
        if joined.endswith((": ", "： ")):
            return count if _announces(joined.rstrip()) else 0
    return 0


def _announces(line: str) -> bool:
    """`On Monday, Ana wrote:`, or the name behind the verb: `Am Montag schrieb Ana:`."""
    return bool(_ENDS_SAID.search(line) or (_DATED.match(line) and _HAS_SAID.search(line)))


def _begins_rest(lines: list[str], number: int) -> bool:
    line = lines[number].strip()
    if _SEPARATOR.fullmatch(line[:_LONGEST]):
        return True
    if _RULE.fullmatch(line[:_LONGEST]):
        return _is_header(lines, number + 1)
    return _is_header(lines, number)


def _is_header(lines: list[str], number: int) -> bool:
    """From, and at least two of the others below it."""
    if number >= len(lines) or not _FROM.match(lines[number].strip()):
        return False
    return sum(bool(_HEADER.match(one.strip())) for one in lines[number + 1 : number + 6]) >= 2


def _next(lines: list[str], number: int) -> str:
    return next((line for line in lines[number : number + _WRAPPED] if line.strip()), "")
