"""Google: OAuth and Gmail."""

from collections.abc import Sequence

from shared.config import Settings
from shared.domain.mailboxes import Capability
from shared.ports.providers import MailProvider, TokenSource
from shared.providers.google.oauth import CAPABILITIES, SCOPES, GoogleOAuth, same_scope
from shared.providers.http import Http


class Google:
    """`ports.Provider`. Connections are shared by all its mailboxes."""

    name = "google"

    def __init__(self, settings: Settings) -> None:
        self._units_per_get = settings.gmail_units_per_get
        self.gmail = Http(settings.gmail_url)
        self.accounts = Http(settings.google_oauth_url)
        self.oauth = GoogleOAuth(settings, self.accounts, self.gmail)

    def missing_scopes(self, granted: Sequence[str]) -> tuple[str, ...]:
        have = set(map(same_scope, granted))
        return tuple(scope for scope in SCOPES if scope not in have)

    def scopes_for(self, capability: Capability) -> tuple[str, ...]:
        return CAPABILITIES[capability]

    def mail(self, tokens: TokenSource) -> MailProvider:
        from shared.providers.google.mail import Gmail

        return Gmail(self.gmail, tokens, self._units_per_get)


def provider(settings: Settings) -> Google:
    return Google(settings)
