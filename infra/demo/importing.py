"""Connecting the accounts, and the first sync."""

import time
from collections.abc import Sequence
from itertools import pairwise

from rich.progress import Progress

from infra.demo.accounting import Account
from infra.demo.failure import Failed
from infra.demo.stage import PATIENCE, POLL, Stage
from shared.domain.mailboxes import GrantState
from shared.services.accounts.mailboxes import SyncPhase, SyncView


def connect(stage: Stage, account: Account) -> None:
    stage.screen.step(f"Connecting {account.address}")
    stage.screen.say("POST /oauth_start → consent page → GET /oauth_callback → POST /mailboxes")
    mailbox = stage.user.connect(account.provider, account.address)
    account.mailbox_id = mailbox.id
    if mailbox.state is not GrantState.CONNECTED or mailbox.missing_scopes:
        raise Failed(f"{mailbox.address} is {mailbox.state.value}. {mailbox.state_reason}".strip())
    stage.screen.done(f"mailbox {mailbox.id} of {mailbox.address} at {mailbox.provider}")


def follow_imports(stage: Stage, accounts: Sequence[Account]) -> None:
    """Shows the first sync of each until nothing is left to do. Raises Failed."""
    stage.screen.step("The first sync brings in the past")
    with stage.screen.importing() as progress:
        for account in accounts:
            _follow(stage, account, progress)
    stage.settle()
    for account in accounts:
        sync = stage.user.mailbox(account.mailbox_id).sync
        stage.screen.done(
            f"{account.address}: {sync.stored:,} mails stored, {sync.troubled:,} passed by, "
            f"{sync.quota_units:,} quota units"
        )


def _follow(stage: Stage, account: Account, progress: Progress) -> None:
    task = progress.add_task(account.address, total=len(account.mails), phase="waiting")
    seen: SyncView | None = None
    moved = time.monotonic()
    while seen is None or seen.phase is not SyncPhase.UP_TO_DATE:
        sync = stage.user.mailbox(account.mailbox_id).sync
        if sync != seen:
            seen, moved = sync, time.monotonic()
            progress.update(task, completed=sync.stored, phase=sync.phase.value)
        elif time.monotonic() - moved > PATIENCE:
            raise Failed(f"The import of {account.address} stands still. {sync.last_error}".strip())
        time.sleep(POLL)


def read(stage: Stage) -> None:
    """The longest timeline, and a mail on it."""
    stage.screen.step("The timeline of a contact, and a mail on it")
    contact, lines = max(stage.timelines().items(), key=lambda item: len(item[1]))
    if not lines:
        raise Failed("No contact has anything on the timeline.")
    if any(newer.at < older.at for newer, older in pairwise(lines)):
        raise Failed(f"The timeline of {contact} is not newest first.")
    stage.screen.timeline(contact, lines)
    message = stage.user.message(lines[0].message_id)
    if message.subject != lines[0].subject:
        raise Failed("A line of the timeline links to another mail.")
    stage.screen.message(message)


def sync_again(stage: Stage, account: Account) -> None:
    """Raises Failed unless it came to a good end."""
    before = stage.user.mailbox(account.mailbox_id).sync
    stage.user.sync(account.mailbox_id)
    stage.settle()
    after = stage.user.mailbox(account.mailbox_id).sync
    if after.last_good_at == before.last_good_at or after.last_error:
        raise Failed(f"{account.address} was not synced again. {after.last_error}".strip())
