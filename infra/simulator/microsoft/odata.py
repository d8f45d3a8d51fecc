"""`$filter` and `$orderby`, as far as Exchange takes them for messages.

Comparisons of the properties below, `and`, `or`, `not`, brackets, startswith and contains, and
singleValueExtendedProperties/Any(ep: ep/id eq '…' and ep/value eq '…'). Everything else is refused
with 400, like the filters on recipients that Graph does not have either.
"""

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

from infra.simulator import headers
from infra.simulator.microsoft import errors, ids
from infra.simulator.microsoft.resource import View

Predicate = Callable[[View], bool]
Getter = Callable[[View], Any]

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^']|'')*')
      | (?P<moment>\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?)
      | (?P<sign>[(),:])
      | (?P<word>[A-Za-z_@][\w./@]*))""",
    re.VERBOSE,
)
_ORDER = re.compile(r"\s*([\w/]+)(?:\s+(asc|desc))?\s*")
_COMPARE = {
    "eq": operator.eq,
    "ne": operator.ne,
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "lt": operator.lt,
}
_FUNCTIONS = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": str.__contains__,
}
_TRUTH = {"true": True, "false": False}
_EXTENDED = "singlevalueextendedproperties/any"
_MAX_DEPTH = 40


def _received(view: View) -> datetime:
    return headers.from_milliseconds(view.message.at)


def _sent(view: View) -> datetime:
    return headers.from_milliseconds(view.message.facts.dated_ms or view.message.at)


def _address(view: View) -> str:
    return view.message.facts.sender


def _name(view: View) -> str:
    people = view.people("from")
    return str(people[0]["emailAddress"]["name"]).lower() if people else ""


_FIELDS: Mapping[str, Getter] = {
    "receiveddatetime": _received,
    "createddatetime": _received,
    "lastmodifieddatetime": _received,
    "sentdatetime": _sent,
    "from/emailaddress/address": _address,
    "sender/emailaddress/address": _address,
    "from/emailaddress/name": _name,
    "internetmessageid": lambda view: view.message.facts.message_id.lower(),
    "conversationid": lambda view: ids.conversation(view.message).lower(),
    "subject": lambda view: view.message.facts.subject.lower(),
    "isdraft": lambda view: "DRAFT" in view.message.labels,
    "isread": lambda view: "UNREAD" not in view.message.labels,
    "hasattachments": lambda view: view.reading.has_attachments,
}
"""By path, lower-cased; texts are compared without regard to case."""


class Filter:
    """A compiled `$filter`. Raises Refused (400)."""

    def __init__(self, text: str) -> None:
        tokens = _tokens(text)
        self.matches: Predicate = _Reader(tokens).whole()
        self.first = next(word for word in tokens if word != "(").lower()
        """What it begins with."""


class Order:
    """A compiled `$orderby` of one property. Raises Refused (400)."""

    def __init__(self, text: str, given: Filter | None) -> None:
        match = _ORDER.fullmatch(text.lower())
        if not match or match[1] not in _FIELDS:
            _refuse(f"'{text}' cannot be ordered by.")
        self.key: Getter = _FIELDS[match[1]]
        self.descending = match[2] == "desc"
        if given and given.first != match[1]:
            # A property ordered by must also come first in the filter (Graph, "list messages").
            raise errors.invalid(
                "InefficientFilter",
                "The restriction or sort order is too complex for this operation.",
            )


class _Reader:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def whole(self) -> Predicate:
        found = self._either(0)
        if self._at < len(self._tokens):
            _refuse("The filter goes on where it should end.")
        return found

    def _either(self, depth: int) -> Predicate:
        if depth > _MAX_DEPTH:
            _refuse("The filter is nested too deeply.")
        terms = [self._both(depth)]
        while self._take("or"):
            terms.append(self._both(depth))
        return terms[0] if len(terms) == 1 else lambda view: any(term(view) for term in terms)

    def _both(self, depth: int) -> Predicate:
        terms = [self._term(depth)]
        while self._take("and"):
            terms.append(self._term(depth))
        return terms[0] if len(terms) == 1 else lambda view: all(term(view) for term in terms)

    def _term(self, depth: int) -> Predicate:
        if self._take("not"):
            inner = self._term(depth + 1) if depth <= _MAX_DEPTH else _refuse("Nested too deeply.")
            return lambda view: not inner(view)
        if self._take("("):
            inner = self._either(depth + 1)
            self._expect(")")
            return inner
        name = self._next().lower()
        if name == _EXTENDED:
            return self._extended()
        if name in _FUNCTIONS:
            return self._function(name)
        if name not in _FIELDS:
            _refuse("The query filter contains one or more invalid nodes.")
        return self._comparison(name)

    def _comparison(self, name: str) -> Predicate:
        compare, value, get = _compare(self._next()), _literal(self._next()), _FIELDS[name]

        def matches(view: View) -> bool:
            found = get(view)
            return type(found) is type(value) and bool(compare(found, value))

        return matches

    def _function(self, name: str) -> Predicate:
        self._expect("(")
        get = _FIELDS.get(self._next().lower()) or _refuse("It compares what no message has.")
        self._expect(",")
        wanted, test = _literal(self._next()), _FUNCTIONS[name]
        self._expect(")")
        if not isinstance(wanted, str):
            _refuse("It needs a text.")

        def matches(view: View) -> bool:
            found = get(view)
            return isinstance(found, str) and bool(test(found, wanted))

        return matches

    def _extended(self) -> Predicate:
        """(ep: ep/id eq '…' and ep/value eq '…'), in either order."""
        self._expect("(")
        variable = self._next().lower()
        self._expect(":")
        sides = dict([self._side(variable)])
        self._expect("and")
        sides |= dict([self._side(variable)])
        self._expect(")")
        if set(sides) != {"id", "value"}:
            _refuse("An extended property is found by its id and value.")
        return lambda view: view.extended(sides["id"]) == sides["value"]

    def _side(self, variable: str) -> tuple[str, str]:
        name = self._next().lower()
        self._expect("eq")
        token = self._next()
        if not token.startswith("'") or not name.startswith(f"{variable}/"):
            _refuse("An extended property is found by its id and value.")
        return name.partition("/")[2], _unquoted(token)

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            _refuse("The filter ends too early.")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, word: str) -> bool:
        found = self._at < len(self._tokens) and self._tokens[self._at].lower() == word
        self._at += found
        return found

    def _expect(self, word: str) -> None:
        if not self._take(word):
            _refuse(f"'{word}' is missing.")


def _tokens(text: str) -> list[str]:
    tokens, end = [], 0
    while end < len(text.rstrip()):
        match = _TOKEN.match(text, end)
        if not match:
            _refuse(f"Syntax error at position {end} in '{text}'.")
        tokens.append(match.group().strip())
        end = match.end()
    return tokens


def _compare(word: str) -> Callable[[Any, Any], Any]:
    return _COMPARE.get(word.lower()) or _refuse(f"'{word}' is no comparison.")


def _literal(token: str) -> str | bool | datetime:
    if token.startswith("'"):
        return _unquoted(token).lower()
    if token in _TRUTH:
        return _TRUTH[token]
    try:
        found = datetime.fromisoformat(token)
    except ValueError:
        _refuse(f"'{token}' is no value.")
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _unquoted(token: str) -> str:
    return token[1:-1].replace("''", "'")


def _refuse(message: str) -> NoReturn:
    raise errors.invalid("ErrorInvalidUrlQueryFilter", message)
