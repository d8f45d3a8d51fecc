"""Delivering emails: never lost, never twice. One task an email, and a sweep for tasks that got lost.

Each step is stored before the provider is asked for it, so whoever comes after a crash knows what may
have happened and asks the provider before doing anything again. What the provider cannot tell ends
as `unknown`, never as a second try.
"""

import random
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct, structs

from shared import logs, records
from shared.domain.emails import (
    MAX_ATTEMPTS_KEPT,
    MAX_LOOKS,
    STRAY_AFTER,
    Attempt,
    Email,
    EmailStatus,
    Step,
    look_again_after,
    may_have_left,
    wait_after,
)
from shared.domain.errors import (
    Busy,
    ConfigurationError,
    Forbidden,
    GrantRevoked,
    LeaseLost,
    MailboxUnavailable,
    MailbridgeError,
    MissingScope,
    NotFound,
    ProviderRejected,
    ProviderUnavailable,
    RateLimited,
)
from shared.domain.mail import Mail, OutgoingMail
from shared.domain.mailboxes import Capability, Mailbox
from shared.domain.messages import message_id
from shared.domain.planning import contacts_of
from shared.domain.sync import pause
from shared.ports.documents import Where
from shared.ports.providers import MailProvider, Near, SendOutcome
from shared.ports.world import World
from shared.records import Change, Leased, leased
from shared.services import access, outbox
from shared.services.accounts import grant_states, tokens
from shared.services.sending import emails, outgoing
from shared.services.timelines import intake

LEASE = timedelta(seconds=45)
"""Longer than a request to a provider may take, and renewed at every step. Should it run out all the
same, the steps keep an email from going out twice; the lease only saves the work."""
PAGE = 100
STRAY_LOOKS = 2
"""How often a draft that the provider may have made is looked for, besides the first time."""


class DeliverTask(Struct):
    team_id: str
    email_id: str


def run(world: World, team_id: str, email_id: str) -> None:
    """One delivery task. Raises NotFound, and what nobody expected: a provider in trouble is this email's
    own to wait for, and no other's."""
    try:
        lease = leased.take(
            records.emails(world.documents, team_id),
            email_id,
            clock=world.clock,
            length=LEASE,
            decide=lambda email: _begin(world, email),
        )
        if lease and lease.record.status is EmailStatus.SENDING:
            Delivery(world, lease).run()
        elif lease:
            _clear_away(world, lease)
    except Busy as busy:
        email = records.emails(world.documents, team_id).get(email_id)
        world.tasks.enqueue(emails.task(email, not_before=busy.until))
    except LeaseLost:
        logs.warning("lease lost", email=email_id)


def _begin(world: World, email: Email) -> Change[Email] | None:
    """Raises Busy while somebody else delivers it."""
    now = world.clock.now()
    if email.lease.until and email.lease.runs(now):
        raise Busy("This email is being delivered.", until=email.lease.until)
    if email.status not in {EmailStatus.QUEUED, EmailStatus.SENDING}:
        return Change(email) if email.due_at else None
    attempts = (*email.attempts, Attempt(at=now))[-MAX_ATTEMPTS_KEPT:]
    return Change(
        structs.replace(
            email,
            status=EmailStatus.SENDING,
            due_at=now + 2 * LEASE,
            attempts=attempts,
            updated_at=now,
        )
    )


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


def _clear_away(world: World, lease: Leased[Email]) -> None:
    """Nothing is left to deliver. What lies among its author's drafts and will not be sent goes, as long
    as we may touch it: what a cancelled email had prepared, and what the provider made after we gave up
    on its answer."""
    email = lease.record
    now, due_at = world.clock.now(), None
    done: dict[str, Any] = {"stray": False}
    if email.stray and email.lookups < STRAY_LOOKS:
        due_at, done = now + STRAY_AFTER, {"lookups": email.lookups + 1}
    if email.status is EmailStatus.CANCELLED:
        done |= {"handle": "", "step": Step.NOTHING}
    try:
        if email.stray or email.status is EmailStatus.CANCELLED:
            _discard_drafts(world, email)
    except (GrantRevoked, MissingScope):
        logs.info("draft left behind", email=email.id)
    except (RateLimited, ProviderUnavailable, ProviderRejected, ConfigurationError) as error:
        logs.warning("draft not discarded yet", email=email.id, why=error.reason)
        due_at, done = now + STRAY_AFTER, {}
    lease.release(lambda current: Change(structs.replace(current, **done, due_at=due_at)))


def _discard_drafts(world: World, email: Email) -> None:
    mailbox = records.mailboxes(world.documents, email.team_id).get(email.mailbox_id)
    mail = tokens.mail(world, mailbox, Capability.SEND)
    if email.handle and email.status is EmailStatus.CANCELLED:
        mail.discard(email.handle)
    if email.stray and (found := mail.prepared(email.id)) and found != email.handle:
        mail.discard(found)


class Delivery:
    """One worker's try, under its lease."""

    def __init__(self, world: World, lease: Leased[Email]) -> None:
        self._world = world
        self._lease = lease
        self._email = lease.record

    def run(self) -> None:
        try:
            self._try()
        except LeaseLost:
            raise
        except (RateLimited, ProviderUnavailable, ConfigurationError) as error:
            self._wait(error)
        except (GrantRevoked, MissingScope, ProviderRejected, NotFound, Forbidden) as error:
            self._give_up(error)
        except MailbridgeError as error:
            self._note(error)
            self._release()
            raise

    # -- the steps ----------------------------------------------------------------------------------

    def _try(self) -> None:
        email = self._email
        mailboxes = records.mailboxes(self._world.documents, email.team_id)
        mailbox = mailboxes.get(email.mailbox_id)
        tokens.check(self._world, mailbox, Capability.SEND)
        source = tokens.Tokens(self._world, mailbox)
        mail = self._world.providers.get(mailbox.provider).mail(mailbox.account, source)
        written = outgoing.build(self._world, email, mailbox)
        if may_have_left(email):
            outcome = self._outcome(mail)
            if email.step is Step.ACCEPTED or outcome.state != "not_sent":
                self._conclude(outcome, mailbox, written)
                return
        if not access.may_still_send(email, mailbox):
            raise Forbidden(
                "Its author may not send from this mailbox any more.", reason="not_yours"
            )
        if email.step not in {Step.PREPARED, Step.DISPATCHING}:
            self._prepare(mail, written)
        source.token()  # whatever is wrong with it shows before anything can have left
        self._dispatch(mail, written)
        self._conclude(self._outcome(mail), mailbox, written)

    def _outcome(self, mail: MailProvider) -> SendOutcome:
        """What is refused to whoever looks tells nothing of what was sent."""
        email = self._email
        to = tuple(one.address for one in (*email.to, *email.cc, *email.bcc))
        near = Near(to=to, since=email.dispatched_at)
        try:
            return mail.outcome(email.handle, email.id, email.provider_sent_id, near)
        except ProviderRejected:
            return SendOutcome("sent" if email.provider_sent_id else "unclear")

    def _prepare(self, mail: MailProvider, written: OutgoingMail) -> None:
        handle = ""
        if self._email.step is Step.PREPARING:
            handle = mail.prepared(self._email.id)
        else:
            self._save(step=Step.PREPARING)
        try:
            handle = handle or mail.prepare(written)
        except ProviderUnavailable as error:
            if not error.reached:
                self._save(step=Step.NOTHING)
            elif not self._email.stray:
                self._save(stray=True)
            raise
        self._save(step=Step.PREPARED, handle=handle)

    def _dispatch(self, mail: MailProvider, written: OutgoingMail) -> None:
        before = self._email.dispatched_at
        self._save(step=Step.DISPATCHING, dispatched_at=before or self._world.clock.now())
        try:
            provider_sent_id = mail.dispatch(self._email.handle, written)
        except MailbridgeError as error:
            if not (isinstance(error, ProviderUnavailable) and error.reached):
                self._save(step=Step.PREPARED, dispatched_at=before)  # it certainly did not leave
            raise
        self._save(step=Step.ACCEPTED, provider_sent_id=provider_sent_id)

    def _conclude(self, outcome: SendOutcome, mailbox: Mailbox, written: OutgoingMail) -> None:
        if outcome.mail is not None:
            self._sent(outcome.mail, mailbox)
        elif outcome.state == "sent" and self._email.provider_sent_id:
            mail = outgoing.as_written(
                written, self._email.provider_sent_id, self._world.clock.now()
            )
            self._sent(mail, mailbox)
        elif outcome.state == "sent":
            self._end(EmailStatus.SENT)
        else:
            self._look_again()

    # -- the ends -----------------------------------------------------------------------------------

    def _sent(self, mail: Mail, mailbox: Mailbox) -> None:
        """The email's last state and the timelines in one write: neither is seen without the other."""
        envelope = mail.envelope
        known = intake.known_addresses(self._world, mailbox.team_id, [envelope])
        contacts = contacts_of(envelope, known, mailbox.address)
        done = structs.replace(
            self._noted("sent", ""),
            status=EmailStatus.SENT,
            step=Step.ACCEPTED,
            due_at=self._tidied_at(),
            provider_message_id=envelope.provider_id,
            rfc_message_id=envelope.message_id,
            thread_id=envelope.thread_id,
            message_id=message_id(mailbox.id, envelope.provider_id) if contacts else "",
            sent_at=envelope.at,
        )
        arrivals = [intake.Arrival(mail, contacts)] if contacts else []
        told = outbox.email(self._world, done)
        release = self._lease.releasing(told.record)
        intake.store(self._world, mailbox, arrivals, release, *told.also)
        self._log(done)

    def _end(self, status: EmailStatus, detail: str = "", reason: str = "") -> None:
        now = self._world.clock.now()
        done = structs.replace(
            self._noted(reason or status.value, detail),
            status=status,
            failure=detail,
            failure_reason=reason,
            due_at=self._tidied_at(),
            sent_at=now if status is EmailStatus.SENT else None,
            updated_at=now,
        )
        told = outbox.email(self._world, done)
        self._lease.release(lambda _: told)
        self._log(done)

    def _tidied_at(self) -> datetime | None:
        """When it is to be looked after once more though it has ended."""
        return self._world.clock.now() + STRAY_AFTER if self._email.stray else None

    def _log(self, email: Email) -> None:
        """One line for each end, which alerts and reports count."""
        facts = {"team": email.team_id, "mailbox": email.mailbox_id, "email": email.id}
        if email.status is EmailStatus.SENT:
            logs.info("email sent", **facts)
        else:
            logs.warning(f"email {email.status.value}", reason=email.failure_reason, **facts)

    def _look_again(self) -> None:
        """The provider cannot say yet. When it never can: what it accepted is sent, the rest unknown."""
        lookups = self._email.lookups + 1
        if lookups > MAX_LOOKS:
            self._uncertain("The provider cannot tell whether it sent this.")
            return
        self._email = self._noted("unconfirmed", "")
        at = self._world.clock.now() + look_again_after(lookups)
        self._release(lookups=lookups, due_at=at + emails.GRACE)
        self._world.tasks.enqueue(emails.task(self._email, not_before=at))

    def _uncertain(self, why: str, reason: str = "unconfirmed") -> None:
        if self._email.step is Step.ACCEPTED:
            self._end(EmailStatus.SENT)
        else:
            advice = "Look into the mailbox's sent mail before writing again."
            self._end(EmailStatus.UNKNOWN, f"{why} {advice}", reason)

    def _wait(self, error: MailbridgeError) -> None:
        """Acknowledged, and again after a pause of this email's own. While nothing can have left it is
        queued again, and may be cancelled."""
        waited = sum(attempt.outcome not in {"", "unconfirmed"} for attempt in self._email.attempts)
        at = self._world.clock.now() + _pause(error, waited)
        self._note(error)
        status = EmailStatus.SENDING if may_have_left(self._email) else EmailStatus.QUEUED
        self._release(status=status, due_at=at + emails.GRACE)
        if isinstance(error, ConfigurationError):
            logs.error("email waits for us", email=self._email.id, reason=error.reason)
        self._world.tasks.enqueue(emails.task(self._email, not_before=at))

    def _give_up(self, error: MailbridgeError) -> None:
        reason = error.reason or "failed"
        if isinstance(error, MailboxUnavailable):
            mailboxes = records.mailboxes(self._world.documents, self._email.team_id)
            mailbox, now = mailboxes.get(self._email.mailbox_id), self._world.clock.now()
            grant_states.troubled(self._world, mailbox, error, until=now)
        if may_have_left(self._email):
            self._uncertain(error.detail, reason)
            return
        if isinstance(error, ProviderRejected) and self._email.handle:
            self._discard()
        self._end(EmailStatus.FAILED, error.detail, reason)

    def _discard(self) -> None:
        """What the provider will not send shall not wait in its author's drafts either."""
        mailboxes = records.mailboxes(self._world.documents, self._email.team_id)
        mailbox = mailboxes.get(self._email.mailbox_id)
        try:
            tokens.mail(self._world, mailbox, Capability.SEND).discard(self._email.handle)
        except MailbridgeError as error:
            logs.warning("draft left behind", email=self._email.id, why=error.reason)
        else:
            self._email = structs.replace(self._email, handle="", step=Step.NOTHING)

    # -- storing ------------------------------------------------------------------------------------

    def _note(self, error: MailbridgeError) -> None:
        outcome = "rate_limited" if isinstance(error, RateLimited) else error.reason
        self._email = self._noted(outcome or type(error).__name__, error.detail)

    def _noted(self, outcome: str, detail: str) -> Email:
        *earlier, current = self._email.attempts
        noted = structs.replace(current, outcome=outcome, detail=detail)
        return structs.replace(self._email, attempts=(*earlier, noted))

    def _save(self, **changes: Any) -> None:
        """Renews the lease. Raises LeaseLost when it is somebody else's by now."""
        now = self._world.clock.now()
        known = {"due_at": now + 2 * LEASE, "updated_at": now} | changes
        self._email = structs.replace(self._email, **known)
        self._lease.save(lambda _: Change(self._email))

    def _release(self, **changes: Any) -> None:
        self._email = structs.replace(self._email, updated_at=self._world.clock.now(), **changes)
        self._lease.release(lambda _: Change(self._email))


def _pause(error: MailbridgeError, waited: int) -> timedelta:
    """What the provider asks for, up to a day, but ever longer; a little by chance, so that those who
    failed together do not come back together."""
    growing = pause(waited + 1, random.random())  # noqa: S311  # no secret
    if not isinstance(error, RateLimited):
        return growing
    if error.retry_after is None:
        return wait_after(waited)
    asked = timedelta(seconds=min(error.retry_after, timedelta(days=1).total_seconds()))
    return max(asked, min(growing, timedelta(seconds=2**waited)))
