"""Google as a provider: OAuth and Gmail."""

from collections.abc import Sequence

from shared.config import Settings
from shared.domain.mailboxes import Account, Capability
from shared.ports.providers import MailProvider, TokenSource
from shared.providers.google.declaration import DECLARATION, GoogleSettings
from shared.providers.google.oauth import GoogleOAuth
from shared.providers.google.scopes import BOXES, CAPABILITIES, SCOPES, lacking, same_scope
from shared.providers.http import Http


class Google:
    """`ports.Provider`. Connections are shared by all its mailboxes."""

    name = DECLARATION.name
    declaration = DECLARATION

    def __init__(self, settings: Settings) -> None:
        own = settings.of(GoogleSettings)
        self._units_per_get = own.gmail_units_per_get
        self.gmail = Http(own.gmail_url)
        self.accounts = Http(own.google_oauth_url)
        self.oauth = GoogleOAuth(own, self.accounts, self.gmail)

    def missing_scopes(self, granted: Sequence[str]) -> tuple[str, ...]:
        have = set(map(same_scope, granted))
        return tuple(scope for scope in SCOPES if scope not in have)

    def scopes_for(self, capability: Capability) -> tuple[str, ...]:
        return CAPABILITIES[capability]

    def lacking(self, capability: Capability, granted: Sequence[str]) -> tuple[str, ...]:
        return lacking(capability, granted)

    def box(self, scope: str) -> str:
        return BOXES.get(scope, scope)

    def mail(self, account: Account, tokens: TokenSource) -> MailProvider:  # noqa: ARG002
        from shared.providers.google.mail import Gmail

        return Gmail(self.gmail, tokens, self._units_per_get)


def provider(settings: Settings) -> Google:
    return Google(settings)
