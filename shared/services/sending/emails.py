"""Outgoing mail as its author handles it: write, change, send, cancel, follow. Delivery is
`shared.services.sending.deliver`."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from shared import records
from shared.domain import ids
from shared.domain.caller import Caller
from shared.domain.emails import Attempt, Email, EmailStatus
from shared.domain.errors import AlreadyExists, Conflict, InvalidRequest, ProviderUnavailable
from shared.domain.mail import Address
from shared.ports.documents import Where
from shared.ports.tasks import Task
from shared.ports.world import World
from shared.records import Versioned
from shared.services.accounts import mailboxes
from shared.services.paging import PageQuery
from shared.services.sending import composing
from shared.services.sending.composing import Recipients

GRACE = timedelta(minutes=2)
"""After this a queued email that no task took up is enqueued again."""


class NewEmail(Struct, forbid_unknown_fields=True):
    mailbox_id: str
    to: Recipients = ()
    cc: Recipients = ()
    bcc: Recipients = ()
    subject: str = ""
    html: str = ""
    text: str = ""
    """Derived from the HTML when empty."""
    in_reply_to: str = ""
    """The id of a stored message that this answers, in its thread."""
    draft: bool = False


class EmailHeaders(Struct, forbid_unknown_fields=True):
    idempotency_key: Annotated[str, Meta(max_length=200)] = ""
    """The same key with the same body finds the email made before; with another body it is refused."""


class EmailChange(Struct, forbid_unknown_fields=True):
    to: Recipients | UnsetType = UNSET
    cc: Recipients | UnsetType = UNSET
    bcc: Recipients | UnsetType = UNSET
    subject: str | UnsetType = UNSET
    html: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    in_reply_to: str | UnsetType = UNSET


class EmailQuery(PageQuery, forbid_unknown_fields=True):
    mailbox_id: str = ""
    status: EmailStatus | UnsetType = UNSET


class EmailView(Struct):
    id: str
    status: EmailStatus
    mailbox_id: str
    user_id: str
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    subject: str
    html: str
    text: str
    in_reply_to: str
    attempts: tuple[Attempt, ...]
    failure: str
    failure_reason: str
    provider_message_id: str
    rfc_message_id: str
    thread_id: str
    message_id: str
    created_at: datetime
    updated_at: datetime
    sent_at: datetime | None


class EmailList(Struct):
    emails: list[EmailView]
    next_page_token: str


# -- writing ----------------------------------------------------------------------------------------


def create(world: World, caller: Caller, headers: EmailHeaders, new: NewEmail) -> EmailView:
    """Queued (or kept as a draft) when it returns. Raises InvalidRequest, what `mailboxes.sendable`
    raises, and Conflict for a key that was used for another email."""
    mailbox = mailboxes.sendable(world, caller, new.mailbox_id)
    now = world.clock.now()
    email = Email(
        id=_id(caller, headers.idempotency_key),
        team_id=caller.team_id,
        user_id=caller.user_id,
        mailbox_id=mailbox.id,
        status=EmailStatus.DRAFT,
        request_hash=ids.derived(msgspec.json.encode(new).decode()),
        created_at=now,
        updated_at=now,
    )
    composing.fill(world, email, msgspec.structs.asdict(new))
    if not new.draft:
        _queue(world, email)
    try:
        records.emails(world.documents, caller.team_id).create(email.id, email)
    except AlreadyExists:
        email = _made_before(world, email)
    _start(world, email)
    return _view(email)


def _id(caller: Caller, key: str) -> str:
    return ids.derived("email", caller.team_id, caller.user_id, key) if key else ids.random()


def _made_before(world: World, email: Email) -> Email:
    held = records.emails(world.documents, email.team_id).get(email.id)
    if held.request_hash != email.request_hash:
        raise Conflict(
            "This Idempotency-Key was used for another email: use a new key for each email.",
            reason="idempotency_key_used",
        )
    return held


def _queue(world: World, email: Email) -> None:
    if not email.to + email.cc + email.bcc:
        raise InvalidRequest.field("/to", "an email needs at least one recipient")
    email.status = EmailStatus.QUEUED
    email.due_at = world.clock.now() + GRACE


def _start(world: World, email: Email) -> None:
    """Only hastens: an email that is stored as queued leaves, if need be by the sweep."""
    if email.status is EmailStatus.QUEUED:
        with suppress(ProviderUnavailable):
            world.tasks.enqueue(task(email))


def task(email: Email, *, not_before: datetime | None = None) -> Task:
    return Task("deliver_email", {"team_id": email.team_id, "email_id": email.id}, not_before)


def change(world: World, caller: Caller, email_id: str, wanted: EmailChange) -> EmailView:
    """Of a draft only."""
    held = _own(world, caller, email_id)
    _expect(held.record, EmailStatus.DRAFT)
    given = {k: v for k, v in msgspec.structs.asdict(wanted).items() if v is not UNSET}
    composing.fill(world, held.record, given)
    return _replace(world, held)


def send(world: World, caller: Caller, email_id: str) -> EmailView:
    """A draft, or again one that certainly failed."""
    held = _own(world, caller, email_id)
    _expect(held.record, EmailStatus.DRAFT, EmailStatus.FAILED)
    mailboxes.sendable(world, caller, held.record.mailbox_id)
    held.record.failure = held.record.failure_reason = ""
    _queue(world, held.record)
    view = _replace(world, held)
    _start(world, held.record)
    return view


def cancel(world: World, caller: Caller, email_id: str) -> EmailView:
    """Before it leaves. What was prepared at the provider is cleared away by a delivery task."""
    held = _own(world, caller, email_id)
    _expect(held.record, EmailStatus.DRAFT, EmailStatus.QUEUED)
    held.record.status = EmailStatus.CANCELLED
    held.record.due_at = world.clock.now() if held.record.handle else None
    view = _replace(world, held)
    if held.record.handle:
        world.tasks.enqueue(task(held.record))
    return view


def delete(world: World, caller: Caller, email_id: str) -> None:
    """A draft, or what was cancelled; the others are the record of what happened."""
    held = _own(world, caller, email_id)
    _expect(held.record, EmailStatus.DRAFT, EmailStatus.CANCELLED)
    emails = records.emails(world.documents, caller.team_id)
    world.documents.write(emails.deleting(email_id, held))


def _expect(email: Email, *allowed: EmailStatus) -> None:
    if email.status not in allowed:
        said = " or ".join(status.value for status in allowed)
        raise Conflict(
            f"This email is {email.status.value}; that is possible while it is {said}.",
            reason=f"email_{email.status.value}",
        )


def _replace(world: World, held: Versioned[Email]) -> EmailView:
    email = held.record
    email.updated_at = world.clock.now()
    records.emails(world.documents, email.team_id).replace(email.id, held, email)
    return _view(email)


# -- reading ----------------------------------------------------------------------------------------


def show(world: World, caller: Caller, email_id: str) -> EmailView:
    return _view(_own(world, caller, email_id).record)


def list_(world: World, caller: Caller, query: EmailQuery) -> EmailList:
    """Newest first: the caller's own, or with mailbox_id those of a mailbox the caller may use."""
    where = [Where("user_id", "==", caller.user_id)]
    if query.mailbox_id:
        mailbox = mailboxes.usable(world, caller, query.mailbox_id).record
        where = [Where("mailbox_id", "==", mailbox.id)]
    if query.status is not UNSET:
        where.append(Where("status", "==", query.status.value))
    page, token = records.emails(world.documents, caller.team_id).page(
        *where, order_by=("-created_at",), limit=query.page_size, after=query.page_token
    )
    return EmailList([_view(email) for email in page], token)


def _own(world: World, caller: Caller, email_id: str) -> Versioned[Email]:
    """One the caller wrote, or of a mailbox the caller may use. Raises NotFound."""
    held = records.emails(world.documents, caller.team_id).versioned(email_id)
    if held.record.user_id != caller.user_id:
        mailboxes.usable(world, caller, held.record.mailbox_id)
    return held


def _view(email: Email) -> EmailView:
    return EmailView(
        id=email.id,
        status=email.status,
        mailbox_id=email.mailbox_id,
        user_id=email.user_id,
        to=email.to,
        cc=email.cc,
        bcc=email.bcc,
        subject=email.subject,
        html=email.html,
        text=email.text,
        in_reply_to=email.in_reply_to,
        attempts=email.attempts,
        failure=email.failure,
        failure_reason=email.failure_reason,
        provider_message_id=email.provider_message_id,
        rfc_message_id=email.rfc_message_id,
        thread_id=email.thread_id,
        message_id=email.message_id,
        created_at=email.created_at,
        updated_at=email.updated_at,
        sent_at=email.sent_at,
    )
