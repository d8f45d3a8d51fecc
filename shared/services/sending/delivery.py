"""One worker's try to deliver one email: never lost, never twice.

Each step is stored before the provider is asked for it, so whoever comes after a crash knows what may
have happened and asks the provider before doing anything again. What the provider cannot tell ends
as `unknown`, never as a second try.
"""

from datetime import timedelta

from msgspec import structs

from shared import logs, records
from shared.domain.emails import (
    MAX_LOOKS,
    Email,
    EmailStatus,
    Step,
    look_again_after,
    wait_after,
)
from shared.domain.errors import (
    GrantRevoked,
    MailbridgeError,
    MissingScope,
    NotFound,
    ProviderRejected,
    RateLimited,
)
from shared.domain.mail import Address, Content, Envelope, Mail, OutgoingMail
from shared.domain.mailboxes import Capability, Mailbox
from shared.domain.messages import Message, message_id
from shared.domain.planning import contacts_of
from shared.mime.text import from_html
from shared.ports.documents import Transaction
from shared.ports.providers import MailProvider, SendOutcome
from shared.ports.world import World
from shared.services.accounts import tokens
from shared.services.sending import emails
from shared.services.timelines import intake

LEASE = timedelta(seconds=45)
"""Longer than a request to a provider may take, and renewed at every step. Should it run out all the
same, the steps keep an email from going out twice; the lease only saves the work."""
SNIPPET = 200
"""Characters, as many as Gmail shows."""


class _TakenOver(Exception):
    """Our lease ran out and somebody else delivers this email now."""


class Delivery:
    """One worker's try, under its lease."""

    def __init__(self, world: World, email: Email) -> None:
        self._world = world
        self._email = email
        self._emails = records.emails(world.documents, email.team_id)

    def run(self) -> None:
        try:
            self._run()
        except _TakenOver:
            logs.warning("lease lost", email=self._email.id)

    def _run(self) -> None:
        try:
            self._try()
        except RateLimited as error:
            self._wait(error)
        except (GrantRevoked, MissingScope, ProviderRejected, NotFound) as error:
            self._give_up(error)
        except MailbridgeError as error:
            self._note(error)
            self._save(lease_until=None)
            raise

    # -- the steps ----------------------------------------------------------------------------------

    def _try(self) -> None:
        email = self._email
        mailboxes = records.mailboxes(self._world.documents, email.team_id)
        mailbox = mailboxes.get(email.mailbox_id)
        mail = tokens.mail(self._world, mailbox, Capability.SEND)
        outgoing = _outgoing(self._world, email, mailbox)
        if email.step in {Step.DISPATCHING, Step.ACCEPTED}:
            outcome = mail.outcome(email.handle, email.id, email.provider_sent_id)
            if email.step is Step.ACCEPTED or outcome.state != "not_sent":
                self._conclude(outcome, mailbox, outgoing)
                return
        elif email.step is not Step.PREPARED:
            self._prepare(mail, outgoing)
        self._dispatch(mail, outgoing)
        email = self._email
        outcome = mail.outcome(email.handle, email.id, email.provider_sent_id)
        self._conclude(outcome, mailbox, outgoing)

    def _prepare(self, mail: MailProvider, outgoing: OutgoingMail) -> None:
        handle = ""
        if self._email.step is Step.PREPARING:
            handle = mail.prepared(self._email.id)
        else:
            self._save(step=Step.PREPARING)
        self._save(step=Step.PREPARED, handle=handle or mail.prepare(outgoing))

    def _dispatch(self, mail: MailProvider, outgoing: OutgoingMail) -> None:
        self._save(step=Step.DISPATCHING)
        try:
            provider_sent_id = mail.dispatch(self._email.handle, outgoing)
        except (RateLimited, ProviderRejected, GrantRevoked, MissingScope):
            self._save(step=Step.PREPARED)  # these say that it certainly did not leave
            raise
        self._save(step=Step.ACCEPTED, provider_sent_id=provider_sent_id)

    def _conclude(self, outcome: SendOutcome, mailbox: Mailbox, outgoing: OutgoingMail) -> None:
        if outcome.mail is not None:
            self._sent(outcome.mail, mailbox)
        elif outcome.state == "sent" and self._email.provider_sent_id:
            self._sent(self._as_written(outgoing), mailbox)
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
            lease_until=None,
            due_at=None,
            provider_message_id=envelope.provider_id,
            rfc_message_id=envelope.message_id,
            thread_id=envelope.thread_id,
            message_id=message_id(mailbox.id, envelope.provider_id) if contacts else "",
            sent_at=envelope.at,
        )
        held = self._emails.versioned(self._email.id)
        self._check_ours(held.record)
        arrivals = [intake.Arrival(mail, contacts)] if contacts else []
        write = self._emails.replacing(self._email.id, held, done)
        intake.store(self._world, mailbox, arrivals, write)
        self._log(done)

    def _as_written(self, outgoing: OutgoingMail) -> Mail:
        """For a mailbox that may send but not read, and for a sent mail deleted at once."""
        text = outgoing.text or from_html(outgoing.html)
        envelope = Envelope(
            provider_id=self._email.provider_sent_id,
            thread_id=outgoing.thread_id,
            subject=outgoing.subject,
            snippet=" ".join(text.split())[:SNIPPET],
            at=self._world.clock.now(),
            sender=(outgoing.sender,),
            to=outgoing.to,
            cc=outgoing.cc,
            bcc=outgoing.bcc,
            in_reply_to=outgoing.in_reply_to,
            references=outgoing.references,
            outgoing=True,
            mark=outgoing.mark,
        )
        return Mail(envelope, Content(text=text, html=outgoing.html))

    def _end(self, status: EmailStatus, detail: str = "", reason: str = "") -> None:
        self._email = self._noted(reason or status.value, detail)
        sent_at = self._world.clock.now() if status is EmailStatus.SENT else None
        self._save(
            status=status,
            failure=detail,
            failure_reason=reason,
            lease_until=None,
            due_at=None,
            sent_at=sent_at,
        )
        self._log(self._email)

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
        self._save(lookups=lookups, lease_until=None, due_at=at + emails.GRACE)
        self._world.tasks.enqueue(emails.task(self._email, not_before=at))

    def _uncertain(self, why: str, reason: str = "unconfirmed") -> None:
        if self._email.step is Step.ACCEPTED:
            self._end(EmailStatus.SENT)
        else:
            advice = "Look into the mailbox's sent mail before writing again."
            self._end(EmailStatus.UNKNOWN, f"{why} {advice}", reason)

    def _wait(self, error: RateLimited) -> None:
        waits = sum(attempt.outcome == "rate_limited" for attempt in self._email.attempts)
        wait = wait_after(waits)
        if error.retry_after is not None:
            wait = timedelta(seconds=min(error.retry_after, timedelta(days=1).total_seconds()))
        at = self._world.clock.now() + wait
        self._email = self._noted("rate_limited", error.detail)
        left = self._email.step in {Step.DISPATCHING, Step.ACCEPTED}
        status = EmailStatus.SENDING if left else EmailStatus.QUEUED
        self._save(status=status, lease_until=None, due_at=at + emails.GRACE)
        self._world.tasks.enqueue(emails.task(self._email, not_before=at))

    def _give_up(self, error: MailbridgeError) -> None:
        reason = error.reason or "failed"
        if self._email.step in {Step.DISPATCHING, Step.ACCEPTED}:
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
        self._email = self._noted(error.reason or type(error).__name__, error.detail)

    def _noted(self, outcome: str, detail: str) -> Email:
        *earlier, current = self._email.attempts
        noted = structs.replace(current, outcome=outcome, detail=detail)
        return structs.replace(self._email, attempts=(*earlier, noted))

    def _save(self, **changes: object) -> None:
        """Renews the lease unless told otherwise. Raises _TakenOver when it is somebody else's by now."""
        now = self._world.clock.now()
        renewed = {"lease_until": now + LEASE, "due_at": now + 2 * LEASE, "updated_at": now}
        self._email = structs.replace(self._email, **(renewed | changes))

        def work(transaction: Transaction) -> None:
            document = transaction.get(self._emails.path(self._email.id))
            if document is None:
                raise _TakenOver
            held = self._emails.read(document)
            self._check_ours(held.record)
            transaction.write(self._emails.replacing(self._email.id, held, self._email))

        self._world.documents.transaction(work)

    def _check_ours(self, stored: Email) -> None:
        if stored.fence != self._email.fence:
            raise _TakenOver


def _outgoing(world: World, email: Email, mailbox: Mailbox) -> OutgoingMail:
    answered = records.messages(world.documents, email.team_id).find(email.in_reply_to)
    outgoing = OutgoingMail(
        mark=email.id,
        sender=Address(mailbox.address, mailbox.name),
        to=email.to,
        cc=email.cc,
        bcc=email.bcc,
        subject=email.subject,
        html=email.html,
        text=email.text,
    )
    return _answering(outgoing, answered.record, mailbox) if answered else outgoing


def _answering(outgoing: OutgoingMail, message: Message, mailbox: Mailbox) -> OutgoingMail:
    """An answer to a message in a colleague's mailbox refers to it, but cannot join its thread: a
    thread id belongs to one mailbox."""
    envelope = message.envelope
    own_id = (envelope.message_id,) if envelope.message_id else ()
    return structs.replace(
        outgoing,
        in_reply_to=envelope.message_id,
        references=envelope.references + own_id,
        thread_id=envelope.thread_id if message.mailbox_id == mailbox.id else "",
    )
