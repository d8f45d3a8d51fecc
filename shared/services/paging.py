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
        digest = ids.derived(what, *narrowed)
        self._context = f"page/{caller.team_id}/{caller.user_id}/{digest}"
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
        """A page of what `keep` leaves of the list."""
        kept: list[S] = []
        after = self._opened()
        for _ in range(EXAMINED):
            found, after = fetch(self._query.page_size - len(kept), after)
            kept += keep(found)
            if not after or len(kept) >= self._query.page_size:
                break
        return kept, self._sealed(after)

    def _opened(self) -> str:
        """Raises InvalidRequest for a token of another list, another viewer, or nobody's."""
        if not self._query.page_token:
            return ""
        try:
            sealer = self._world.sealer("page")
            return sealer.open(self._query.page_token, context=self._context).decode()
        except InvalidRequest as error:
            raise InvalidRequest.field("/page_token", "is not a token of this list") from error

    def _sealed(self, after: str) -> str:
        return (
            self._world.sealer("page").seal(after.encode(), context=self._context) if after else ""
        )
