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

FIRST = f"$select={mapping.HEADERS}"
"""The query that a folder's walk begins with. Graph encodes it into every link that follows.

No `$filter`: with one Graph shows 5,000 messages at most, and none that came before it, so that
mail rescued from Junk would never show. No `$deltatoken=latest` either: that is documented for
directory objects alone, and of messages it sometimes begins at the first page all the same."""


class Page(Struct, frozen=True):
    ids: tuple[str, ...]
    envelopes: dict[str, Envelope]
    query: str
    """Of the link behind this page."""
    last: bool
    """Nothing more for now."""


class Walk(Struct, rename={"places": "f", "todo": "t"}):
    """A cursor. It holds no URLs: of Graph's links only the query is kept, so that whatever a server
    sends, the next request goes to our host and to that folder's own path."""

    places: dict[str, str] = {}
    """Folder → the query to go on with; FIRST for one that was never asked."""
    todo: list[str] = []
    """Folders that this round has not seen to the end; the next round begins when it is empty."""

    def __str__(self) -> str:
        return msgspec.json.encode(self).decode()

    @classmethod
    def parse(cls, text: str) -> "Walk":
        try:
            walk = msgspec.json.decode(text, type=_Known)
        except msgspec.DecodeError:
            detail = "This is no position in a Microsoft mailbox."
            raise CursorExpired(detail, reason="no_cursor") from None
        return cls(walk.f, [folder for folder in walk.t if folder in walk.f])

    def begin_round(self, folders: Sequence[str]) -> None:
        """All that there are now: folders made since are walked from their beginning."""
        self.places = {folder: self.places.get(folder, FIRST) for folder in folders}
        self.todo = list(folders)

    def forget(self, folder: str) -> None:
        """It is gone; its mail lies elsewhere or is gone with it."""
        self.places.pop(folder, None)
        self.skip(folder)

    def skip(self, folder: str) -> None:
        """Not in this round: the next one goes on from the same place."""
        self.todo = [one for one in self.todo if one != folder]

    def turn(self, folder: str, page: Page) -> None:
        self.places[folder] = page.query
        self.skip(folder)
        if not page.last:
            self.todo.append(folder)


class _Known(Struct):
    f: dict[str, str]
    t: list[str] = []


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
