"""Validating grants: every mailbox is asked about at its provider at least daily, by a task of its own.

That finds the mailboxes that nobody syncs or sends from but whose user has to act, and those that an
administrator has set right meanwhile.
"""

import random
from datetime import datetime, timedelta
from itertools import count

from msgspec import Struct

from shared import logs, records
from shared.domain import ids
from shared.domain.errors import (
    ConfigurationError,
    GrantRevoked,
    ProviderUnavailable,
    RateLimited,
)
from shared.domain.mailboxes import GrantState
from shared.domain.sync import SyncState
from shared.ports.tasks import Task
from shared.ports.world import World
from shared.services import outbox, schedule
from shared.services.accounts import disconnecting, keys, tokens

EVERY = timedelta(hours=20)
"""With an hourly schedule and the longest spread, still within the day."""
SPACING, LONGEST_SPREAD = timedelta(seconds=0.25), timedelta(hours=2)
"""Between the tasks of one run: providers are asked evenly, not all at once."""
PATIENCE = timedelta(minutes=10)


class CheckTask(Struct):
    mailbox_id: str


def dispatch(world: World) -> int:
    """Enqueues one task for each mailbox that is due; how many. Runs every hour, or twice at once."""
    keys.rotate_if_old(world)
    numbers = count()
    due = schedule.hand_out(
        world, "check_at", lambda state, now: _task(state, now, next(numbers)), EVERY
    )
    logs.info("grant checks dispatched", count=len(due))
    return len(due)


def _task(state: SyncState, now: datetime, number: int) -> Task:
    at = now + min(number * SPACING, LONGEST_SPREAD)
    name = ids.derived("check", state.mailbox_id, str(state.check_at))
    return Task("check_mailbox", {"mailbox_id": state.mailbox_id}, at, name)


def check(world: World, mailbox_id: str) -> None:
    """Asks the provider, and keeps what it says as the mailbox's state. A disconnected mailbox has what
    is left of it cleared away instead. Raises NotFound; who does not answer is asked again later."""
    team_id = records.syncs(world.documents).get(mailbox_id).team_id
    mailbox = records.mailboxes(world.documents, team_id).get(mailbox_id)
    trail_is_empty = outbox.forget_old(world, mailbox)
    if mailbox.state is not GrantState.DISCONNECTED:
        _renew(world, tokens.Tokens(world, mailbox), mailbox_id)
    elif mailbox.disconnection:
        world.tasks.enqueue(disconnecting.task(team_id, mailbox_id))
    elif trail_is_empty:
        records.syncs(world.documents).update(mailbox_id, check_at=None)


def _renew(world: World, tokens: tokens.Tokens, mailbox_id: str) -> None:
    try:
        tokens.renew()
    except GrantRevoked as error:
        logs.info("grant has ended", mailbox=mailbox_id, reason=error.reason)
    except (RateLimited, ProviderUnavailable, ConfigurationError) as error:
        if isinstance(error, ConfigurationError):
            logs.error("grant check waits for us", mailbox=mailbox_id, reason=error.reason)
        asked = error.retry_after if isinstance(error, RateLimited) else None
        wait = PATIENCE * (1 + random.random()) if asked is None else timedelta(seconds=asked)  # noqa: S311  # no secret
        at = world.clock.now() + wait
        name = ids.derived("check-later", mailbox_id, at.isoformat())
        world.tasks.enqueue(Task("check_mailbox", {"mailbox_id": mailbox_id}, at, name))
