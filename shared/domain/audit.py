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
    VISIBILITY_CHANGED = "visibility_changed"
    THREAD_CHANGED = "thread_changed"
    FIRST_SHOWN = "first_shown"
    """Its mail stands on a contact's timeline for the first time."""
    EMAIL_CHANGED = "email_changed"
    """By somebody who did not write it."""
    EMAIL_SENT = "email_sent"
    """Likewise."""


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
    client_id: str = ""
    """The program that somebody did it with, as the token's issuer names it."""
    message_id: str = ""
    """Which mail was read."""
    contact_id: str = ""
    email_id: str = ""
    thread_id: str = ""
    at: datetime
    expires_at: datetime
    """`at` and KEPT; the store may delete the entry from then on."""
