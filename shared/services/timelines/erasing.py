"""Erasing the history of a disconnected mailbox: its emails, messages and lines on timelines.

What is found by is deleted last, so that a try that was cut off is simply begun again.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from shared import records
from shared.domain.emails import Email, EmailStatus
from shared.domain.errors import Busy
from shared.domain.mailboxes import Mailbox
from shared.domain.messages import Message
from shared.domain.sync import Progress
from shared.ports.documents import Where, Write
from shared.ports.world import World
from shared.services.timelines import intake, lines

BUDGET = timedelta(minutes=2)
"""How long one task works before it hands over to the next."""
MESSAGES = 25
EMAILS = 100
TROUBLES = 200


def erase(world: World, mailbox: Mailbox, renew: Callable[[], None]) -> bool:
    """True when nothing is left, False when the time was over first. `renew` is called between pages.

    Raises Busy while a sync or a delivery that began earlier may still write."""
    _wait_for_sync(world, mailbox)
    deadline = world.clock.now() + BUDGET
    for page in (_emails, _messages, _troubles):
        while page(world, mailbox):
            renew()
            if world.clock.now() >= deadline:
                return False
    _forget_position(world, mailbox)
    return True


def _wait_for_sync(world: World, mailbox: Mailbox) -> None:
    until = records.syncs(world.documents).get(mailbox.id).lease.until
    if until and until > world.clock.now():
        raise Busy("Its last sync is not over.", until=until)


def _emails(world: World, mailbox: Mailbox) -> bool:
    """Deletes a page of emails; whether there was one. Raises Busy for those that just leave."""
    kept = records.emails(world.documents, mailbox.team_id)
    found, _ = kept.page(
        Where("mailbox_id", "==", mailbox.id), order_by=("-created_at",), limit=EMAILS
    )
    leaving = {email.id: until for email in found if (until := _leaves_until(world, email))}
    world.documents.write(*(kept.deleting(email.id) for email in found if email.id not in leaving))
    if leaving:
        raise Busy("An email just leaves.", until=max(leaving.values()))
    return bool(found)


def _leaves_until(world: World, email: Email) -> datetime | None:
    """When its delivery is over at the latest; None when none is under way."""
    until = email.lease_until if email.status is EmailStatus.SENDING else None
    return until if until and until > world.clock.now() else None


def _messages(world: World, mailbox: Mailbox) -> bool:
    """Deletes a page of messages and their lines; whether there was one."""
    found, _ = records.messages(world.documents, mailbox.team_id).page(
        Where("mailbox_id", "==", mailbox.id), limit=MESSAGES
    )
    intake.write_until_settled(world, lambda: [[write] for write in lines.removing(world, found)])
    intake.write_until_settled(
        world, lambda: [[write] for message in found for write in _deleting(world, message)]
    )
    return bool(found)


def _deleting(world: World, message: Message) -> Iterator[Write]:
    pieces = records.pieces(world.documents, message.team_id, message.id)
    yield from (pieces.deleting(str(number)) for number in range(message.pieces))
    yield records.messages(world.documents, message.team_id).deleting(message.id)


def _troubles(world: World, mailbox: Mailbox) -> bool:
    kept = records.troubles(world.documents, mailbox.id)
    found = kept.ids(order_by=("-first_at",), limit=TROUBLES)
    world.documents.write(*(kept.deleting(id) for id in found))
    return bool(found)


def _forget_position(world: World, mailbox: Mailbox) -> None:
    """So that connecting it again brings everything in again."""
    records.syncs(world.documents).update(
        mailbox.id,
        cursor=None,
        covered_through=None,
        covered_recent=(),
        importing=None,
        progress=Progress(),
        last_good_at=None,
        last_error="",
        last_error_at=None,
    )
