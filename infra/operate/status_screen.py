"""What a person sees of the status."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infra.operate.status import GMAIL_DAILY_UNITS, QueueState, Status
from shared.domain.sync import SyncState

LATE = timedelta(minutes=10)
"""Mailboxes are dispatched every minute: beyond this something is wrong."""


def show(status: Status, queues: Sequence[QueueState], console: Console, where: str) -> None:
    """`where` is how `make` names the environment, to be appended to the advice."""
    console.print(f"{status.at:%Y-%m-%d %H:%M:%S} UTC", style="dim", highlight=False)
    console.print(_counts("mailboxes", status.mailboxes))
    console.print(_sync(status), markup=False, highlight=False)
    if status.behind:
        console.print(_behind(status))
    console.print(_counts("emails of the last day", status.emails))
    console.print(_queues(queues))
    console.print(_quota(status), markup=False, highlight=False, soft_wrap=True)
    for line in advice(status, where):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def advice(status: Status, where: str = "") -> Iterable[str]:
    """What to do next; at least one line."""
    if status.lag > LATE:
        yield f"Syncs are late. Next: make logs FUNCTION=dispatch_syncs,sync_mailbox SEVERITY=warning{where}"
    if status.emails.get("failed") or status.emails.get("unknown"):
        yield f"Emails were not sent. Next: make logs FUNCTION=deliver_email SEVERITY=warning{where}"
    if status.stuck:
        yield f"{status.stuck} emails wait for `sweep`. Next: make logs FUNCTION=sweep{where}"
    yield f"To watch: make logs FOLLOW=1{where}"


def ago(moment: datetime | None, now: datetime) -> str:
    """ "3 min ago"."""
    if moment is None:
        return "never"
    return f"{duration(now - moment)} ago"


def duration(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _counts(title: str, counts: Mapping[str, int]) -> Table:
    table = Table(title, "", box=SIMPLE_HEAD)
    some = {name: count for name, count in counts.items() if count}
    for name, count in some.items():
        table.add_row(name.replace("_", " "), str(count))
    if not some:
        table.add_row("none", "")
    return table


def _sync(status: Status) -> str:
    if not status.due:
        return "No mailbox waits for its sync."
    return f"{status.due} mailboxes are due; the longest for {duration(status.lag)}."


def _quota(status: Status) -> str:
    return (
        f"Gmail: looking for new mail takes at most {status.daily_units:,} units a day, imports 20 a mail; "
        f"beyond {GMAIL_DAILY_UNITS:,} a day a project pays."
    )


def _behind(status: Status) -> Table:
    table = Table("most overdue", "due", "last good", "last error", box=SIMPLE_HEAD)
    for one in status.behind:
        table.add_row(*map(escape, _row(one, status.at)))
    return table


def _row(one: SyncState, now: datetime) -> tuple[str, ...]:
    return (
        one.mailbox_id,
        ago(one.next_sync_at, now),
        ago(one.last_good_at, now),
        one.last_error or one.progress.phase,
    )


def _queues(queues: Sequence[QueueState]) -> Table:
    table = Table("queue", "waiting", "running", "", box=SIMPLE_HEAD)
    for queue in queues:
        known = queue.waiting is not None
        table.add_row(
            queue.name,
            str(queue.waiting) if known else "?",
            str(queue.running) if known else "?",
            escape(queue.note),
        )
    return table
