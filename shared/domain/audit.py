"""Who did what with a mailbox: one entry an event, kept for a year."""

from datetime import datetime, timedelta
from enum import Enum

from msgspec import Struct

KEPT = timedelta(days=365)


class AuditEvent(Enum):
    CONNECTED = "connected"
    RECONNECTED = "reconnected"
    DISCONNECTED = "disconnected"
    HISTORY_ERASED = "history_erased"
    REFRESHED = "token_refreshed"
    REFRESH_FAILED = "token_failed"
    SHARING_CHANGED = "sharing_changed"
    MAIL_READ = "mail_read"


class AuditEntry(Struct, kw_only=True):
    id: str
    mailbox_id: str
    event: AuditEvent
    user_id: str = ""
    """Who did it; "" when Mailbridge did it by itself."""
    detail: str = ""
    """What happened, in a sentence; never content of mail, never a token."""
    reason: str = ""
    """The provider's or our own code for a failure."""
    message_id: str = ""
    """Which mail was read."""
    at: datetime
    expires_at: datetime
    """`at` and KEPT; the store may delete the entry from then on."""
