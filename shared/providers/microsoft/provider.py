"""Microsoft 365: OAuth and mail over Graph."""

from collections.abc import Sequence

from shared.config import Settings
from shared.domain.mailboxes import Account, Capability
from shared.ports.providers import MailProvider, TokenSource
from shared.providers.http import Http
from shared.providers.microsoft.declaration import DECLARATION, MicrosoftSettings
from shared.providers.microsoft.oauth import MicrosoftOAuth
from shared.providers.microsoft.scopes import BOXES, CAPABILITIES, SCOPES, same_scope


class Microsoft:
    """`ports.Provider`. Connections are shared by all its mailboxes."""

    name = DECLARATION.name
    declaration = DECLARATION

    def __init__(self, settings: Settings) -> None:
        own = settings.of(MicrosoftSettings)
        self.graph = Http(own.graph_url)
        self.login = Http(own.microsoft_login_url)
        self.oauth = MicrosoftOAuth(own, self.login, self.graph)

    def missing_scopes(self, granted: Sequence[str]) -> tuple[str, ...]:
        have = set(map(same_scope, granted))
        return tuple(scope for scope in SCOPES if scope not in have)

    def scopes_for(self, capability: Capability) -> tuple[str, ...]:
        return CAPABILITIES[capability]

    def lacking(self, capability: Capability, granted: Sequence[str]) -> tuple[str, ...]:
        missing = self.missing_scopes(granted)
        return tuple(scope for scope in CAPABILITIES[capability] if scope in missing)

    def box(self, scope: str) -> str:
        return BOXES.get(scope, scope)

    def mail(self, account: Account, tokens: TokenSource) -> MailProvider:  # noqa: ARG002
        from shared.providers.microsoft.mail import Outlook

        return Outlook(self.graph, tokens)


def provider(settings: Settings) -> Microsoft:
    return Microsoft(settings)
