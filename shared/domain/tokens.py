"""What is kept of live tokens: never in the clear."""

from datetime import datetime, timedelta

from msgspec import Struct, structs

from shared.domain.errors import (
    AdminApprovalNeeded,
    ConfigurationError,
    GrantRevoked,
    MailboxUnavailable,
    MailbridgeError,
    Party,
    ProviderRejected,
    ProviderUnavailable,
    RateLimited,
)
from shared.domain.leases import Leasable, Lease

_KINDS: dict[str, type[MailbridgeError]] = {
    kind.__name__: kind
    for kind in (
        AdminApprovalNeeded,
        ConfigurationError,
        GrantRevoked,
        MailboxUnavailable,
        ProviderRejected,
        ProviderUnavailable,
    )
}
FIRST_COOLDOWN, LONGEST_COOLDOWN = timedelta(seconds=5), timedelta(minutes=5)
LONGEST_WAIT = timedelta(hours=1)
LONGEST_REST = timedelta(minutes=30)


class Failure(Struct, kw_only=True):
    """How the last refresh ended, while the provider is not to be asked again."""

    kind: str
    """The error's name in the tree."""
    detail: str
    reason: str = ""
    who_acts: Party = Party.NOBODY
    count: int = 1
    """Failures in a row, this one included."""
    until: datetime

    def error(self, now: datetime) -> MailbridgeError:
        """The same error again, for those who come too early."""
        if kind := _KINDS.get(self.kind):
            return kind(self.detail, reason=self.reason, who_acts=self.who_acts)
        wait = (self.until - now).total_seconds()
        return RateLimited(
            self.detail, retry_after=wait, reason=self.reason, who_acts=self.who_acts
        )


def failure(error: MailbridgeError, *, before: Failure | None, now: datetime) -> Failure:
    """5 s, 10 s … 5 min, or as long as the provider asks for, up to an hour."""
    count = before.count + 1 if before else 1
    wait = min(FIRST_COOLDOWN * 2 ** min(count - 1, 10), LONGEST_COOLDOWN)
    if isinstance(error, RateLimited) and error.retry_after is not None:
        wait = min(max(wait, timedelta(seconds=error.retry_after)), LONGEST_WAIT)
    return Failure(
        kind=type(error).__name__,
        detail=error.detail,
        reason=error.reason,
        who_acts=error.who_acts,
        count=count,
        until=now + wait,
    )


class CachedToken(Leasable, kw_only=True):
    """The access token of one mailbox, sealed, and the lease under which it is refreshed."""

    sealed: str = ""
    """The token and how long it is good; "" when there is none."""
    rotated: str = ""
    """The newest refresh token, sealed, while it is newer than the mailbox's secret; "" otherwise."""
    holder: str = ""
    fence: int = 0
    lease_until: datetime | None = None
    failure: Failure | None = None
    """None after a success."""
    refreshed_at: datetime | None = None
    refusals: int = 0
    """Refreshes in a row that were made because the token before, though fresh, was refused."""

    @property
    def rests_until(self) -> datetime | None:
        """A fresh token that is refused is replaced once; another one only after a pause, as after a
        failed refresh: it would be refused too."""
        if self.refreshed_at is None or not self.refusals:
            return None
        rest: timedelta = min(FIRST_COOLDOWN * 2 ** min(self.refusals - 1, 10), LONGEST_REST)
        return self.refreshed_at + rest

    def refused_again(self, now: datetime) -> int:
        """What `refusals` becomes when the token is replaced now because it was refused."""
        fresh = self.refreshed_at is not None and now - self.refreshed_at <= 2 * LONGEST_REST
        return self.refusals + 1 if fresh else 1

    @property
    def lease(self) -> Lease:
        """The right to refresh it."""
        return Lease(holder=self.holder, fence=self.fence, until=self.lease_until)

    def with_lease(self, lease: Lease) -> "CachedToken":
        return structs.replace(
            self, holder=lease.holder, fence=lease.fence, lease_until=lease.until
        )


class UsedState(Struct, kw_only=True):
    """An OAuth state that came back: it works once."""

    expires_at: datetime
