"""What there is to set for Google, what each use takes of it, and how one signs in."""

from typing import Annotated

from msgspec import Meta

from shared.config import Count, Group, Secret, Url
from shared.ports.declarations import Declaration, Use, Variable
from shared.providers.google.scopes import CAPABILITIES, SCOPES


class GoogleSettings(Group, frozen=True, kw_only=True):
    google_client_id: Annotated[str, Meta(description="the OAuth client at Google")] = ""
    google_client_secret: Secret = ""
    google_accounts_url: Annotated[Url, Meta(description="consent")] = "https://accounts.google.com"
    google_oauth_url: Annotated[Url, Meta(description="tokens and revocation")] = (
        "https://oauth2.googleapis.com"
    )
    gmail_url: Annotated[Url, Meta(description="any server that speaks Gmail's API")] = (
        "https://gmail.googleapis.com"
    )
    calendar_url: Annotated[Url, Meta(description="likewise for Google Calendar")] = (
        "https://www.googleapis.com"
    )
    gmail_units_per_get: Annotated[Count, Meta(description="quota units of one message")] = 20
    """Of messages.get: 20 for projects made since 2026-05-01, 5 for older ones."""


_CLIENT = ("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET")
_TOKENS = (*_CLIENT, "GOOGLE_OAUTH_URL")

DECLARATION = Declaration(
    name="google",
    title="Google",
    settings=GoogleSettings,
    client=_CLIENT,
    uses={
        Use.CONSENT: ("GOOGLE_CLIENT_ID", "GOOGLE_ACCOUNTS_URL"),
        # Its id token names the consent's server as issuer; Gmail is asked when there is none.
        Use.SIGN_IN: (*_TOKENS, "GOOGLE_ACCOUNTS_URL", "GMAIL_URL"),
        Use.TOKENS: _TOKENS,
        Use.MAIL: ("GMAIL_URL", "GMAIL_UNITS_PER_GET"),
        Use.CALENDAR: ("CALENDAR_URL",),
    },
    scopes=SCOPES,
    capabilities=CAPABILITIES,
    variables={
        "client_id": Variable(
            "GOOGLE_CLIENT_ID",
            pattern=r"\.apps\.googleusercontent\.com$",
            must="must end in .apps.googleusercontent.com: copy it from Google Auth Platform, Clients",
        )
    },
    apis=("calendar-json", "gmail"),
    redirects_at="https://console.cloud.google.com/auth/clients: your client, Authorised redirect URIs",
)
