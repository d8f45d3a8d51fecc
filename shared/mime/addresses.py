"""Mail addresses: one spelling each, and the people behind an address header.

One spelling, so that matching is equality: local part and domain in lower case (no provider we know
tells `Jane@` from `jane@`), NFC, the domain as A-labels (UTS 46 non-transitional: ß stays ß).
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice, takewhile

from msgspec import Struct

from shared.domain.mail import MOST_PEOPLE, Address
from shared.mime import charsets, headers

_ATEXT = r"a-z0-9!#$%&'*+/=?^_`{|}~\-"
_LDH = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_USUAL = re.compile(rf"(?!.*xn--)[{_ATEXT}]+(?:\.[{_ATEXT}]+)*@{_LDH}(?:\.{_LDH})*", re.ASCII)
"""Lower-case ASCII that needs nothing done to it but the length check."""


def normalise(text: str) -> str:
    """The one spelling of an address that a person gave us.

    Raises ValueError with a sentence that says what is wrong. Accepts a non-ASCII local part, since
    mail from such addresses exists; `require_sendable` does not.
    """
    address = text.strip(" ").lower().removesuffix(".")
    if len(address) <= 254 and _USUAL.fullmatch(address) and address.find("@") <= 64:
        return address
    local, at, domain = _nfc(_seen(text).strip(" ")).rpartition("@")
    if not at or not local or not domain:
        raise ValueError(f"must be one address such as jane@example.com, not {_shown(text)}")
    address = f"{_local_part(local)}@{_domain(domain)}"
    if len(address.encode()) > 254:
        raise ValueError("is longer than the 254 characters an address may have")
    return address


def require_sendable(text: str) -> str:
    """One to be written to: `normalise`, with the letters before the @ as its owner writes them, for
    there some server may tell them apart. Refuses what cannot be sent to without SMTPUTF8, which Gmail
    does not offer."""
    address = normalise(text)
    if not address.isascii():
        raise ValueError(f"{_shown(address)} has letters before the @ that mail cannot be sent to")
    given = _unquoted(_seen(text).strip(" ").rpartition("@")[0])
    local, _, domain = address.rpartition("@")
    kept = given if given.lower() == _unquoted(local) else _unquoted(local)
    return f"{_spelt(kept)}@{domain}"


def as_written(address: str) -> str:
    """How it stands in a mail: what RFC 5321 allows only inside quotes is quoted. Phones use addresses
    with dots in a row, or before the @."""
    local, _, domain = address.rpartition("@")
    bare = _unquoted(local)
    return address if _DOT_ATOM.fullmatch(bare.lower()) else f"{_in_quotes(bare)}@{domain}"


def mailbox_of(address: str) -> str:
    """The same for all addresses that reach one mailbox by their provider's rules: Gmail reads no dots
    and no +tag, others no +tag. For matching where a team wants that; a contact's own spelling stays."""
    local, _, domain = address.rpartition("@")
    bare = local if local.startswith('"') else local.partition("+")[0] or local
    if domain in {"gmail.com", "googlemail.com"}:
        return f"{bare.replace('.', '')}@gmail.com"
    return f"{bare}@{domain}"


def spellings(address: str) -> tuple[str, ...]:
    """A normalised address, and where its domain is an international one also as people write it.

    A mail holds either, and a provider's search finds the one it is asked for.
    """
    local, _, domain = address.rpartition("@")
    if "xn--" not in domain:
        return (address,)
    import idna

    try:
        return address, f"{local}@{idna.decode(domain)}"
    except (idna.IDNAError, UnicodeError):
        return (address,)


def parse_list(value: str) -> tuple[Address, ...]:
    """The people of a From, To, Cc, Bcc or Reply-To value, as a mail client shows them.

    Takes what comes: groups, comments, unquoted commas, raw 8-bit, missing or doubled brackets.
    What holds no address gives nobody, and an address inside a display name is only a name. Reads on
    until there is one more than MOST_PEOPLE: a mail that has so many is not taken in.
    """
    people: list[Address] = []
    position = 0
    while (plain := _PLAIN.match(value, position)) and len(people) <= MOST_PEOPLE:
        address = _incoming(plain["bare"] or plain["angle"])
        if address:
            name = plain["quoted"] or plain["words"] or ""
            people.append(Address(address, headers.decode(name)))
        if plain.end() == len(value):
            return tuple(people)
        position = plain.end()
    return tuple(islice(_people(charsets.repair(value)), MOST_PEOPLE + 1))


_PLAIN = re.compile(
    r"""\s*+
    (?: (?P<bare> [\w.+=-]+@[\w.-]+ )
      | (?: "(?P<quoted>[^"\\<>\r\n\ud800-\udfff]*+)"
          | (?P<words>[^"(),:;<>@\[\]\\\r\n\ud800-\udfff]*+) )
        \s*+ < (?P<angle> [\w.+=-]+@[\w.-]+ ) > )
    \s*+ (?: , | \Z )""",
    re.VERBOSE | re.ASCII,
)
"""One person written in one of the three usual ways, and the comma to a next one."""

# -- one address ----------------------------------------------------------------------------------


def _nfc(text: str) -> str:
    """Lower-casing can take a text out of NFC, so NFC comes last."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())


_DOT_ATOM = re.compile(rf"[{_ATEXT}\u0080-\U0010ffff]+(?:\.[{_ATEXT}\u0080-\U0010ffff]+)*")
_DOTTED = re.compile(rf"[{_ATEXT}\u0080-\U0010ffff.]+")
"""As a dot-atom, with dots anywhere: addresses of phones (docomo, au) that RFC 5321 allows only quoted."""
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_QUOTABLE = re.compile(r"[ -~\u0080-\U0010ffff]+")
_ZERO_WIDTH = dict.fromkeys(map(ord, "\u00ad\u034f\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"))


def _seen(text: str) -> str:
    """Without what nobody sees: it comes along when an address is copied from a page."""
    return text if text.isascii() else text.translate(_ZERO_WIDTH)


def _local_part(text: str) -> str:
    """Quotes stay only around what needs them."""
    local, quoted = _unquoted(text), _QUOTED.fullmatch(text)
    fits = (_QUOTABLE if quoted else _DOTTED).fullmatch(local)
    if not fits or not all(map(_visible, local.replace(" ", ""))):
        raise ValueError(f"has characters before the @ that no address has: {_shown(local)}")
    if len(local.encode()) > 64:
        raise ValueError("is longer than the 64 characters allowed before the @")
    return _spelt(local)


def _unquoted(local: str) -> str:
    quoted = _QUOTED.fullmatch(local)
    return re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL) if quoted else local


def _spelt(local: str) -> str:
    return local if _DOTTED.fullmatch(local.lower()) else _in_quotes(local)


def _in_quotes(local: str) -> str:
    escaped = local.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'


def _visible(character: str) -> bool:
    """Not a control, format, surrogate, private, unassigned or separating character."""
    return character.isascii() or unicodedata.category(character)[0] not in "CZ"


def _domain(text: str) -> str:
    import idna

    try:
        return idna.encode(
            text.removesuffix("."), uts46=True, std3_rules=True, transitional=False
        ).decode()
    except (idna.IDNAError, UnicodeError) as error:
        raise ValueError(f"has no usable domain after the @: {_shown(text)}") from error


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "…")


_TOLERABLE = re.compile(r'(?:"[^"\x00-\x1f]+"|[^\s"<>(),:;@\x00-\x1f]+)@[^\s"<>(),;@\x00-\x1f]+')


def _incoming(text: str) -> str:
    """The one spelling; of an odd address, one that is at least always the same; "" of no address."""
    if len(text) > _LONGEST:
        return ""
    if text[:1] == text[-1:] == "'":
        text = text[1:-1]  # Outlook's habit
    text = _seen(text)
    try:
        return normalise(text)
    except ValueError:
        odd = _nfc(text.strip().removesuffix("."))
        return odd if _TOLERABLE.fullmatch(odd) and len(odd) <= 320 else ""


_LONGEST = 1000
"""Characters of what may still be an address, once they are composed (NFC)."""
_LONGEST_NAME = 4000
"""Characters, still encoded. What is longer is cut: nobody is called that."""


# -- a header, however it is written --------------------------------------------------------------

_TOKEN = re.compile(
    r"""(?P<quoted> "(?:[^"\\]|\\.){0,250}+" )
    | (?P<comment> \( (?: [^()\\] | \\. | \( (?:[^()\\]|\\.){0,250}+ \) ){0,250}+ \) )
    | (?P<angle> < (?: "(?:[^"\\]|\\.){0,100}+" | \( [^()]*+ \) | [^<>"(,;] )*+ ;?>*+ )
    | (?P<literal> \[ [^\[\]]*+ \] )
    | (?P<mark> [,;:] )
    | (?P<text> (?: [^"(<,;:\[\\] | \\[()]?+ )++ | . )""",
    re.VERBOSE | re.DOTALL,
)
"""What may fail to close is bounded and begins at no bracket that is escaped: no text is read twice over."""
_COMMENT = re.compile(r"\((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*+\))*+\)", re.DOTALL)
_AROUND = re.compile(r" ?([@.]) ?")


class _Entry(Struct):
    """What stands between two commas."""

    words: list[str]
    angle: str | None = None
    comment: str = ""
    quoted: bool = False
    at: bool = False
    """Whether an @ stands among its words."""


def _people(value: str) -> Iterator[Address]:
    surname = ""
    for entry in _entries(value):
        people = list(_entry_people(entry, surname))
        surname = "" if people or entry.quoted else _join(surname, entry)
        yield from people


def _join(surname: str, entry: _Entry) -> str:
    """`Doe, Jane <x@y>` is one person: words without an address may begin the next one's name."""
    words = "".join(entry.words).strip()
    name = f"{surname}{words}, "
    if entry.angle is not None or "@" in words or not words or len(name) > _LONGEST:
        return ""
    return name


def _entries(value: str) -> Iterator[_Entry]:
    entry = _Entry([])
    for token in _TOKEN.finditer(value):
        kind, text = token.lastgroup, token[0]
        if kind == "mark" and not _is_colon_of_no_group(text, entry):
            if text != ":" and (entry.words or entry.angle is not None):
                yield entry
            entry = _Entry([])
        elif kind == "angle":
            _add_angle(entry, text)
        elif kind == "comment":
            entry.comment = entry.comment or text[1:-1]
        else:
            entry.words.append(text)
            entry.quoted = entry.quoted or kind == "quoted"
            entry.at = entry.at or "@" in text
    yield entry


def _is_colon_of_no_group(mark: str, entry: _Entry) -> bool:
    """A group's name stands before its colon; after an address a colon is only a character."""
    if mark == ":" and (entry.angle is not None or entry.at):
        entry.words.append(mark)
        return True
    return False


def _add_angle(entry: _Entry, text: str) -> None:
    """Of several brackets the last holds the address, the others belong to the name."""
    if entry.angle:
        entry.words.append(f"<{entry.angle}>")
        entry.at = entry.at or "@" in entry.angle
    entry.angle = text.strip("<>; \t")


def _entry_people(entry: _Entry, surname: str) -> Iterator[Address]:
    text = "".join(entry.words)
    if entry.angle is None:
        if entry.at:
            yield from _without_brackets(text, entry.comment)
        return
    uncommented = _COMMENT.sub("", entry.angle[:_LONGEST_NAME])
    if address := _incoming(_squeezed(uncommented.rpartition(":")[2])):
        yield Address(address, _name(surname + text) or _name(entry.comment))


def _without_brackets(text: str, comment: str) -> Iterator[Address]:
    """`jane@x.org`, `jane @ x . org`, `Jane Doe jane@x.org` whose brackets got lost, and addresses
    with nothing but space between them."""
    text = _squeezed(text.replace(">", " "))
    if text.startswith('"') and (address := _incoming(text)):
        yield Address(address, _name(comment))
        return
    name, _, last = text.rpartition(" ")
    if spaced := _spaced(text) if "@" in name else ():
        yield from spaced
    elif ("@" not in name or name.startswith('"')) and (address := _incoming(last)):
        yield Address(address, _name(name) or _name(comment))


def _spaced(text: str) -> tuple[Address, ...]:
    """Addresses with nothing but space between them; none where anything else stands there too."""
    words = text.split(" ")[: MOST_PEOPLE + 1]
    found = tuple(takewhile(bool, map(_incoming, words)))
    return tuple(map(Address, found)) if len(found) == len(words) else ()


def _squeezed(text: str) -> str:
    return _AROUND.sub(r"\1", " ".join(text.split()))


def _name(text: str) -> str:
    """A display name without its quotes, decoded after the structure is known, never before."""
    text = text[:_LONGEST_NAME]
    unquoted, quotes = _QUOTED.subn(lambda quoted: re.sub(r"\\(.)", r"\1", quoted[1]), text)
    return " ".join(headers.decode(unquoted if quotes else text.strip(' "')).split())
