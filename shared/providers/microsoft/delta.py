"""Where a walk through the changes of all folders stands, and what one page of one folder says.

https://learn.microsoft.com/graph/delta-query-messages
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from shared.domain.errors import CursorExpired, ProviderUnavailable
from shared.domain.mail import Envelope, too_costly
from shared.providers.microsoft import mapping
from shared.providers.microsoft.api import query_of
from shared.providers.microsoft.folders import Folders
from shared.providers.progress import Trail

FIRST = f"$select={mapping.HEADERS}"
"""The query that a folder's walk begins with. Graph encodes it into every link that follows.

No `$filter`: with one Graph shows 5,000 messages at most, and none that came before it, so that
mail rescued from Junk would never show. No `$deltatoken=latest` either: that is documented for
directory objects alone, and of messages it sometimes begins at the first page all the same."""


ROUND = 50
"""Calls until all folders are asked again, whether or not each was walked to its end."""
PATIENCE, LONGEST_REST = 3, 6
"""Refusals of a folder until rounds pass it by, and at most how many of them."""
ANEW = 5
"""Refusals until a folder is walked from its beginning."""


class Page(Struct, frozen=True):
    ids: tuple[str, ...]
    envelopes: dict[str, Envelope]
    query: str
    """Of the link behind this page."""
    last: bool
    """Nothing more for now."""


class Refusal(Struct, array_like=True):
    """Of a folder, since it last was followed to its end."""

    reason: str
    count: int = 0
    rest: int = 0
    """Rounds that it is still left alone for."""


class Walk(
    Struct,
    rename={"places": "f", "todo": "t", "refused": "r", "trails": "w", "calls": "c"},
    omit_defaults=True,
):
    """A cursor. It holds no URLs: of Graph's links only the query is kept, so that whatever a server
    sends, the next request goes to our host and to that folder's own path."""

    places: dict[str, str]
    """Folder → the query to go on with; FIRST for one that was never asked."""
    todo: list[str] = []
    """Folders that this round has not seen to the end; the next round begins when it is empty."""
    refused: dict[str, Refusal] = {}
    """Folders that are passed by."""
    trails: dict[str, Trail] = {}
    """Of folders whose end was not reached yet."""
    calls: int = 0
    """In this round."""

    def __str__(self) -> str:
        return msgspec.json.encode(self).decode()

    @classmethod
    def parse(cls, text: str) -> "Walk":
        try:
            walk = msgspec.json.decode(text, type=cls)
        except msgspec.DecodeError:
            detail = "This is no position in a Microsoft mailbox."
            raise CursorExpired(detail, reason="no_cursor") from None
        walk.todo = [folder for folder in walk.todo if folder in walk.places]
        return walk

    @property
    def round_is_over(self) -> bool:
        """Also when a folder goes on and on: the mail of the others does not wait for its end."""
        return not self.todo or self.calls >= ROUND

    def begin_round(self, folders: Sequence[str]) -> None:
        """All that there are now, but for those at rest: folders made since are walked from their
        beginning."""
        self.places = {folder: self.places.get(folder, FIRST) for folder in folders}
        self.refused = {f: refusal for f, refusal in self.refused.items() if f in self.places}
        self.trails = {f: trail for f, trail in self.trails.items() if f in self.places}
        self.calls = 0
        self.todo = [folder for folder in folders if not self._rests(folder)]

    def _rests(self, folder: str) -> bool:
        refusal = self.refused.get(folder)
        if refusal is None or not refusal.rest:
            return False
        refusal.rest -= 1
        return True

    def forget(self, folder: str) -> None:
        """It is gone; its mail lies elsewhere or is gone with it."""
        for held in (self.places, self.refused, self.trails):
            held.pop(folder, None)
        self._done(folder)

    def refuse(self, folder: str, reason: str) -> None:
        """Not in this round. Later ones go on from the same place, ever less often, and now and then
        from the folder's beginning: of a place that died nobody says so."""
        refusal = self.refused.setdefault(folder, Refusal(reason))
        refusal.reason, refusal.count = reason, refusal.count + 1
        refusal.rest = min(2 ** max(0, refusal.count - PATIENCE), LONGEST_REST) - 1
        if refusal.count % ANEW == 0:
            self.places[folder] = FIRST
        self.trails.pop(folder, None)
        self._done(folder)

    def expire(self, folder: str) -> None:
        """Its place is too old: it is walked again, and only it."""
        if self.places[folder] == FIRST:
            self.refuse(folder, "no_progress")
        else:
            self.places[folder] = FIRST

    def turn(self, folder: str, page: Page) -> None:
        """Behind a page that was read; a folder whose pages lead nowhere is left for this round."""
        trail = self.trails.setdefault(folder, Trail())
        circles = trail.circles(page.ids) or page.query == self.places[folder]
        self.places[folder] = page.query
        self._done(folder)
        if page.last:
            self.trails.pop(folder)
            self.refused.pop(folder, None)
        elif circles:
            self.refuse(folder, "no_progress")
        else:
            self.todo.append(folder)

    def _done(self, folder: str) -> None:
        self.todo = [one for one in self.todo if one != folder]


def page(answer: dict[str, Any], folders: Folders) -> Page:
    """What came, moved here or changed. `@removed` says that something was deleted or went elsewhere,
    where it shows under the same id: what we know of it stays as it is.

    Pages may repeat messages, come empty, and come in any order.
    """
    following, end = (
        query_of(answer.get(name)) for name in ("@odata.nextLink", "@odata.deltaLink")
    )
    listed = answer.get("value")
    if not isinstance(listed, list) or not (following or end):
        raise ProviderUnavailable("Graph's page of changes was cut short.")
    ids: dict[str, None] = {}
    envelopes: dict[str, Envelope] = {}
    for entry in listed:
        if not isinstance(entry, dict) or "@removed" in entry or not entry.get("id"):
            continue
        ids[str(entry["id"])] = None
        if mapping.is_whole(entry) and not too_costly(read := mapping.envelope(entry, folders)):
            envelopes[str(entry["id"])] = read
    return Page(tuple(ids), envelopes, following or end, last=not following)
