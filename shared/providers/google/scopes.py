"""What we ask Google for, and what each capability needs of it."""

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
    # Drafts are made and sent with compose; gmail.send alone reaches only messages.send.
    Capability.READ: (GMAIL_READONLY,),
    Capability.SEND: (GMAIL_COMPOSE,),
    Capability.CALENDAR: (CALENDAR_EVENTS, CALENDAR_READONLY),
}


def same_scope(scope: str) -> str:
    """A granted scope by the name we ask with: Google answers "email" with a URL of its own."""
    return "email" if scope == _AUTH + "userinfo.email" else scope
