"""Gmail's search language, as far as `q` of messages.list goes.

from: to: cc: bcc: subject: rfc822msgid: after: before: older_than: newer_than: in: label: is:
has:attachment, words and "quoted phrases", `-` for not, `OR` or `{…}` for or, `(…)`. What Gmail
would not know as an operator is searched for as text. Nothing anybody writes raises.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Protocol

from infra.simulator.charsets import words
from infra.simulator.headers import People
from infra.simulator.mail import Message


class Candidate(Protocol):
    """What a query looks at; the costly parts are read only when it asks for them."""

    @property
    def message(self) -> Message: ...
    @property
    def text(self) -> str:
        """The `words` of subject, people and body."""

    @property
    def has_attachment(self) -> bool: ...


Predicate = Callable[[Candidate], bool]

_TOKEN = re.compile(
    r"""(?P<minus>-)(?=[^\s-])
      | (?:(?P<operator>\w+):)?(?P<open>[({])
      | (?P<close>[)}])
      | (?P<field>\w+):(?:"(?P<quoted>[^"]*)"?|(?P<value>[^\s(){}"]+))
      | "(?P<phrase>[^"]*)"?
      | (?P<word>[^\s(){}"]+)""",
    re.VERBOSE,
)
_PACIFIC = timezone(timedelta(hours=-8))
"""A date means midnight in PST (Gmail API guide, "Search and filter messages")."""
_DATE = re.compile(r"(\d{4})[/-](\d{1,2})[/-](\d{1,2})")
_DATE_US = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_AGE = re.compile(r"(\d{1,4})([dmy])")
_DAYS = {"d": 1, "m": 30, "y": 365}
_LABELS = {"drafts": "DRAFT", "bin": "TRASH", "chats": "CHAT"}
_EVERYWHERE = {"anywhere", "spam", "trash", "bin"}
_MAX_DEPTH = 40


class Query:
    """A compiled query."""

    def __init__(self, text: str, now: datetime) -> None:
        compiler = _Compiler(text, now)
        self.matches: Predicate = compiler.group("", "", 0)
        self.searches_spam_and_trash = compiler.anywhere
        """True when it names these places itself; they are left out otherwise."""


class _Compiler:
    """Recursive descent over the tokens."""

    def __init__(self, text: str, now: datetime) -> None:
        self._tokens = list(_TOKEN.finditer(text))
        self._at = 0
        self._leaves = _Leaves(now)
        self.anywhere = False

    def group(self, operator: str, opening: str, depth: int) -> Predicate:
        """Terms up to the closing bracket. `operator` is what stood before the opening one."""
        terms: list[Predicate] = []
        either = False
        while (token := self._next()) is not None and not token["close"]:
            if token["word"] in {"OR", "AND"} and not operator:
                either = token["word"] == "OR" and bool(terms)
                continue
            term = self._term(token, operator, depth)
            terms.append(_any([terms.pop(), term]) if either else term)
            either = False
        return _any(terms) if opening == "{" and terms else _all(terms)

    def _term(self, token: re.Match[str], operator: str, depth: int) -> Predicate:
        if token["minus"]:
            named = self.anywhere  # to leave spam out is not to search there
            # The token pattern promises that something follows.
            inner = self._term(self._tokens[self._take()], operator, depth)
            self.anywhere = named
            return lambda candidate: not inner(candidate)
        if token["open"]:
            if depth >= _MAX_DEPTH:
                return _all([])
            return self.group(token["operator"] or operator, token["open"], depth + 1)
        value = token["quoted"] or token["value"] or token["phrase"] or token["word"] or ""
        return self._leaf((token["field"] or operator).lower(), value)

    def _leaf(self, operator: str, value: str) -> Predicate:
        if operator in {"in", "label", "is"} and value.lower() in _EVERYWHERE:
            self.anywhere = True
        return self._leaves.leaf(operator, value)

    def _next(self) -> re.Match[str] | None:
        return self._tokens[self._take()] if self._at < len(self._tokens) else None

    def _take(self) -> int:
        self._at += 1
        return self._at - 1


class _Leaves:
    """One method per kind of operator; None from it means: search for the text instead."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def leaf(self, operator: str, value: str) -> Predicate:
        makers: dict[str, Callable[[str, str], Predicate | None]] = {
            **dict.fromkeys(("from", "to", "cc", "bcc"), self._person),
            **dict.fromkeys(("after", "newer", "before", "older"), self._date),
            **dict.fromkeys(("newer_than", "older_than"), self._age),
            **dict.fromkeys(("in", "label", "is"), self._label),
            "subject": self._subject,
            "rfc822msgid": self._message_id,
            "has": self._has,
        }
        maker = makers.get(operator)
        found = maker(operator, value) if maker else None
        return found or self._text(f"{operator} {value}")

    def _text(self, value: str) -> Predicate:
        wanted = words(value)
        return lambda candidate: wanted in candidate.text or wanted == "  "

    def _person(self, operator: str, value: str) -> Predicate:
        if value.lower() == "me":
            return lambda c: c.message.account in c.message.facts.people[operator].addresses
        named = _named(value.lower())
        return lambda candidate: named(candidate.message.facts.people[operator])

    def _subject(self, _: str, value: str) -> Predicate:
        wanted = words(value)
        return lambda candidate: wanted in words(candidate.message.facts.subject)

    def _message_id(self, _: str, value: str) -> Predicate:
        wanted = f"<{value.strip('<>')}>"
        return lambda candidate: candidate.message.facts.message_id == wanted

    def _date(self, operator: str, value: str) -> Predicate | None:
        stamp = _milliseconds(value)
        if stamp is None:
            return None
        if operator in {"after", "newer"}:
            return lambda candidate: candidate.message.at >= stamp
        return lambda candidate: candidate.message.at < stamp

    def _age(self, operator: str, value: str) -> Predicate | None:
        if not (match := _AGE.fullmatch(value.lower())):
            return None
        age = timedelta(days=int(match[1]) * _DAYS[match[2]])
        stamp = (self._now - min(age, timedelta(days=36_500))).timestamp()
        return self._date(
            "after" if operator == "newer_than" else "before", str(max(0, int(stamp)))
        )

    def _label(self, _: str, value: str) -> Predicate:
        name = value.lower()
        if name in {"anywhere", "all"}:
            return _all([])
        if name == "read":
            return lambda candidate: "UNREAD" not in candidate.message.labels
        label = _LABELS.get(name, name.upper())
        return lambda candidate: label in candidate.message.labels

    def _has(self, _: str, value: str) -> Predicate | None:
        return (lambda candidate: candidate.has_attachment) if value == "attachment" else None


def _named(wanted: str) -> Callable[[People], bool]:
    """A whole address, a domain (@example.com), or words of a name or an address."""
    phrase = words(wanted)
    if wanted.startswith("@"):
        return lambda people: any(address.endswith(wanted) for address in people.addresses)
    if "@" in wanted:
        return lambda people: wanted in people.addresses or phrase in people.name_words
    return lambda people: phrase in people.address_words or phrase in people.name_words


def _milliseconds(value: str) -> int | None:
    """Of an epoch second, or a date as YYYY/MM/DD, YYYY-MM-DD or MM/DD/YYYY."""
    if value.isascii() and value.isdecimal() and len(value) < 13:
        return int(value) * 1000
    if match := _DATE.fullmatch(value):
        year, month, day = match.groups()
    elif match := _DATE_US.fullmatch(value):
        month, day, year = match.groups()
    else:
        return None
    try:
        date = datetime(int(year), int(month), int(day), tzinfo=_PACIFIC)
    except ValueError:
        return None
    return int(date.timestamp() * 1000)


def _all(terms: list[Predicate]) -> Predicate:
    if len(terms) == 1:
        return terms[0]
    return lambda candidate: all(term(candidate) for term in terms)


def _any(terms: list[Predicate]) -> Predicate:
    return lambda candidate: any(term(candidate) for term in terms)
