"""Outgoing mail as its author handles it: write, change, send, cancel, follow. Delivery is
`shared.services.sending.delivery`."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec
from msgspec import UNSET, Struct, UnsetType, structs

from shared import records
from shared.domain import ids
from shared.domain.access import Right
from shared.domain.audit import AuditEvent
from shared.domain.caller import Caller, Scope
from shared.domain.emails import Attempt, Email, EmailStatus, Step, may_have_left
from shared.domain.errors import (
    AlreadyExists,
    Conflict,
    ProviderUnavailable,
    Unprocessable,
)
from shared.domain.mail import Address
from shared.domain.mailboxes import Capability, Mailbox
from shared.domain.versions import ANY, IfMatch, etag
from shared.domain.views import view
from shared.mime.sanitise import clean_html
from shared.ports.documents import Where, Write
from shared.ports.tasks import Task
from shared.ports.world import World
from shared.records import Versioned
from shared.services import access, outbox
from shared.services.accounts import tokens
from shared.services.paging import PageQuery, Pages
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
    changed_by: tuple[str, ...]
    """Who else changed, sent or cancelled it."""
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

    Raises InvalidRequest, NotFound, Forbidden, GrantRevoked, MissingScope, and Unprocessable for the key
    of another email."""
    mailbox = _writable(world, caller, new.mailbox_id, draft=new.draft)
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
    composing.fill(world, caller, email, structs.asdict(new))
    if not new.draft:
        _queue(world, caller, email)
    made = records.Change(email) if new.draft else outbox.email(world, email)
    creating = records.emails(world.documents, caller.team_id).creating(email.id, made.record)
    try:
        world.documents.write(creating, *made.also)
    except AlreadyExists:
        email = _made_before(world, email)
    _start(world, email)
    return _shown(world, caller, email)


def _writable(world: World, caller: Caller, mailbox_id: str, *, draft: bool) -> Mailbox:
    right = Right.WRITE if draft else Right.SEND
    mailbox = access.mailbox(world, caller, mailbox_id, right).record
    tokens.check(world, mailbox, Capability.SEND)
    return mailbox


def _made_before(world: World, email: Email) -> Email:
    held = records.emails(world.documents, email.team_id).get(email.id)
    if held.request_hash != email.request_hash:
        raise Unprocessable(
            "This Idempotency-Key was used for another email: use a new key for each email.",
            reason="idempotency_key_used",
        )
    return held


def _queue(world: World, caller: Caller, email: Email) -> None:
    composing.complete(world, caller, email)
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
    held = access.email(world, caller, email_id, Scope.DRAFT)
    _expect(held.record, EmailStatus.DRAFT)
    if_match.check(etag(held.version), required=True)
    given = {k: v for k, v in structs.asdict(wanted).items() if v is not UNSET}
    composing.fill(world, caller, held.record, given)
    _replace(world, caller, held, AuditEvent.EMAIL_CHANGED, told=False)
    return _shown(world, caller, held.record)


def send(world: World, caller: Caller, email_id: str, if_match: IfMatch = ANY) -> EmailView:
    """A draft, or again one that certainly failed."""
    held = access.email(world, caller, email_id, Scope.SEND)
    if_match.check(etag(held.version))
    _expect(held.record, EmailStatus.DRAFT, EmailStatus.FAILED)
    _writable(world, caller, held.record.mailbox_id, draft=False)
    held.record.failure = held.record.failure_reason = ""
    held.record.lookups = 0
    _queue(world, caller, held.record)
    _replace(world, caller, held, AuditEvent.EMAIL_SENT)
    _start(world, held.record)
    return _shown(world, caller, held.record)


def cancel(world: World, caller: Caller, email_id: str, if_match: IfMatch = ANY) -> EmailView:
    """Before it leaves, also while a worker is at it: that one loses its lease, and finds out before it
    asks the provider to send. What was prepared there is cleared away by a delivery task."""
    held = access.email(world, caller, email_id, Scope.SEND)
    email = held.record
    if_match.check(etag(held.version))
    if not (email.status is EmailStatus.SENDING and not may_have_left(email)):
        _expect(email, EmailStatus.DRAFT, EmailStatus.QUEUED)
    prepared = email.handle or email.stray or email.step is Step.PREPARING
    now = world.clock.now()
    cancelled = structs.replace(
        email.with_lease(email.lease.broken()),  # also when it ran out: its worker may only be slow
        status=EmailStatus.CANCELLED,
        stray=email.stray or email.step is Step.PREPARING,
        due_at=now + GRACE if prepared else None,
    )
    held = structs.replace(held, record=cancelled)
    _replace(world, caller, held, AuditEvent.EMAIL_CHANGED)
    if email.handle and not email.lease.runs(now):
        with suppress(ProviderUnavailable):
            world.tasks.enqueue(task(cancelled))
    return _shown(world, caller, cancelled)


def delete(world: World, caller: Caller, email_id: str, if_match: IfMatch = ANY) -> None:
    """A draft, or what was cancelled; the others are the record of what happened."""
    held = access.email(world, caller, email_id, Scope.DRAFT)
    if_match.check(etag(held.version))
    _expect(held.record, EmailStatus.DRAFT, EmailStatus.CANCELLED)
    emails = records.emails(world.documents, caller.team_id)
    entry = _audited(world, caller, held.record, AuditEvent.EMAIL_CHANGED, "Deleted.")
    world.documents.write(emails.deleting(email_id, held), *entry)


def _expect(email: Email, *allowed: EmailStatus) -> None:
    if email.status not in allowed:
        said = " or ".join(status.value for status in allowed)
        raise Conflict(
            f"This email is {email.status.value}; that is possible while it is {said}.",
            reason=f"email_{email.status.value}",
        )


def _replace(
    world: World,
    caller: Caller,
    held: Versioned[Email],
    event: AuditEvent,
    *,
    told: bool = True,
) -> None:
    """Without `told` for what changes no state that anybody waits for."""
    email = held.record
    email.updated_at = world.clock.now()
    if caller.user_id not in {email.user_id, *email.changed_by}:
        email.changed_by = (*email.changed_by, caller.user_id)
    change = outbox.email(world, email) if told else records.Change(email)
    replacing = records.emails(world.documents, email.team_id).replacing(
        email.id, held, change.record
    )
    entries = _audited(world, caller, email, event, f"Now {email.status.value}.")
    world.documents.write(replacing, *change.also, *entries)


def _audited(
    world: World, caller: Caller, email: Email, event: AuditEvent, detail: str
) -> Sequence[Write]:
    """Of what somebody does with another's email."""
    if caller.user_id == email.user_id:
        return []
    entry = outbox.writing(
        world,
        email.team_id,
        email.mailbox_id,
        event,
        caller=caller,
        email_id=email.id,
        detail=detail,
    )
    return [entry]


# -- reading ----------------------------------------------------------------------------------------


def show(world: World, caller: Caller, email_id: str) -> EmailView:
    return _view(caller, access.email(world, caller, email_id, Scope.READ))


def list_(world: World, caller: Caller, query: EmailQuery) -> EmailList:
    """Newest first: the caller's own, or with mailbox_id those of that mailbox that the caller may see."""
    access.require(caller, Scope.READ)
    where = [Where("user_id", "==", caller.user_id)]
    if query.mailbox_id:
        mailbox = access.mailbox(world, caller, query.mailbox_id, Right.SEE).record
        where = [Where("mailbox_id", "==", mailbox.id)]
    if query.status is not UNSET:
        where.append(Where("status", "==", query.status.value))
    emails = records.emails(world.documents, caller.team_id)
    viewer = access.Viewer(world, caller)
    seen, token = Pages(world, caller, query, "emails").visible(
        lambda limit, after: emails.versions(
            *where, order_by=("-created_at",), limit=limit, after=after
        ),
        viewer.emails,
    )
    return EmailList([_view(caller, email) for email in seen], token)


def _shown(world: World, caller: Caller, email: Email) -> EmailView:
    """What somebody just did, as it is now."""
    return _view(caller, records.emails(world.documents, email.team_id).versioned(email.id))


def _view(caller: Caller, held: Versioned[Email]) -> EmailView:
    """Its HTML is a colleague's or a program's, and shown on our page: what is sent stays as written.
    What it answers in another mailbox is between its author and that mailbox."""
    email = held.record
    known = email.answers or caller.user_id == email.user_id
    return view(
        EmailView,
        email,
        in_reply_to=email.in_reply_to if known else "",
        html=clean_html(email.html),
        etag=etag(held.version),
    )
