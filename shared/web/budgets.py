"""How often a user, and all users of a team together, may ask; and the RateLimit fields that say so.

The fields are those of https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/ (10).

A window is a minute. Every instance counts by itself, and adds what it counted to the number that all
share once it is a twentieth of the budget: so most users never cost a read or a write, and a busy one
two for each twentieth. How exact that is: nobody is refused before the budget is used up, and with n
instances at work at most n/20 of it more is let through, besides what is on its way at that moment.
Refused requests are not counted. While the store does not answer, each instance goes by its own count.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from threading import Lock
from weakref import WeakKeyDictionary

from msgspec import Struct

from shared import records
from shared.domain import ids
from shared.domain.caller import Caller
from shared.domain.errors import MailbridgeError, TooMany
from shared.domain.requests import Spent
from shared.ports.documents import Transaction
from shared.ports.world import World

WINDOW = 60
"""Seconds."""
_SHARE = 20


class Left(Struct, frozen=True):
    """What one budget still holds."""

    quota: str
    limit: int
    used: int
    """More than `limit` when this request is one too many."""
    seconds: float
    """Until it is full again."""


class _Count(Struct):
    shared: int = 0
    """Of all instances, as of the last time we asked, ours included."""
    own: int = 0
    """Ours since then."""


class Budgets:
    """What one instance has counted in the current window."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._window = 0
        self._counts: dict[str, _Count] = {}

    def spend(self, world: World, caller: Caller) -> list[Left]:
        """One request of each budget that the caller has, and none of the next once one is used up."""
        window, passed = divmod(world.clock.now().timestamp(), WINDOW)
        spent: list[Left] = []
        for quota, id, limit in _budgets(world, caller):
            used = self._spend(world, caller, int(window), id, limit)
            spent.append(Left(quota, limit, used, WINDOW - passed))
            if used > limit:
                break
        return spent

    def _spend(self, world: World, caller: Caller, window: int, id: str, limit: int) -> int:
        with self._lock:
            if window != self._window:
                self._window, self._counts = window, {}
            count = self._counts.setdefault(id, _Count())
            if count.shared + count.own >= limit:
                return limit + 1
            count.own += 1
            if count.own < max(1, limit // _SHARE):
                return count.shared + count.own
            told, count.own = count.own, 0
            count.shared += told
        with suppress(MailbridgeError):
            count.shared = _tell(world, caller, window, id, told)
        return count.shared


def _budgets(world: World, caller: Caller) -> Iterator[tuple[str, str, int]]:
    settings = world.settings
    user = ids.derived("budget", caller.team_id, caller.user_id)
    yield "user", user, settings.user_requests_per_minute
    yield "team", ids.derived("budget", caller.team_id), settings.team_requests_per_minute


def _tell(world: World, caller: Caller, window: int, id: str, requests: int) -> int:
    """Adds to what all instances counted; how many that are now. Raises what the store raises."""
    kept = records.budgets(world.documents, caller.team_id)

    def work(transaction: Transaction) -> int:
        document = transaction.get(kept.path(id))
        before = kept.read(document).record if document else Spent()
        counted = requests + (before.requests if before.window == window else 0)
        transaction.write(kept.putting(id, Spent(window=window, requests=counted)))
        return counted

    return world.documents.transaction(work)


_instances: "WeakKeyDictionary[World, Budgets]" = WeakKeyDictionary()


def spend(world: World, caller: Caller) -> list[Left]:
    return _instances.setdefault(world, Budgets()).spend(world, caller)


def fields(budgets: Sequence[Left]) -> dict[str, str]:
    """The headers."""
    policies = (f'"{one.quota}";q={one.limit};w={WINDOW}' for one in budgets)
    left = (
        f'"{one.quota}";r={max(0, one.limit - one.used)};t={round(one.seconds)}' for one in budgets
    )
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(left)}


def check(budgets: Sequence[Left]) -> None:
    """Raises TooMany."""
    for one in budgets:
        if one.used > one.limit:
            whose = "You have" if one.quota == "user" else "Your team has"
            raise TooMany(
                f"{whose} used up {one.limit:,} requests a minute; wait {one.seconds:.0f} seconds.",
                quota=one.quota,
                limit=one.limit,
                retry_after=one.seconds,
            )
