"""What we ask Microsoft for. None of it lets us change or delete mail: Mail.ReadWrite is not ours."""

from shared.domain.mailboxes import Capability

USER_READ = "User.Read"
MAIL_READ = "Mail.Read"
MAIL_SEND = "Mail.Send"
CALENDARS = "Calendars.ReadWrite"
SCOPES = (USER_READ, MAIL_READ, MAIL_SEND, CALENDARS)
"""offline_access, openid and profile are added by msal, which refuses to be given them."""
CAPABILITIES = {
    Capability.READ: (MAIL_READ,),
    Capability.SEND: (MAIL_SEND,),
    Capability.CALENDAR: (CALENDARS,),
}
BOXES = {
    USER_READ: "Sign you in and read your profile",
    MAIL_READ: "Read your mail",
    MAIL_SEND: "Send mail as you",
    CALENDARS: "Have full access to your calendars",
}
"""As the consent page puts them."""
RESOURCE = "https://graph.microsoft.com/"
GRANTED = RESOURCE + ".default"
"""Asks a refresh for whatever was granted: naming a scope that its user unticked would fail it all."""
_OURS = {scope.lower(): scope for scope in SCOPES}


def same_scope(scope: str) -> str:
    """A granted scope by the name we ask with: answers use either form, in any case of letters."""
    short = scope.lower().removeprefix(RESOURCE)
    return _OURS.get(short, short)
