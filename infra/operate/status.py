"""`make status`: how the mailboxes are, what is late, what waits, what failed. Reads counts, not mail."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from shared import records
from shared.domain.emails import EmailStatus
from shared.domain.mailboxes import LIVE, GrantState
from shared.domain.sync import SHARDS, SyncState
from shared.ports.documents import Query, Where
from shared.ports.world import World

DAY = timedelta(days=1)
GMAIL_DAILY_UNITS = 80_000_000
"""Beyond these, all mailboxes of a project together, Google wants to be paid or asked."""
GMAIL_LOOK_UNITS = 2
"""Of a sync that finds nothing new (history.list)."""
SHOWN = 10
"""The most overdue mailboxes that are named."""


class QueueState(Struct, frozen=True):
    name: str
    waiting: int | None
    """Tasks that are due or planned, running ones among them; None when nobody says."""
    running: int = 0
    note: str = ""


class Status(Struct, frozen=True):
    at: datetime
    mailboxes: Mapping[str, int]
    """By state."""
    due: int
    """Mailboxes whose sync should have begun."""
    behind: Sequence[SyncState]
    """The most overdue of them first."""
    emails: Mapping[str, int]
    """By status, of those that changed within a day."""
    stuck: int
    """Emails that no task took care of in time: `sweep` takes them up again."""
    daily_units: int
    """What looking for new mail takes of GMAIL_DAILY_UNITS, were all mailboxes at Gmail."""

    @property
    def lag(self) -> timedelta:
        """How late the most overdue mailbox is."""
        if not self.behind or (planned := self.behind[0].next_sync_at) is None:
            return timedelta(0)
        return self.at - planned


def read(world: World) -> Status:
    """Some 30 reads, however many mailboxes there are."""
    now, count = world.clock.now(), world.documents.count
    interval = timedelta(seconds=world.settings.sync_interval_seconds)
    behind = [state for shard in range(SHARDS) for state in _behind(world, shard, now)]
    states = {state.value: (Where("state", "==", state.value),) for state in GrantState}
    stuck = Query("emails", (Where("due_at", "<=", now),), ("due_at",), group=True)
    mailboxes = {
        name: count(Query("mailboxes", where, group=True)) for name, where in states.items()
    }
    looked_at = sum(mailboxes[state.value] for state in LIVE)
    return Status(
        at=now,
        mailboxes=mailboxes,
        due=sum(
            count(Query("syncs", _overdue(shard, now), ("next_sync_at",)))
            for shard in range(SHARDS)
        ),
        behind=sorted(behind, key=lambda state: str(state.next_sync_at))[:SHOWN],
        emails={status.value: _emails(world, status, now - DAY) for status in EmailStatus},
        stuck=count(stuck),
        daily_units=looked_at * GMAIL_LOOK_UNITS * (DAY // interval),
    )


def _overdue(shard: int, now: datetime) -> tuple[Where, ...]:
    return Where("shard", "==", shard), Where("next_sync_at", "<=", now)


def _behind(world: World, shard: int, now: datetime) -> list[SyncState]:
    syncs = records.syncs(world.documents)
    page, _ = syncs.page(*_overdue(shard, now), order_by=("next_sync_at",), limit=SHOWN)
    return page


def _emails(world: World, status: EmailStatus, since: datetime) -> int:
    where = Where("status", "==", status.value), Where("updated_at", ">=", since)
    return world.documents.count(Query("emails", where, ("-updated_at",), group=True))
