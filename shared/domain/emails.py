"""Outgoing mail: its states, and the steps that make sending it twice impossible.

draft → queued → sending → sent | failed | unknown;  draft, queued → cancelled.

`unknown` is the honest end of an ambiguous send: the provider may have sent it, we cannot prove
either, so nobody sends it again without a person deciding.
"""

from datetime import datetime, timedelta
from enum import Enum

from msgspec import Struct, field, structs

from shared.domain import ids
from shared.domain.leases import Leasable, Lease
from shared.domain.mail import Address


class EmailStatus(Enum):
    DRAFT = "draft"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class Step(Enum):
    """How far the current delivery went. Each is stored before the provider is asked for the next."""

    NOTHING = "nothing"
    PREPARING = "preparing"
    """The provider may hold a prepared mail whose handle we never got."""
    PREPARED = "prepared"
    """The handle is stored; nothing has been dispatched."""
    DISPATCHING = "dispatching"
    """The provider may have sent it."""
    ACCEPTED = "accepted"
    """The provider said it took it; its ids are still to be read back."""


class Attempt(Struct, kw_only=True):
    """One try of delivering, for people who ask what happened."""

    at: datetime
    outcome: str = ""
    """sent, or the error's reason; "" while it runs or if it was cut off."""
    detail: str = ""


class Email(Leasable, kw_only=True):
    id: str
    team_id: str
    user_id: str
    mailbox_id: str
    status: EmailStatus
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    subject: str = ""
    html: str = ""
    text: str = ""
    in_reply_to: str = ""
    """Our message id that this answers, "" for a new conversation."""
    answers: str = ""
    """Our id of the conversation in its own mailbox that it answers, "" for none."""
    revision: int = 0
    """How many events told of it."""
    changed_by: tuple[str, ...] = ()
    """Who else changed, sent or cancelled it."""
    request_hash: str = ""
    """Digest of the request that made it: the same Idempotency-Key with another body is refused."""
    step: Step = Step.NOTHING
    handle: str = ""
    """The provider's name of the prepared mail (Gmail: the draft id)."""
    provider_sent_id: str = field(default="", name="sent_ref")
    """The provider's id of the sent mail, as its answer to dispatching named it."""
    due_at: datetime | None = None
    """When somebody must look after it if no task did; None when nothing is left to do."""
    holder: str = ""
    lease_until: datetime | None = None
    fence: int = 0
    dispatched_at: datetime | None = None
    """When it may first have left; None while nothing was dispatched."""
    stray: bool = False
    """The provider may hold another prepared mail of ours, whose answer got lost: to be looked for later
    and discarded."""
    lookups: int = field(default=0, name="looked")
    """How many times the provider could not say yet what became of it."""
    attempts: tuple[Attempt, ...] = ()
    failure: str = ""
    failure_reason: str = ""
    provider_message_id: str = ""
    rfc_message_id: str = ""
    thread_id: str = ""
    message_id: str = ""
    """Our message once sent."""
    created_at: datetime
    updated_at: datetime
    sent_at: datetime | None = None

    @property
    def lies_in(self) -> str:
        """Our id of the conversation in which it lies, or will once it is sent; "" for a new one."""
        sent = self.thread_id and ids.derived("thread", self.mailbox_id, self.thread_id)
        return sent or self.answers

    @property
    def lease(self) -> Lease:
        """The right to deliver it."""
        return Lease(holder=self.holder, fence=self.fence, until=self.lease_until)

    def with_lease(self, lease: Lease) -> "Email":
        return structs.replace(
            self, holder=lease.holder, fence=lease.fence, lease_until=lease.until
        )


MAX_ATTEMPTS_KEPT = 20
MAX_LOOKS = 8


def may_have_left(email: Email) -> bool:
    """Whether the provider was ever asked to send it, as far as it matters: a refusal takes that back."""
    return email.step in {Step.DISPATCHING, Step.ACCEPTED}


STRAY_AFTER = timedelta(minutes=10)
"""A request whose answer got lost has had its effect by then, if it ever has one."""


def look_again_after(lookups: int) -> timedelta:
    """Sent mail shows up within seconds, rarely minutes: 2 s, 4 s … 4 min, about 8 min in all."""
    return timedelta(seconds=2**lookups)


def wait_after(waits: int) -> timedelta:
    """A provider's sending limit may last for hours: 1 min, 2 min … at most an hour."""
    return timedelta(minutes=min(2**waits, 60))
