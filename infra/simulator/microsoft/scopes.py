"""The permissions a consent can be asked for, in the words of Microsoft's consent page."""

RESOURCE = "https://graph.microsoft.com/"
SIGN_IN = {
    "openid": "Sign you in",
    "profile": "View your basic profile",
    "email": "View your email address",
    "offline_access": "Maintain access to data you have given it access to",
}
KNOWN = SIGN_IN | {
    "User.Read": "Sign you in and read your profile",
    "Mail.ReadBasic": "Read your basic mail",
    "Mail.Read": "Read your mail",
    "Mail.ReadWrite": "Read and write access to your mail",
    "Mail.Send": "Send mail as you",
    "MailboxSettings.Read": "Read your mailbox settings",
    "Calendars.Read": "Read your calendars",
    "Calendars.ReadWrite": "Have full access to your calendars",
    "OnlineMeetings.ReadWrite": "Read and create your online meetings",
}
_SPELT = {name.lower(): name for name in KNOWN}
DEFAULT = RESOURCE + ".default"


def read(text: str) -> list[str]:
    """The scopes of a request in Graph's own short spelling, each once. They may be unknown."""
    return list(dict.fromkeys(_short(scope) for scope in text.split()))


def _short(scope: str) -> str:
    name = scope.removeprefix(RESOURCE) if scope != DEFAULT else scope
    return _SPELT.get(name.lower(), name)


def answered(granted: tuple[str, ...], asked: str) -> str:
    """The `scope` of a token answer: all that was granted, never offline_access.

    Graph's are spelt with the resource before them where the request spelt them so.
    """
    prefix = RESOURCE if RESOURCE in asked else ""
    shown = [s if s in SIGN_IN else prefix + s for s in granted if s != "offline_access"]
    return " ".join(shown)
