"""What is kept of live tokens: never in the clear."""

from datetime import datetime

from msgspec import Struct


class CachedToken(Struct, kw_only=True):
    """The access token of one mailbox, sealed, and the lease under which it is refreshed."""

    sealed: str = ""
    """The token and how long it is good; "" when there is none."""
    rotated: str = ""
    """The newest refresh token, sealed, while it is newer than the mailbox's secret; "" otherwise."""
    holder: str = ""
    """Who refreshes it just now: a random id, so that no two leases are ever mistaken for each other."""
    lease_until: datetime | None = None


class UsedState(Struct, kw_only=True):
    """An OAuth state that came back: it works once."""

    expires_at: datetime
