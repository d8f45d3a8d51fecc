"""What we ask Google for, and what each capability needs of it."""

from collections.abc import Sequence

from shared.domain.mailboxes import Capability

_AUTH = "https://www.googleapis.com/auth/"
GMAIL_COMPOSE = _AUTH + "gmail.compose"
GMAIL_SEND = _AUTH + "gmail.send"
GMAIL_READONLY = _AUTH + "gmail.readonly"
CALENDAR_EVENTS = _AUTH + "calendar.events"
CALENDAR_READONLY = _AUTH + "calendar.readonly"
SCOPES = (
    "openid",
    "email",
    GMAIL_COMPOSE,
    GMAIL_SEND,
    GMAIL_READONLY,
    CALENDAR_EVENTS,
    CALENDAR_READONLY,
)
CAPABILITIES = {
    # Drafts are made and sent with compose; gmail.send alone reaches only messages.send, see INSTEAD.
    Capability.READ: (GMAIL_READONLY,),
    Capability.SEND: (GMAIL_COMPOSE,),
    Capability.CALENDAR: (CALENDAR_EVENTS, CALENDAR_READONLY),
}


def same_scope(scope: str) -> str:
    """A granted scope by the name we ask with: Google answers "email" with a URL of its own."""
    return "email" if scope == _AUTH + "userinfo.email" else scope


INSTEAD = {GMAIL_COMPOSE: GMAIL_SEND}
"""What does as well, if worse: without drafts, a mail whose answer got lost may have to end as unknown."""
BOXES = {
    GMAIL_COMPOSE: "Manage drafts and send emails",
    GMAIL_SEND: "Send email on your behalf",
    GMAIL_READONLY: "View your email messages and settings",
    CALENDAR_EVENTS: "View and edit events on all your calendars",
    CALENDAR_READONLY: "See and download any calendar you can access using your Google Calendar",
}
"""As the consent page puts them."""


def lacking(capability: Capability, granted: Sequence[str]) -> tuple[str, ...]:
    have = set(map(same_scope, granted))
    return tuple(
        scope
        for scope in CAPABILITIES[capability]
        if scope not in have and INSTEAD.get(scope) not in have
    )
