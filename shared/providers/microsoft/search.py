"""Graph's ways to find mail: by KQL where addresses are given, by date where none are."""

from datetime import date, timedelta
from itertools import chain
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

from shared.domain.errors import ProviderRejected
from shared.mime.addresses import spellings
from shared.ports.providers import IdPage, Search
from shared.providers.microsoft.api import query_of
from shared.providers.progress import Trail

_SELECT = "$select=id,parentFolderId,isDraft,sentDateTime"
_LISTED = 500
_FOUND = 250
"""Messages a page; Graph gives up to 1,000 of a list, and of a search less."""
_MOST_FOUND = 1_000
"""A search ends after so many, without a word, newest first.
https://learn.microsoft.com/graph/search-query-parameter"""


class Position(
    Struct,
    rename={"query": "q", "seen": "n", "until": "u", "oldest": "o", "trail": "w"},
    omit_defaults=True,
):
    """A page token."""

    query: str = ""
    """Of Graph's link to the next page; "" begins a search."""
    seen: int = 0
    """Messages of the search at hand so far."""
    until: str = ""
    """The search at hand is for mail sent up to this day (ISO); "" for all of it."""
    oldest: str = ""
    """The earliest day among what it found."""
    trail: Trail = msgspec.field(default_factory=Trail)
    """Of all pages, that of searches before included."""

    @classmethod
    def parse(cls, page: str) -> "Position":
        try:
            return msgspec.json.decode(page, type=cls) if page else cls()
        except msgspec.DecodeError:
            raise ProviderRejected("This is no page of a search.", reason="bad_page") from None


def query(search: Search, position: Position) -> str:
    """Of /me/messages, for the page at `position`."""
    if position.query:
        return position.query
    if search.addresses:
        question = quote(f'"{_kql(search, position.until)}"', safe="")
        return f"{_SELECT}&$top={_FOUND}&$search={question}"
    received = ""
    if search.since:
        moment = search.since.strftime("%Y-%m-%dT%H:%M:%SZ")
        received = f"&$filter={quote(f'receivedDateTime ge {moment}')}"
    return f"{_SELECT}&$top={_LISTED}&$orderby={quote('receivedDateTime desc')}{received}"


def page(
    search: Search, position: Position, answer: dict[str, Any], found: tuple[str, ...]
) -> IdPage:
    """What an answer brought, with the token of the page behind it, "" when there is none or when the
    pages lead nowhere."""
    following = _after(search, position, answer)
    if following is None:
        return IdPage(found)
    following.trail = position.trail
    circles = following.trail.circles(_ids(answer))
    if circles or (following.query and following.query == position.query):
        return IdPage(found, incomplete=True)
    return IdPage(found, msgspec.json.encode(following).decode())


def _after(search: Search, position: Position, answer: dict[str, Any]) -> Position | None:
    """A search that seems to have ended at Graph's limit goes on as another one, for mail sent up to
    the day it reached, and a day more, for nobody says whose days they are; some mail shows twice.
    """
    listed = answer.get("value")
    days = [_day(entry) for entry in listed] if isinstance(listed, list) else []
    seen = position.seen + len(days)
    oldest = min((day for day in (*days, position.oldest) if day), default="")
    if following := query_of(answer.get("@odata.nextLink")):
        return Position(following, seen, position.until, oldest)
    if search.addresses and seen > _MOST_FOUND - _FOUND and oldest:
        until = _moved(oldest, 1)
        if position.until:
            until = min(until, _moved(position.until, -1))  # or a busy day would never end
        return Position(until=until)
    return None


def _ids(answer: dict[str, Any]) -> list[str]:
    return [str(entry.get("id")) for entry in answer.get("value") or () if isinstance(entry, dict)]


def _kql(search: Search, until: str) -> str:
    phrases = list(map(_phrase, chain.from_iterable(map(spellings, search.addresses))))
    anybody = " OR ".join(f"participants:{phrase}" for phrase in phrases)
    terms = [f"({anybody})"] if len(phrases) > 1 else [anybody]
    if search.since:
        terms.append(f"received>={_moved(search.since.date().isoformat(), -1)}")
    if until:
        terms.append(f"sent<={until}")
    return " AND ".join(terms)


def _phrase(address: str) -> str:
    r"""A phrase in quotes, which are escaped within the quotes of the whole; only quotes and
    backslashes could end it."""
    return '\\"' + address.replace("\\", " ").replace('"', " ") + '\\"'


def _day(entry: Any) -> str:
    sent = entry.get("sentDateTime") if isinstance(entry, dict) else None
    try:
        return date.fromisoformat(str(sent)[:10]).isoformat()
    except ValueError:
        return ""


def _moved(day: str, days: int) -> str:
    try:
        return (date.fromisoformat(day) + timedelta(days=days)).isoformat()
    except OverflowError:
        return day
