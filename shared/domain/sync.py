"""Where the sync of each mailbox stands, and the pure decisions of what to do next."""

from datetime import datetime, timedelta
from enum import Enum

from msgspec import Struct, field, structs

from shared.domain import ids
from shared.domain.leases import Leasable, Lease


class Why(Enum):
    """What made an import of past mail necessary."""

    FIRST = "first"
    EXPIRED = "expired"
    CONTACTS = "contacts"


class Stage(Enum):
    """How an import finds mail; each stage hands over to the next when there is too much for it."""

    ALL = "all"
    """Look at every header of the mailbox."""
    WINDOW = "window"
    """Look at every header since the last good sync."""
    SEARCH = "search"
    """Let the provider search for the contacts' addresses."""


class Import(Struct, kw_only=True):
    """Past mail being brought in, and how far that is."""

    why: Why
    cursor: str | None = None
    """Taken before anything was listed: where following changes goes on afterwards."""
    since: datetime | None = None
    """Where the window begins; None when there is none to look at."""
    through: datetime
    """Addresses added up to here are covered once the import ends."""
    recent: tuple[str, ...] = ()
    """The ids of those added shortly before `through`."""
    stage: Stage = Stage.ALL
    addresses_after: str = ""
    page: str = ""


class Progress(Struct, kw_only=True):
    """Counts since the mailbox was connected. For people; nothing is decided by them."""

    phase: str = "waiting"
    examined: int = 0
    stored: int = 0
    troubled: int = 0
    vanished: int = 0
    incomplete: int = 0
    """Searches that the provider never let end: past mail of some contacts may be missing."""
    units: int = 0


class PassedPart(Struct, kw_only=True, frozen=True):
    """A part of a feed (a folder) that the provider refuses to show while the rest goes on: nothing of it
    is up to date."""

    part: str
    name: str = ""
    """inbox or sent, "" for any other."""
    reason: str
    refusals: int = 1
    since: datetime


class SyncState(Leasable, kw_only=True):
    """Where one feed of one mailbox stands."""

    mailbox_id: str
    team_id: str
    feed: str = "mail"
    shard: int
    next_sync_at: datetime | None
    """None while there is nothing to sync: disconnected, or waiting for a new consent."""
    check_at: datetime | None = None
    """When the grant is to be validated next; None when there is nothing left to look after, and for
    every feed but mail: a mailbox has one grant."""
    wanted: int = 0
    """How many hints there were that something is to be done. A run that sees it grow goes on."""
    queued_at: datetime | None = None
    """When the last task that was enqueued is due."""
    started_at: datetime | None = None
    """When the last run began: a task that was due before is no longer waiting."""
    failures: int = 0
    """Runs in a row that the provider kept from their end."""
    cursor: str | None = None
    covered_through: datetime | None = None
    """Every address added up to here has had its past mail imported …"""
    covered_recent: tuple[str, ...] = ()
    """… but of those added shortly before, only these: others may have been committed late."""
    importing: Import | None = None
    relisted_at: datetime | None = None
    """When the provider last no longer knew the cursor, and listing began anew."""
    passed: tuple[PassedPart, ...] = ()
    pace: int = 0
    """How many messages one round asks for: halved when the provider asks to wait, so that a round
    fits into what it allows; 0 is as many as it takes."""
    held: Lease = field(default_factory=Lease, name="lease")
    progress: Progress = field(default_factory=Progress)
    revision: int = 0
    """How many events told of its progress."""
    told_at: datetime | None = None
    last_good_at: datetime | None = None
    last_error: str = ""
    last_error_at: datetime | None = None

    @property
    def lease(self) -> Lease:
        return self.held

    def with_lease(self, lease: Lease) -> "SyncState":
        return structs.replace(self, held=lease)

    def task_waits(self, now: datetime) -> bool:
        """Whether a task is enqueued that no run has begun to answer. It is believed in for a while only:
        the one who said so may have died before enqueuing it, and a queue may be purged."""
        if self.queued_at is None or (self.started_at and self.queued_at <= self.started_at):
            return False
        return now < self.queued_at + BELIEVED


def sync_id(mailbox_id: str, feed: str = "mail") -> str:
    """The id of a feed's state. Mail's is its mailbox's, as it was when there was no other feed."""
    return mailbox_id if feed == "mail" else ids.derived("feed", mailbox_id, feed)


def hinted(state: SyncState, now: datetime) -> tuple[SyncState, bool]:
    """The state after a hint, and whether a task is to be enqueued: not while one waits, nor while
    somebody is at work, who will see `wanted` when they are done."""
    wanted = structs.replace(state, wanted=state.wanted + 1)
    if state.lease.runs(now) or state.task_waits(now):
        return wanted, False
    return structs.replace(wanted, queued_at=now), True


def pause(failures: int, share: float) -> timedelta:
    """How long a provider in trouble is left alone: 10 s, 20 s … 10 min, each up to a fifth longer by
    `share` (0 to 1, at random), so that those who failed together do not come back together."""
    longest = LONGEST_PAUSE.total_seconds()
    return timedelta(seconds=min(5 * 2 ** min(failures, 10), longest) * (1 + share / 5))


def may_relist(state: SyncState) -> bool:
    """One relist for each cursor that expired: when the next one does too and nothing was good meanwhile,
    the provider is left alone for a while first."""
    last = state.relisted_at
    if last is None or (state.last_good_at and state.last_good_at > last):
        return True
    return state.last_error_at is not None and state.last_error_at > last


class Trouble(Struct, kw_only=True):
    """A message that could not be taken in. Retried for a month, then left for a person to see."""

    provider_id: str
    reason: str
    attempts: int = 1
    first_at: datetime
    retry_at: datetime | None


LONGEST_PAUSE = timedelta(minutes=10)
CLOCKS_DIFFER = timedelta(seconds=30)
"""Between machines, at most."""
BELIEVED = 2 * LONGEST_PAUSE
"""How long after it was due a task is taken to be still waiting in its queue."""
SHARDS = 8
"""Due mailboxes are listed shard by shard: an index on a time alone tops out at 500 writes/s."""
MAX_ATTEMPTS = 64


def retry_at(attempts: int, now: datetime) -> datetime | None:
    """When a troubled message is tried again: after 1, 5, 25 and 125 minutes, then twice a day.

    None after a month: an outage is over by then, and what is still bad stays bad.
    """
    if attempts >= MAX_ATTEMPTS:
        return None
    return now + timedelta(minutes=min(5 ** (attempts - 1), 12 * 60))
