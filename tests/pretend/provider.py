"""Pretend Mail as a provider, without behaviour."""

from collections.abc import Sequence

from shared.config import Settings
from shared.domain.mailboxes import Capability
from shared.ports.providers import MailProvider, OAuth, TokenSource
from tests.pretend.declaration import DECLARATION, PretendSettings


class Pretend:
    name = "pretend"
    declaration = DECLARATION
    oauth: OAuth

    def __init__(self, settings: Settings) -> None:
        self.page = settings.of(PretendSettings).pretend_page

    def missing_scopes(self, granted: Sequence[str]) -> tuple[str, ...]:
        return tuple(scope for scope in DECLARATION.scopes if scope not in granted)

    def lacking(self, capability: Capability, granted: Sequence[str]) -> tuple[str, ...]:
        return tuple(scope for scope in self.scopes_for(capability) if scope not in granted)

    def box(self, scope: str) -> str:
        return scope

    def scopes_for(self, capability: Capability) -> tuple[str, ...]:
        return DECLARATION.capabilities[capability]

    def mail(self, tokens: TokenSource) -> MailProvider:
        raise NotImplementedError


def provider(settings: Settings) -> Pretend:
    return Pretend(settings)
