"""Walks through pages that a provider never lets end: told from long ones by what they bring."""

import hashlib
from collections.abc import Iterable

from msgspec import Struct

MOST_REPEATED = 20
"""Pages that bring nothing new; real ones come by the dozen at most."""


class Trail(Struct, array_like=True):
    """What is remembered of a walk: one of its pages, always a later one, so that circles of any length
    are noticed (Brent's algorithm), however many pages lie behind. It fits into a page token."""

    pages: int = 0
    repeated: int = 0
    """Pages that were empty or came before."""
    mark: str = ""
    """The digest of the page remembered, `since` pages ago; the next one is after `reach`."""
    since: int = 0
    reach: int = 1

    def circles(self, page: Iterable[str]) -> bool:
        """Takes note of a page's ids; whether the walk goes in circles: most of it was there before, and
        often enough. One page seen twice proves nothing, for providers repeat some."""
        self.pages += 1
        self._note("\n".join(page))
        return self.repeated >= MOST_REPEATED and 2 * self.repeated >= self.pages

    def _note(self, content: str) -> None:
        if not content:
            self.repeated += 1
            return
        digest = hashlib.blake2b(content.encode(), digest_size=6).hexdigest()
        self.since += 1
        if digest == self.mark:
            self.repeated += self.since
            self.since = 0
        elif self.since == self.reach:
            self.mark, self.since, self.reach = digest, 0, 2 * self.reach
