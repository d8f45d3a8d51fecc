"""What the engine asks of a feed. A new feed is one more module, and one more line in FEEDS."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Protocol

from msgspec import Struct, field

from shared.domain.errors import RateLimited
from shared.domain.mailboxes import Capability, Mailbox
from shared.domain.sync import Import, SyncState
from shared.ports.providers import ChangePage
from shared.ports.world import World
from shared.services.accounts.tokens import Tokens
from shared.services.timelines.intake import Guard

FEEDS: Mapping[str, str] = {"mail": "shared.services.syncing.mail"}
"""Name → a module with `CAPABILITY` and `feed(world, mailbox, tokens) -> Feed`."""


class Taken(Struct):
    """What became of some items. What is not named was taken in, or was stored before."""

    examined: int = 0
    stored: int = 0
    vanished: int = 0
    """No longer at the provider."""
    troubled: dict[str, str] = field(default_factory=dict)
    """Id → why this one cannot be taken in."""
    throttled: RateLimited | None = None
    """The rest is to be asked for again."""


class Listing(Struct, frozen=True):
    """A page of past items, and whether the import goes on: `Import` says where."""

    ids: Sequence[str] = ()
    known: bool = False
    """They were found by a contact's address: their content is fetched without a look at headers."""
    more: bool = True
    incomplete: bool = False
    """The provider's pages led nowhere: there may be more than was found."""


class Feed(Protocol):
    """One kind of thing that is synced of one mailbox: how it is listed, fetched, matched and stored.

    Ids are the provider's. Any method raises what `ports.providers.MailProvider` does.
    """

    batch_size: int
    """How many items `take` should be given at once."""

    @property
    def units(self) -> int:
        """Provider quota units spent through this object so far."""

    def cursor(self) -> str:
        """The position now; `changes` from it shows whatever comes later."""

    def changes(self, cursor: str) -> ChangePage:
        """Raises CursorExpired."""

    def to_import(self, state: SyncState) -> bool:
        """Whether there is past material that no import has looked for yet, beside a new cursor's."""

    def begin(self, state: SyncState, *, cursor: str | None, expired: bool) -> Import:
        """An import from its start. `cursor` was taken before; None when changes go on being followed
        from where they are."""

    def past(self, state: SyncState) -> Listing:
        """The next page of the import at hand, whose stage and page it moves on. To be saved only once
        the page is taken in."""

    def finish(self, state: SyncState) -> None:
        """The import at hand is over."""

    def missing(self, ids: Sequence[str], guard: Guard, *, refile: bool) -> list[str]:
        """Those that are not stored yet. `refile` files the others anew, for contacts added since."""

    def take(
        self, ids: Sequence[str], page: ChangePage | None, guard: Guard, *, known: bool
    ) -> Taken:
        """Takes in what belongs to contacts. `page` may have sent some of it along. Every batch that is
        written carries what `guard` gives, so that a worker who lost the feed stores nothing more."""


class FeedModule(Protocol):
    CAPABILITY: Capability

    def feed(self, world: World, mailbox: Mailbox, tokens: Tokens) -> Feed: ...


def module(name: str) -> FeedModule:
    """Raises KeyError for a feed that this release does not know."""
    found: FeedModule = import_module(FEEDS[name])
    return found
