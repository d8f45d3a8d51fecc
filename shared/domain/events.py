"""What happened, told to the outside: one thin event a change, written with the change itself.

An event names kinds, states, reasons and ids. No address, name, subject line, text or sentence of a
vendor is in it: whoever wants those reads the thing itself, through the gate. To the outside it is a
CloudEvent (https://github.com/cloudevents/spec, 1.0) whose `sequence` is the revision that its subject
had after the change.
"""

from datetime import datetime, timedelta
from enum import Enum

from msgspec import Struct, field

KEPT = timedelta(days=30)
STORED = KEPT + timedelta(days=1)
"""Longer than is promised: whoever asks for what is gone is told so, and misses nothing in silence."""
OVERLAP = timedelta(seconds=30)
"""How long after an event's time others with an earlier one may still appear: a commit takes up to 15 s,
and clocks differ. See ports.documents.Write.stamped."""


class EventType(Enum):
    MAILBOX_CONNECTED = "mailbox.connected"
    MAILBOX_STATE_CHANGED = "mailbox.state_changed"
    MAILBOX_VISIBILITY_CHANGED = "mailbox.visibility_changed"
    """Colleagues see more or less of all its mail, from now on and of what is there."""
    MAILBOX_DISCONNECTED = "mailbox.disconnected"
    MAILBOX_ERASED = "mailbox.erased"
    """Its mail, its lines on timelines and its emails are gone. Nothing else tells of each."""
    TEAM_VISIBILITY_CHANGED = "team.visibility_changed"
    """Of all its mailboxes at once: what they show at most, or who is a colleague and no contact."""
    THREAD_VISIBILITY_CHANGED = "thread.visibility_changed"
    EMAIL_QUEUED = "email.queued"
    EMAIL_SENT = "email.sent"
    EMAIL_FAILED = "email.failed"
    EMAIL_UNKNOWN = "email.unknown"
    EMAIL_CANCELLED = "email.cancelled"
    EMAIL_BOUNCED = "email.bounced"
    ACTIVITY_CREATED = "activity.created"
    ACTIVITY_CHANGED = "activity.changed"
    ACTIVITY_REMOVED = "activity.removed"
    CONTACT_CHANGED = "contact.changed"
    IMPORT_PROGRESS = "import.progress"
    """At its start and its end, and now and then in between."""
    DESTINATION_DISABLED = "destination.disabled"
    """Nothing is sent there any more: its endpoint is gone, or was down for days."""
    DESTINATION_TEST = "destination.test"
    """Sent to a destination when its admin asks for it; kept nowhere."""


class Audience(Struct, kw_only=True):
    """Whom an event concerns; never published. Judged by what holds when somebody reads it."""

    copies: dict[str, str] = field(default_factory=dict)
    """Mailbox → our id of the thread in it that the event is about, "" for the mailbox as such. Of a line
    of a timeline: the copies that are new with it."""
    before: dict[str, str] = field(default_factory=dict)
    """Of a line: the copies that it had already. To whoever sees none of those it is new."""
    author_id: str = ""
    authored: str = ""
    """Of a line: the mailbox with the copy that the author wrote through us."""
    contact_id: str = ""
    everybody: bool = False
    """All of the team, who may have seen what it is about before they ceased to."""


class Event(Struct, kw_only=True):
    id: str
    team_id: str
    type: str
    """An EventType, or one of a newer release."""
    subject: str
    """The path of the thing: /emails/{id}."""
    sequence: int
    data: dict[str, str] = field(default_factory=dict)
    audience: Audience = field(default_factory=Audience)
    at: datetime | None = None
    """By the store's clock."""
    expires_at: datetime
    """By ours: about `at` and KEPT."""


class Position(Struct, frozen=True):
    """Where a reader of the log is: everything up to `at` and `id` is done with, and of what is younger that
    of `had`, the beginnings of ids."""

    at: datetime
    id: str = ""
    had: tuple[str, ...] = ()
