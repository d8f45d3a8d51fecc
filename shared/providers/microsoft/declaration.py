"""What there is to set for Microsoft 365, what each use takes of it, and how one signs in."""

from typing import Annotated

from msgspec import Meta

from shared.config import Group, Secret, Url
from shared.ports.declarations import Declaration, Use, Variable
from shared.providers.microsoft.scopes import CAPABILITIES, SCOPES


class MicrosoftSettings(Group, frozen=True, kw_only=True):
    microsoft_client_id: Annotated[str, Meta(description="the app registration at Microsoft")] = ""
    microsoft_client_secret: Secret = ""
    microsoft_tenant: Annotated[str, Meta(description="whose accounts may sign in")] = "common"
    microsoft_login_url: Annotated[Url, Meta(description="consent and tokens")] = (
        "https://login.microsoftonline.com"
    )
    graph_url: Annotated[Url, Meta(description="Microsoft Graph")] = "https://graph.microsoft.com"


_CLIENT = ("MICROSOFT_CLIENT_ID", "MICROSOFT_CLIENT_SECRET")
_TOKENS = (*_CLIENT, "MICROSOFT_TENANT", "MICROSOFT_LOGIN_URL")

DECLARATION = Declaration(
    name="microsoft",
    title="Microsoft",
    settings=MicrosoftSettings,
    client=_CLIENT,
    uses={
        Use.CONSENT: ("MICROSOFT_CLIENT_ID", "MICROSOFT_TENANT", "MICROSOFT_LOGIN_URL"),
        Use.SIGN_IN: (*_TOKENS, "GRAPH_URL"),
        Use.TOKENS: _TOKENS,
        Use.MAIL: ("GRAPH_URL",),
        Use.CALENDAR: ("GRAPH_URL",),
    },
    scopes=SCOPES,
    capabilities=CAPABILITIES,
    variables={
        "client_id": Variable(
            "MICROSOFT_CLIENT_ID",
            pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
            must="must be the Application (client) ID of the app registration, a UUID in lower case",
        ),
        "tenant": Variable(
            "MICROSOFT_TENANT",
            pattern="^[A-Za-z0-9.-]+$",
            must="must be a tenant's id or domain, or one of common, organizations, consumers",
            optional=True,
        ),
    },
    redirects_at=(
        "https://entra.microsoft.com: App registrations, yours, Authentication, Web, Redirect URIs"
    ),
)
