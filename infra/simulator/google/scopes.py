"""The scopes a consent can be asked for, in the words of Google's consent page."""

from collections.abc import Iterable

SIGN_IN = {
    "openid": "Associate you with your personal info on Google",
    "https://www.googleapis.com/auth/userinfo.email": "See your primary Google Account email address",
    "https://www.googleapis.com/auth/userinfo.profile": "See your personal info, including any personal "
    "info you've made publicly available",
}
"""Granted with the account itself: the page has no tick box for them."""
ALIASES = {
    "email": "https://www.googleapis.com/auth/userinfo.email",
    "profile": "https://www.googleapis.com/auth/userinfo.profile",
}
FULL = "https://mail.google.com/"
READONLY = "https://www.googleapis.com/auth/gmail.readonly"
COMPOSE = "https://www.googleapis.com/auth/gmail.compose"
SEND = "https://www.googleapis.com/auth/gmail.send"
MODIFY = "https://www.googleapis.com/auth/gmail.modify"
LABELS = "https://www.googleapis.com/auth/gmail.labels"
_CALENDAR = "https://www.googleapis.com/auth/calendar"
TICKED = {
    FULL: "Read, compose, send, and permanently delete all your email from Gmail",
    READONLY: "View your email messages and settings",
    COMPOSE: "Manage drafts and send emails",
    SEND: "Send email on your behalf",
    MODIFY: "Read, compose, and send emails from your Gmail account",
    LABELS: "See and edit your email labels",
    _CALENDAR: "See, edit, share, and permanently delete all the calendars you can access using "
    "Google Calendar",
    f"{_CALENDAR}.readonly": "See and download any calendar you can access using your Google Calendar",
    f"{_CALENDAR}.events": "View and edit events on all your calendars",
    f"{_CALENDAR}.events.readonly": "View events on all your calendars",
    f"{_CALENDAR}.freebusy": "View your availability in your calendars",
}
"""What a user may tick or not."""
KNOWN = SIGN_IN | TICKED


def read(text: str) -> list[str]:
    """The scopes of a request, aliases in their long form, each once. They may be unknown."""
    return list(dict.fromkeys(ALIASES.get(scope, scope) for scope in text.split()))


def written(given: Iterable[str]) -> list[str]:
    """As a redirect names them: what has an alias also by that, which goes first."""
    short = {long: alias for alias, long in ALIASES.items()}
    given = list(given)
    return [short[scope] for scope in given if scope in short] + given
