"""Synchronising one feed of one mailbox: a task works until it is up to date or its time is over.

The cursor moves only after what lies before it is stored, so that a task may die anywhere and the next
one does the rest again without anybody noticing. A feed that has nothing new is looked at without a
lease: that has no effect, and its one write fails when anybody else was faster.
"""

import random
from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec import Struct, structs

from shared import logs, records
from shared.domain import planning
from shared.domain.errors import (
    Busy,
    ConfigurationError,
    Conflict,
    CursorExpired,
    GrantRevoked,
    LeaseLost,
    MailboxUnavailable,
    MailbridgeError,
    MissingScope,
    PreconditionFailed,
    ProviderRejected,
    ProviderUnavailable,
    RateLimited,
)
from shared.domain.mailboxes import GrantState, Mailbox
from shared.domain.sync import CLOCKS_DIFFER, PassedPart, SyncState, may_relist, pause, sync_id
from shared.ports.providers import ChangePage
from shared.ports.world import World
from shared.records import Change, Versioned, leased
from shared.services import outbox, schedule
from shared.services.accounts import grant_states, tokens
from shared.services.syncing import feeds
from shared.services.syncing.feeds import Listing
from shared.services.syncing.troubles import Troubles

LEASE = timedelta(seconds=45)
"""Renewed before every round of requests; longer than the slowest of them."""
PATIENCE = timedelta(minutes=1)
"""How long a provider that asks to wait is left alone when it names no time."""
LONGEST_WAIT = timedelta(days=1)
TELL_EVERY = timedelta(seconds=30)
"""How often events say how far an import is."""

LASTING = 3
"""Refusals of a whole mailbox in a row until its state says so."""
SHOWN = 5
QUIET = timedelta(hours=1)
"""How often an account without a mailbox is asked whether it has one by now."""

_WORKERS = (
    "cursor",
    "covered_through",
    "covered_recent",
    "importing",
    "relisted_at",
    "passed",
    "pace",
    "progress",
)
"""The fields that only the holder of the lease writes. The schedule and the users may change the rest
meanwhile."""


class SyncTask(Struct):
    mailbox_id: str
    feed: str = "mail"


def run(world: World, mailbox_id: str, feed: str = "mail") -> None:
    """Raises what nobody expected, and NotFound."""
    id = sync_id(mailbox_id, feed)
    seen = records.syncs(world.documents).versioned(id)
    if seen.record.lease.runs(world.clock.now()):
        schedule.after_lease(world, id)
        return
    mailbox = records.mailboxes(world.documents, seen.record.team_id).get(mailbox_id)
    Run(world, mailbox, id, seen).run()


def take(world: World, id: str, started_at: datetime) -> leased.Leased[SyncState]:
    """The right to work on a feed. Raises Busy while somebody else does, NotFound."""
    lease = leased.take(
        records.syncs(world.documents),
        id,
        clock=world.clock,
        length=LEASE,
        decide=lambda state: Change(structs.replace(state, started_at=started_at)),
    )
    assert lease is not None  # noqa: S101  # `decide` always finds something to do
    return lease


class Run:
    """One task's work on one feed."""

    def __init__(self, world: World, mailbox: Mailbox, id: str, seen: Versioned[SyncState]) -> None:
        self._world = world
        self._mailbox = mailbox
        self._id = id
        self._seen = seen
        self._state = structs.replace(seen.record)
        now = world.clock.now()
        queued_at = self._state.queued_at
        answered = queued_at if queued_at and queued_at <= now + CLOCKS_DIFFER else now
        self._started_at = max(now, answered)
        self._deadline = now + timedelta(seconds=world.settings.sync_budget_seconds)
        self._lease: leased.Leased[SyncState] | None = None
        self._troubles = Troubles(world, id)
        self._progressed = False
        self._failures = 0
        self._units = 0

    def run(self) -> None:
        try:
            self._sync()
        except Busy:
            schedule.after_lease(self._world, self._id)
        except LeaseLost:
            logs.warning("lease lost", mailbox=self._mailbox.id)
        except (GrantRevoked, MissingScope) as error:
            self._stop(error)
        except (RateLimited, ProviderUnavailable, MailboxUnavailable, ConfigurationError) as error:
            self._tell(error, until=self._wait(error))
        except ProviderRejected as error:
            again = self._wait(error)
            if self._failures >= LASTING:
                self._tell(error, until=again)
        except Conflict as error:
            self._wait(error)
        except Exception as error:
            self._break_off(error)
            raise

    def _sync(self) -> None:
        module = feeds.module(self._seen.record.feed)
        tokens.check(self._world, self._mailbox, module.CAPABILITY)
        source = tokens.Tokens(self._world, self._mailbox)
        self._feed = module.feed(self._world, self._mailbox, source)
        page = self._look()
        if page and self._is_idle(page):
            return
        self._take_lease()
        if self._work(page):
            self._recover()
            self._end(self._up_to_date)
        else:
            self._end(structs.replace, again=self._world.clock.now())

    def _tell(self, error: MailbridgeError, *, until: datetime) -> None:
        """What the mailbox's state says of it, and who has to act."""
        if isinstance(error, ConfigurationError):
            logs.error("sync waits for us", mailbox=self._mailbox.id, reason=error.reason)
        grant_states.troubled(self._world, self._mailbox, error, until=until)

    # -- the idle path --------------------------------------------------------------------------------

    def _look(self) -> ChangePage | None:
        """The changes, where following them is all there is to do."""
        state = self._state
        if state.importing or state.cursor is None:
            return None
        if self._feed.to_import(state) or self._troubles.due():
            return None
        try:
            return self._feed.changes(state.cursor)
        except CursorExpired:
            return None

    def _is_idle(self, page: ChangePage) -> bool:
        """Nothing new, and said so, unless somebody wrote since."""
        if page.ids or page.more or _stuck(page):
            return False
        self._state.cursor = page.cursor
        self._pass_by(page)
        quiet = structs.replace(
            self._up_to_date(self._merged(self._state)), started_at=self._started_at
        )
        try:
            records.syncs(self._world.documents).replace(self._id, self._seen, quiet)
        except PreconditionFailed:
            return False
        self._recover()
        return True

    # -- the work -------------------------------------------------------------------------------------

    def _take_lease(self) -> None:
        self._lease = take(self._world, self._id, self._started_at)
        self._state = structs.replace(self._lease.record)

    def _work(self, page: ChangePage | None) -> bool:
        """True when up to date, False when the time was over first."""
        self._retry_troubles()
        while self._world.clock.now() < self._deadline:
            if self._step(page):
                return True
            page = None
        return False

    def _step(self, page: ChangePage | None) -> bool:
        """One page of work; True when nothing is left."""
        state = self._state
        following = state.importing is None and state.cursor is not None
        more = following and self._feed.to_import(state)
        match planning.next_step(state, new_addresses=more):
            case planning.Step.BEGIN:
                self._begin()
            case planning.Step.IMPORT:
                self._import()
            case planning.Step.FOLLOW:
                return self._follow(page)
        return False

    def _follow(self, page: ChangePage | None) -> bool:
        assert self._state.cursor is not None  # noqa: S101  # next_step has seen to it
        if page is None or self._state.cursor != self._seen.record.cursor:
            try:
                page = self._feed.changes(self._state.cursor)
            except CursorExpired as error:
                self._relist(error)
                return False
        self._take(Listing(page.ids), page)
        self._pass_by(page)
        if page.cursor != self._state.cursor:
            self._state.cursor = page.cursor
            self._save("following changes")
        if _stuck(page):
            self._progressed = False
            detail = "The provider's list of changes does not end."
            raise ProviderUnavailable(detail, reason="no_progress")
        return not page.more

    def _relist(self, error: CursorExpired) -> None:
        if not may_relist(self._state):
            self._progressed = False
            detail = "The provider does not know the position that it gave a moment ago."
            raise ProviderUnavailable(detail, reason=error.reason or "cursor_expired") from error
        self._state.relisted_at = self._world.clock.now()
        self._begin(expired=True)

    def _pass_by(self, page: ChangePage) -> None:
        """Notes what the provider refuses to show, and since when it does."""
        since = {one.part: one.since for one in self._state.passed}
        now = self._world.clock.now()
        self._state.passed = tuple(
            PassedPart(
                part=one.part,
                name=one.name,
                reason=one.reason,
                refusals=one.refusals,
                since=since.get(one.part, now),
            )
            for one in page.passed
        )

    def _begin(self, *, expired: bool = False) -> None:
        """The position is taken first: what arrives while the import runs shows up as a change."""
        fresh = expired or self._state.cursor is None
        cursor = self._feed.cursor() if fresh else None
        self._state.importing = self._feed.begin(self._state, cursor=cursor, expired=expired)
        self._save("importing", tell=True)

    def _import(self) -> None:
        """The import moves on only once its page is taken in."""
        assert self._state.importing is not None  # noqa: S101  # next_step has seen to it
        after = structs.replace(self._state, importing=structs.replace(self._state.importing))
        listing = self._feed.past(after)
        self._take(listing, refile=True)
        self._state.progress.incomplete += listing.incomplete
        if not listing.more:
            self._feed.finish(after)
        for name in ("cursor", "covered_through", "covered_recent", "importing"):
            setattr(self._state, name, getattr(after, name))
        if self._state.importing:
            told_at = self._state.told_at
            now = self._world.clock.now()
            self._save("importing", tell=told_at is None or now - told_at >= TELL_EVERY)
        else:
            self._save("imported", tell=True)

    def _take(
        self, listing: Listing, page: ChangePage | None = None, *, refile: bool = False
    ) -> set[str]:
        """Takes in what is not stored yet; the ids of those that made trouble."""
        assert self._lease is not None  # noqa: S101  # only the holder of the lease works
        guard = self._lease.renewing
        missing = self._feed.missing(listing.ids, guard, refile=refile) if listing.ids else []
        troubled: set[str] = set()
        size = self._state.pace or self._feed.batch_size
        for start in range(0, len(missing), size):
            self._lease.renew_if_old()
            troubled |= self._take_chunk(missing[start : start + size], page, known=listing.known)
        return troubled

    def _take_chunk(self, ids: list[str], page: ChangePage | None, *, known: bool) -> set[str]:
        assert self._lease is not None  # noqa: S101  # only the holder of the lease works
        taken = self._feed.take(ids, page, self._lease.renewing, known=known)
        progress = self._state.progress
        progress.examined += taken.examined
        progress.stored += taken.stored
        progress.vanished += taken.vanished
        if taken.troubled:
            progress.troubled += self._troubles.note(taken.troubled)
        self._progressed = self._progressed or taken.stored > 0
        if taken.throttled:
            raise taken.throttled
        return set(taken.troubled)

    def _retry_troubles(self) -> None:
        while self._world.clock.now() < self._deadline and (again := self._troubles.due()):
            still = self._take(Listing(again))
            self._troubles.clear(id for id in again if id not in still)

    # -- storing --------------------------------------------------------------------------------------

    def _save(self, phase: str, *, tell: bool = False) -> None:
        """With `tell`, an event says how far the import is."""
        assert self._lease is not None  # noqa: S101  # only the holder of the lease works
        self._state.progress.phase = phase
        self._progressed = True

        def saving(current: SyncState) -> Change[SyncState]:
            merged = self._merged(current)
            return outbox.import_progress(self._world, merged) if tell else Change(merged)

        self._lease.save(saving)
        self._state.told_at = self._lease.record.told_at

    def _merged(self, current: SyncState) -> SyncState:
        """What this worker knows, laid over what the schedule and the users wrote meanwhile."""
        self._state.progress.units += self._feed.units - self._units
        self._units = self._feed.units
        return structs.replace(current, **{name: getattr(self._state, name) for name in _WORKERS})

    def _up_to_date(self, state: SyncState) -> SyncState:
        """All of it, or all but what the provider refuses to show: then it is not called good."""
        now = self._world.clock.now()
        good = structs.replace(
            state,
            pace=0,
            failures=0,
            progress=structs.replace(state.progress, phase="up to date"),
            last_good_at=now,
            last_error="",
            last_error_at=None,
        )
        if not state.passed:
            return good
        names = ", ".join(one.name or "another" for one in state.passed[:SHOWN])
        detail = f"The provider refuses to show {len(state.passed)} folder(s): {names}."
        return structs.replace(
            good,
            progress=structs.replace(state.progress, phase="folders passed by"),
            last_good_at=state.last_good_at,
            last_error=detail,
            last_error_at=now,
        )

    def _recover(self) -> None:
        if self._mailbox.state is not GrantState.CONNECTED:
            grant_states.recovered(self._world, self._mailbox)

    # -- the ends -------------------------------------------------------------------------------------

    def _break_off(self, error: Exception) -> None:
        self._end(lambda state: _failed(state, error, self._world.clock.now()))

    def _stop(self, error: MailbridgeError) -> None:
        def stopped(state: SyncState) -> SyncState:
            progress = structs.replace(state.progress, phase="waiting for its user")
            state = _failed(state, error, self._world.clock.now())
            return structs.replace(state, progress=progress, next_sync_at=None)

        self._end(stopped)

    def _wait(self, error: MailbridgeError) -> datetime:
        """Acknowledged, and again after a pause of this feed's own: a 503 would slow everybody's tasks
        down. When that is."""
        now = self._world.clock.now()
        self._failures = failures = 1 if self._progressed else self._seen.record.failures + 1
        again = now + _pause(error, failures)
        interval = timedelta(seconds=self._world.settings.sync_interval_seconds)

        def waiting(state: SyncState) -> SyncState:
            due = again + interval if state.next_sync_at else None
            pace = state.pace
            if isinstance(error, RateLimited):
                pace = max(1, (pace or self._feed.batch_size) // 2)
            state = _failed(state, error, now)
            return structs.replace(state, failures=failures, next_sync_at=due, pace=pace)

        self._end(waiting, again=again)
        return again

    def _end(
        self, change: Callable[[SyncState], SyncState], *, again: datetime | None = None
    ) -> None:
        """Writes how the run ended, and gives the lease back. A task is enqueued, unless one waits, when
        the feed is to be looked at `again` or when a hint came after this run began."""
        now = self._world.clock.now()
        due: list[datetime] = []

        def ending(current: SyncState) -> Change[SyncState]:
            due.clear()
            merged = self._merged(current) if self._lease else current
            state = change(structs.replace(merged, started_at=self._started_at))
            wake = again or (now if current.wanted > self._seen.record.wanted else None)
            if wake and state.next_sync_at and not state.task_waits(now):
                due.append(wake)
                state = structs.replace(state, queued_at=wake)
            return Change(state)

        if self._lease:
            self._lease.release(ending)
        else:
            syncs = records.syncs(self._world.documents)
            syncs.change(self._id, lambda one: None if one.lease.runs(now) else ending(one))
        self._world.tasks.enqueue(
            *(schedule.task(self._seen.record, not_before=one) for one in due)
        )


def _failed(state: SyncState, error: Exception, now: datetime) -> SyncState:
    detail = "An unexpected error; see the log."
    if isinstance(error, MailbridgeError):
        detail = error.detail
    return structs.replace(state, last_error=detail, last_error_at=now)


def _pause(error: MailbridgeError, failures: int) -> timedelta:
    """What the provider asks for, but never less than a second, and more from time to time."""
    if not isinstance(error, RateLimited):
        quiet = isinstance(error, MailboxUnavailable) and failures > LASTING
        return QUIET if quiet else pause(failures, random.random())  # noqa: S311  # no secret
    floor = timedelta(seconds=2 ** min(failures - 1, 9))
    asked = PATIENCE if error.retry_after is None else timedelta(seconds=error.retry_after)
    return min(max(asked, floor), LONGEST_WAIT)


def _stuck(page: ChangePage) -> bool:
    """Not a part of it, but all."""
    return any(not one.part for one in page.passed)
