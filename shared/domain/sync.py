"""Where the sync of each mailbox stands, and the pure decisions of what to do next."""

from datetime import datetime, timedelta
from enum import Enum

from msgspec import Struct, field


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
    units: int = 0


class Lease(Struct, kw_only=True):
    fence: int = 0
    until: datetime | None = None


class SyncState(Struct, kw_only=True):
    mailbox_id: str
    team_id: str
    shard: int
    next_sync_at: datetime | None
    """None while there is nothing to sync: disconnected, or waiting for a new consent."""
    check_at: datetime | None = None
    """When the grant is to be validated next; None when there is nothing left to look after."""
    cursor: str | None = None
    covered_through: datetime | None = None
    """Every address added up to here has had its past mail imported …"""
    covered_recent: tuple[str, ...] = ()
    """… but of those added shortly before, only these: others may have been committed late."""
    importing: Import | None = None
    pace: int = 0
    """How many messages one round asks for: halved when the provider asks to wait, so that a round
    fits into what it allows; 0 is as many as it takes."""
    lease: Lease = field(default_factory=Lease)
    progress: Progress = field(default_factory=Progress)
    last_good_at: datetime | None = None
    last_error: str = ""
    last_error_at: datetime | None = None


class Trouble(Struct, kw_only=True):
    """A message that could not be taken in. Retried for a month, then left for a person to see."""

    provider_id: str
    reason: str
    attempts: int = 1
    first_at: datetime
    retry_at: datetime | None


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
