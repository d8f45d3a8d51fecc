"""Outgoing mail as its author handles it: write, change, send, cancel, follow. Delivery is
`shared.services.sending.deliver`."""

from contextlib import suppress
from datetime import datetime, timedelta

import msgspec
from msgspec import UNSET, Struct, UnsetType, structs

from shared import records
from shared.domain import ids
from shared.domain.caller import Caller
from shared.domain.emails import Attempt, Email, EmailStatus, Step, may_have_left
from shared.domain.errors import (
    AlreadyExists,
    Conflict,
    ProviderUnavailable,
    Unprocessable,
)
from shared.domain.mail import Address
from shared.domain.versions import ANY, IfMatch, etag
from shared.domain.views import view
from shared.mime.sanitise import clean_html
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
    """From which it leaves."""
    to: Recipients = ()
    cc: Recipients = ()
    bcc: Recipients = ()
    subject: str = ""
    """Of an answer, "Re: …" when empty."""
    html: str = ""
    text: str = ""
    """Derived from the HTML when empty."""
    in_reply_to: str = ""
    """The id of a stored message that this answers, in its thread. Without recipients it goes to whom
    that asks answers to, or, where we sent it ourselves, to its recipients."""
    draft: bool = False
    """Kept until it is sent, instead of leaving at once."""


class EmailChange(Struct, forbid_unknown_fields=True):
    """What is left out stays as it is."""

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
    """An outgoing mail: draft, queued, sending, and at last sent, failed, cancelled or unknown."""

    id: str
    etag: str
    status: EmailStatus
    mailbox_id: str
    user_id: str
    """Who wrote it."""
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    subject: str
    html: str
    text: str
    in_reply_to: str
    """The message that it answers."""
    attempts: tuple[Attempt, ...]
    """Of delivering it, the latest last."""
    failure: str
    """Why it was not sent, in a sentence for people."""
    failure_reason: str
    """The same as a word that stays the same."""
    provider_message_id: str
    rfc_message_id: str
    """Its Message-ID, as recipients see it."""
    thread_id: str
    """The provider's conversation."""
    message_id: str
    """The stored message that it became."""
    created_at: datetime
    updated_at: datetime
    sent_at: datetime | None


class EmailList(Struct):
    emails: list[EmailView]
    next_page_token: str


# -- writing ----------------------------------------------------------------------------------------


def create(world: World, caller: Caller, new: NewEmail, key: str = "") -> EmailView:
    """Queued (or kept as a draft) when it returns. With a `key` the caller's email of that key is made
    once, for ever: longer than any other request's key is remembered.

    Raises InvalidRequest, what `mailboxes.sendable` raises, and Unprocessable for the key of another
    email."""
    mailbox = mailboxes.sendable(world, caller, new.mailbox_id)
    now = world.clock.now()
    email = Email(
        id=ids.made("email", caller.team_id, caller.user_id, key=key),
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
    return show(world, caller, email.id)


def _made_before(world: World, email: Email) -> Email:
    held = records.emails(world.documents, email.team_id).get(email.id)
    if held.request_hash != email.request_hash:
        raise Unprocessable(
            "This Idempotency-Key was used for another email: use a new key for each email.",
            reason="idempotency_key_used",
        )
    return held


def _queue(world: World, email: Email) -> None:
    composing.complete(world, email)
    email.status = EmailStatus.QUEUED
    email.due_at = world.clock.now() + GRACE


def _start(world: World, email: Email) -> None:
    """Only hastens: an email that is stored as queued leaves, if need be by the sweep."""
    if email.status is EmailStatus.QUEUED:
        with suppress(ProviderUnavailable):
            world.tasks.enqueue(task(email))


def task(email: Email, *, not_before: datetime | None = None) -> Task:
    return Task("deliver_email", {"team_id": email.team_id, "email_id": email.id}, not_before)


def change(
    world: World, caller: Caller, email_id: str, wanted: EmailChange, if_match: IfMatch = ANY
) -> EmailView:
    """Of a draft only. Raises PreconditionRequired, PreconditionFailed."""
    held = _own(world, caller, email_id)
    _expect(held.record, EmailStatus.DRAFT)
    if_match.check(etag(held.version), required=True)
    given = {k: v for k, v in msgspec.structs.asdict(wanted).items() if v is not UNSET}
    composing.fill(world, held.record, given)
    _replace(world, held)
    return show(world, caller, email_id)


def send(world: World, caller: Caller, email_id: str, if_match: IfMatch = ANY) -> EmailView:
    """A draft, or again one that certainly failed."""
    held = _own(world, caller, email_id)
    if_match.check(etag(held.version))
    _expect(held.record, EmailStatus.DRAFT, EmailStatus.FAILED)
    mailboxes.sendable(world, caller, held.record.mailbox_id)
    held.record.failure = held.record.failure_reason = ""
    held.record.lookups = 0
    _queue(world, held.record)
    _replace(world, held)
    _start(world, held.record)
    return show(world, caller, email_id)


def cancel(world: World, caller: Caller, email_id: str, if_match: IfMatch = ANY) -> EmailView:
    """Before it leaves, also while a worker is at it: that one loses its lease, and finds out before it
    asks the provider to send. What was prepared there is cleared away by a delivery task."""
    held = _own(world, caller, email_id)
    email = held.record
    if_match.check(etag(held.version))
    if not (email.status is EmailStatus.SENDING and not may_have_left(email)):
        _expect(email, EmailStatus.DRAFT, EmailStatus.QUEUED)
    prepared = email.handle or email.stray or email.step is Step.PREPARING
    now = world.clock.now()
    cancelled = structs.replace(
        email.with_lease(email.lease.broken()) if email.lease.runs(now) else email,
        status=EmailStatus.CANCELLED,
        stray=email.stray or email.step is Step.PREPARING,
        due_at=now + GRACE if prepared else None,
    )
    _replace(world, structs.replace(held, record=cancelled))
    if email.handle and not email.lease.runs(now):
        with suppress(ProviderUnavailable):
            world.tasks.enqueue(task(cancelled))
    return show(world, caller, email_id)


def delete(world: World, caller: Caller, email_id: str, if_match: IfMatch = ANY) -> None:
    """A draft, or what was cancelled; the others are the record of what happened."""
    held = _own(world, caller, email_id)
    if_match.check(etag(held.version))
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


def _replace(world: World, held: Versioned[Email]) -> None:
    email = held.record
    email.updated_at = world.clock.now()
    records.emails(world.documents, email.team_id).replace(email.id, held, email)


# -- reading ----------------------------------------------------------------------------------------


def show(world: World, caller: Caller, email_id: str) -> EmailView:
    return _view(_own(world, caller, email_id))


def list_(world: World, caller: Caller, query: EmailQuery) -> EmailList:
    """Newest first: the caller's own, or with mailbox_id those of a mailbox the caller may use."""
    where = [Where("user_id", "==", caller.user_id)]
    if query.mailbox_id:
        mailbox = mailboxes.usable(world, caller, query.mailbox_id).record
        where = [Where("mailbox_id", "==", mailbox.id)]
    if query.status is not UNSET:
        where.append(Where("status", "==", query.status.value))
    page, token = records.emails(world.documents, caller.team_id).versions(
        *where, order_by=("-created_at",), limit=query.page_size, after=query.page_token
    )
    return EmailList([_view(email) for email in page], token)


def _own(world: World, caller: Caller, email_id: str) -> Versioned[Email]:
    """One the caller wrote, or of a mailbox the caller may use. Raises NotFound."""
    held = records.emails(world.documents, caller.team_id).versioned(email_id)
    if held.record.user_id != caller.user_id:
        mailboxes.usable(world, caller, held.record.mailbox_id)
    return held


def _view(held: Versioned[Email]) -> EmailView:
    """Its HTML is a colleague's or a program's, and shown on our page: what is sent stays as written."""
    email = held.record
    return view(EmailView, email, html=clean_html(email.html), etag=etag(held.version))
