"""Synchronising a mailbox: one task works until it is up to date or its time is over.

The cursor moves only after what lies before it is stored, so that a task may die anywhere and the
next one does the rest again without anybody noticing.
"""

from datetime import datetime, timedelta

from msgspec import Struct

from shared import logs, records
from shared.domain import ids
from shared.domain.errors import (
    Busy,
    GrantRevoked,
    MailbridgeError,
    MissingScope,
    ProviderRejected,
    ProviderUnavailable,
    RateLimited,
)
from shared.domain.mailboxes import Capability, GrantState, Mailbox
from shared.domain.sync import SyncState
from shared.ports.tasks import Task
from shared.ports.world import World
from shared.services import schedule
from shared.services.accounts import grant_states, tokens
from shared.services.syncing.mail import Run


class SyncTask(Struct):
    mailbox_id: str


PATIENCE = timedelta(minutes=1)
"""How long a provider that asks to wait is left alone when it names no time."""


# -- the schedule -----------------------------------------------------------------------------------


def dispatch(world: World) -> int:
    """Enqueues one task for each mailbox that is due; how many. Runs every minute, or twice at once."""
    now = world.clock.now()
    interval = timedelta(seconds=world.settings.sync_interval_seconds)
    due = schedule.hand_out(
        world, "next_sync_at", lambda page: [_scheduled(state) for state in page], interval
    )
    lags = [(now - state.next_sync_at).total_seconds() for state in due if state.next_sync_at]
    logs.info("syncs dispatched", count=len(due), lag_seconds=round(max(lags, default=0.0), 1))
    return len(due)


def _scheduled(state: SyncState) -> Task:
    name = ids.derived("sync", state.mailbox_id, str(state.next_sync_at))
    return schedule.task(state.mailbox_id, name=name)


# -- the task ---------------------------------------------------------------------------------------


def run(world: World, mailbox_id: str) -> None:
    """Raises ProviderUnavailable (the queue backs off) and whatever nobody expected."""
    try:
        held = schedule.take(world, mailbox_id)
    except Busy:  # at work, perhaps past what this task is about; or dead, its lease still running
        world.tasks.enqueue(schedule.soon(world, mailbox_id))
        return
    mailbox = records.mailboxes(world.documents, held.state.team_id).get(mailbox_id)
    try:
        _work(world, held, mailbox)
    except schedule.LeaseLost:
        logs.warning("lease lost", mailbox=mailbox_id)
    except (GrantRevoked, MissingScope) as error:
        _stop(world, held, error)
    except RateLimited as error:
        _later(world, held, mailbox, error)
    except ProviderUnavailable as error:
        _release_with(world, held, error)
        grant_states.troubled(world, mailbox, error, until=world.clock.now())
        raise
    except ProviderRejected as error:
        _release_with(world, held, error)
    except Exception as error:
        _release_with(world, held, error)
        raise


def _work(world: World, held: schedule.Held, mailbox: Mailbox) -> None:
    mail = tokens.mail(world, mailbox, Capability.READ)
    budget = timedelta(seconds=world.settings.sync_budget_seconds)
    run = Run(world, held, mailbox, mail, deadline=world.clock.now() + budget)
    try:
        done = run.work()
    except RateLimited:
        run.slow_down()
        raise
    finally:
        run.count_units()
    if done:
        if mailbox.state is not GrantState.CONNECTED:
            grant_states.recovered(world, mailbox)
        held.state.pace = 0
        held.state.progress.phase = "up to date"
        held.release(last_good_at=world.clock.now(), last_error="", last_error_at=None)
    else:
        held.release()
        world.tasks.enqueue(schedule.task(mailbox.id))


def _stop(world: World, held: schedule.Held, error: MailbridgeError) -> None:
    held.state.progress.phase = "waiting for its user"
    _release_with(world, held, error, next_sync_at=None)


def _later(world: World, held: schedule.Held, mailbox: Mailbox, error: RateLimited) -> None:
    """Not a 429 to the queue: that would slow down everybody's tasks."""
    wait = PATIENCE if error.retry_after is None else timedelta(seconds=error.retry_after)
    again = world.clock.now() + wait
    interval = timedelta(seconds=world.settings.sync_interval_seconds)
    _release_with(world, held, error, next_sync_at=again + interval)
    grant_states.troubled(world, mailbox, error, until=again)
    name = ids.derived("sync-later", held.state.mailbox_id, str(held.state.lease.fence))
    world.tasks.enqueue(schedule.task(held.state.mailbox_id, name=name, not_before=again))


def _release_with(
    world: World, held: schedule.Held, error: Exception, **also: datetime | None
) -> None:
    detail = (
        error.detail if isinstance(error, MailbridgeError) else "An unexpected error; see the log."
    )
    held.release(last_error=detail, last_error_at=world.clock.now(), **also)
