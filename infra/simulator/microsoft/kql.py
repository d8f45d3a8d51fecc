"""`$search` over messages: the keyword query language, as far as mail goes.

from: to: cc: bcc: participants: recipients: subject: body: attachment: hasattachments: received:
sent:, words and "phrases", AND OR NOT and brackets. Terms of one property beside each other mean
either, of different ones both (KQL reference). A term of text is found as a phrase of whole words.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from infra.simulator import headers
from infra.simulator.charsets import words
from infra.simulator.microsoft import errors
from infra.simulator.microsoft.resource import View

Predicate = Callable[[View], bool]

_TOKEN = re.compile(
    r"""\s*(?:(?P<bracket>[()])
      | (?P<field>\w+)(?P<sign>:|>=|<=|>|<|=)(?:"(?P<quoted>[^"]*)"|(?P<value>[^\s()"]+))
      | "(?P<phrase>[^"]*)"
      | (?P<word>[^\s()"]+))""",
    re.VERBOSE,
)
_PEOPLE = {
    "from": ("from",),
    "to": ("to",),
    "cc": ("cc",),
    "bcc": ("bcc",),
    "recipients": ("to", "cc", "bcc"),
    "participants": ("from", "to", "cc", "bcc"),
}
_TEXTS: dict[str, Callable[[View], str]] = {
    "subject": lambda view: view.message.facts.subject,
    "body": lambda view: view.reading.plain,
    "attachment": lambda view: " | ".join(a.name for a in view.reading.attachments),
}
_MAX_DEPTH = 40


def compile_search(given: str) -> Predicate:
    """`given` is the parameter with its quotation marks. Raises Refused (400)."""
    text = given.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].replace('\\"', '"')
    elif found := re.search(r"[^\w\s]", text):
        position = found.start()
        _refuse(f"character '{found[0]}' is not valid at position {position} in '{text}'.")
    return _Reader(text).whole()


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0

    def whole(self) -> Predicate:
        found = self._either(0)
        if self._at < len(self._tokens):
            _refuse("an unexpected bracket.")
        return found

    def _either(self, depth: int) -> Predicate:
        if depth > _MAX_DEPTH:
            _refuse("too many brackets.")
        terms = [self._both(depth)]
        while self._word("OR"):
            terms.append(self._both(depth))
        return _any(terms)

    def _both(self, depth: int) -> Predicate:
        terms = [self._near(depth)]
        while self._word("AND"):
            terms.append(self._near(depth))
        return _all(terms)

    def _near(self, depth: int) -> Predicate:
        """Terms beside each other: those of one property mean either."""
        groups: dict[str, list[Predicate]] = {}
        while (token := self._peek()) is not None and not _ends(token):
            field, term = self._term(depth)
            groups.setdefault(field or f"at {self._at}", []).append(term)
        if not groups:
            _refuse("a term is missing.")
        return _all([_any(terms) for terms in groups.values()])

    def _term(self, depth: int) -> tuple[str, Predicate]:
        """The property it names, "" for none, and the test."""
        if self._word("NOT"):
            _, inner = self._term(depth + 1) if depth <= _MAX_DEPTH else _refuse("too many NOTs.")
            return "", lambda view: not inner(view)
        token = self._next()
        if token["bracket"] == "(":
            found = self._either(depth + 1)
            closing = self._next()
            return ("", found) if closing["bracket"] == ")" else _refuse("a bracket is missing.")
        if token["field"]:
            value = token["quoted"] if token["quoted"] is not None else token["value"]
            return token["field"].lower(), _leaf(token["field"].lower(), token["sign"], value)
        return "", _text(token["phrase"] or token["word"] or "")

    def _peek(self) -> re.Match[str] | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _next(self) -> re.Match[str]:
        token = self._peek()
        if token is None:
            _refuse("it ends too early.")
        self._at += 1
        return token

    def _word(self, word: str) -> bool:
        token = self._peek()
        found = token is not None and token["word"] == word
        self._at += found
        return found


def _ends(token: re.Match[str]) -> bool:
    return token["word"] in {"OR", "AND"} or token["bracket"] == ")"


def _tokens(text: str) -> list[re.Match[str]]:
    tokens, end = [], 0
    while end < len(text.rstrip()):
        match = _TOKEN.match(text, end)
        if not match:
            _refuse(f"character '{text[end]}' is not valid at position {end} in '{text}'.")
        tokens.append(match)
        end = match.end()
    return tokens


def _leaf(field: str, sign: str, value: str) -> Predicate:
    if field in _PEOPLE:
        return _person(_PEOPLE[field], words(value))
    if field in {"received", "sent"}:
        return _date(field, sign, value)
    if field == "hasattachments":
        wanted = value.lower() in {"true", "yes", "1"}
        return lambda view: view.reading.has_attachments == wanted
    if field in _TEXTS:
        phrase, text = words(value), _TEXTS[field]
        return lambda view: phrase in words(text(view))
    return _text(f"{field} {value}")


def _person(names: tuple[str, ...], phrase: str) -> Predicate:
    def matches(view: View) -> bool:
        found = (view.message.facts.people[name] for name in names)
        return any(phrase in p.address_words or phrase in p.name_words for p in found)

    return matches


def _text(value: str) -> Predicate:
    """Subject, people and body: what a search without a property looks at."""
    wanted, everybody = words(value), _person(_PEOPLE["participants"], words(value))

    def matches(view: View) -> bool:
        facts = view.message.facts
        return (
            wanted in words(facts.subject) or everybody(view) or wanted in words(view.reading.plain)
        )

    return matches


def _date(field: str, sign: str, value: str) -> Predicate:
    """A day, or a range of days as 2026-01-01..2026-01-31; an instant counts as its day."""
    first, _, last = value.partition("..")
    start, end = _day(first), _day(last or first) + timedelta(days=1)
    if sign in {">=", ">"}:
        start, end = (start if sign == ">=" else end), datetime.max.replace(tzinfo=UTC)
    elif sign in {"<=", "<"}:
        start, end = datetime.min.replace(tzinfo=UTC), (end if sign == "<=" else start)

    def matches(view: View) -> bool:
        stamp = view.message.at if field == "received" else view.message.facts.dated_ms
        return start <= headers.from_milliseconds(stamp or view.message.at) < end

    return matches


def _day(value: str) -> datetime:
    try:
        return datetime.fromisoformat(value[:10]).replace(tzinfo=UTC)
    except ValueError:
        _refuse(f"'{value}' is no date.")


def _all(terms: list[Predicate]) -> Predicate:
    return terms[0] if len(terms) == 1 else lambda view: all(term(view) for term in terms)


def _any(terms: list[Predicate]) -> Predicate:
    return terms[0] if len(terms) == 1 else lambda view: any(term(view) for term in terms)


def _refuse(message: str) -> NoReturn:
    raise errors.invalid("BadRequest", f"Syntax error: {message}")
