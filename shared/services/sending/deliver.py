"""Delivering emails: one task an email, and a sweep for tasks that got lost."""

from contextlib import suppress

from msgspec import Struct, structs

from shared import records
from shared.domain.emails import MAX_ATTEMPTS_KEPT, Attempt, Email, EmailStatus, Step
from shared.domain.errors import GrantRevoked, MissingScope, NotFound
from shared.domain.mailboxes import Capability
from shared.ports.documents import Where
from shared.ports.world import World
from shared.records import Versioned
from shared.services.accounts import tokens
from shared.services.sending import emails
from shared.services.sending.delivery import LEASE, Delivery

PAGE = 100


class DeliverTask(Struct):
    team_id: str
    email_id: str


def run(world: World, team_id: str, email_id: str) -> None:
    """One delivery task. Raises ProviderUnavailable (the queue backs off), NotFound."""
    held = records.emails(world.documents, team_id).versioned(email_id)
    now = world.clock.now()
    if held.record.lease_until and held.record.lease_until > now:
        world.tasks.enqueue(emails.task(held.record, not_before=held.record.lease_until))
    elif held.record.status is EmailStatus.CANCELLED:
        _clear_away(world, held)
    elif held.record.status in {EmailStatus.QUEUED, EmailStatus.SENDING}:
        Delivery(world, _lease(world, held)).run()
    elif held.record.due_at:
        records.emails(world.documents, team_id).update(email_id, due_at=None)


def sweep(world: World) -> int:
    """Enqueues every email that should have been looked after and was not; how many."""
    count = 0
    while due := _due(world):
        world.tasks.enqueue(*(emails.task(email) for email in due))
        later = world.clock.now() + 2 * LEASE
        for email in due:
            with suppress(NotFound):  # deleted meanwhile
                records.emails(world.documents, email.team_id).update(email.id, due_at=later)
        count += len(due)
    return count


def _due(world: World) -> list[Email]:
    page, _ = records.all_emails(world.documents).page(
        Where("due_at", "<=", world.clock.now()), order_by=("due_at",), limit=PAGE
    )
    return page


def _lease(world: World, held: Versioned[Email]) -> Email:
    """Raises PreconditionFailed when another worker was faster; the task comes again and sees."""
    email, now = held.record, world.clock.now()
    attempts = (*email.attempts, Attempt(at=now))[-MAX_ATTEMPTS_KEPT:]
    leased = structs.replace(
        email,
        status=EmailStatus.SENDING,
        fence=email.fence + 1,
        lease_until=now + LEASE,
        due_at=now + 2 * LEASE,
        attempts=attempts,
        updated_at=now,
    )
    records.emails(world.documents, email.team_id).replace(email.id, held, leased)
    return leased


def _clear_away(world: World, held: Versioned[Email]) -> None:
    """A cancelled email leaves nothing in its author's drafts, as long as we may touch them."""
    email = held.record
    if email.handle:
        mailbox = records.mailboxes(world.documents, email.team_id).get(email.mailbox_id)
        with suppress(GrantRevoked, MissingScope):
            tokens.mail(world, mailbox, Capability.SEND).discard(email.handle)
    done = structs.replace(email, handle="", step=Step.NOTHING, due_at=None)
    records.emails(world.documents, email.team_id).replace(email.id, held, done)
