"""Lists come in pages: `page_size` and `page_token` in, `next_page_token` out.

A token is sealed, and opens for the same viewer and the same query alone: it names the last thing that
was looked at, which its holder may not be allowed to know of.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from msgspec import Meta, Struct, structs

from shared.domain import ids
from shared.domain.caller import Caller
from shared.domain.errors import InvalidRequest
from shared.ports.world import World

T = TypeVar("T")
S = TypeVar("S")

PageSize = Annotated[int, Meta(ge=1, le=200)]
EXAMINED = 5
"""Pages that are looked through for one: a page may be short, or empty, and have a next one."""
BLOCK = 128
"""Bytes that a token's content is a multiple of: its length must not tell what it names."""


class PageQuery(Struct, forbid_unknown_fields=True):
    page_size: PageSize = 50
    page_token: str = ""
    """`next_page_token` of the page before; "" starts."""


class Pages:
    """The pages of one list, as one viewer asks for it. `what` is the list with all that narrows it."""

    def __init__(self, world: World, caller: Caller, query: PageQuery, what: str) -> None:
        asked = {name: str(value) for name, value in structs.asdict(query).items()}
        narrowed = [
            f"{name}={asked[name]}" for name in sorted(asked) if not name.startswith("page_")
        ]
        self._context = ids.derived("page", caller.team_id, caller.user_id, what, *narrowed)
        self._world = world
        self._query = query

    def plain(
        self, fetch: Callable[[int, str], tuple[Sequence[T], str]]
    ) -> tuple[Sequence[T], str]:
        """A page of a list that its viewer sees all of. `fetch` takes a limit and the store's token."""
        found, after = fetch(self._query.page_size, self._opened())
        return found, self._sealed(after)

    def visible(
        self,
        fetch: Callable[[int, str], tuple[Sequence[T], str]],
        keep: Callable[[Sequence[T]], Sequence[S]],
    ) -> tuple[list[S], str]:
        """A page of what `keep` leaves of the list. Where a page ends, and whether there is a next one,
        follows from what is kept alone, as long as not too much is left out in a row."""
        kept: list[S] = []
        after, left = self._opened(), EXAMINED * self._query.page_size
        while left:
            found, after = fetch(min(self._query.page_size - len(kept), left), after)
            kept, left = kept + list(keep(found)), left - len(found)
            if not after or len(kept) >= self._query.page_size:
                break
        ahead, limit = after, 1
        while ahead and left:
            found, ahead = fetch(min(limit, left), ahead)
            if keep(found):
                break
            limit, left = limit * 4, left - len(found)
        else:
            after = after if ahead else ""
        return kept, self._sealed(after)

    def _opened(self) -> str:
        """Raises InvalidRequest for a token of another list, another viewer, or nobody's."""
        if not self._query.page_token:
            return ""
        try:
            sealer = self._world.sealer("page")
            plain = sealer.open(self._query.page_token, context=self._context)
            return plain.rstrip(b"\0").decode()
        except InvalidRequest as error:
            raise InvalidRequest.field("/page_token", "is not a token of this list") from error

    def _sealed(self, after: str) -> str:
        if not after:
            return ""
        plain = after.encode()
        plain += bytes(-len(plain) % BLOCK)
        return self._world.sealer("page").seal(plain, context=self._context)
