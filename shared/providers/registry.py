"""Every provider we have, by name. A new one is one more line here and one more folder."""

from importlib import import_module

from shared.config import Settings
from shared.domain.errors import InvalidRequest
from shared.ports.providers import Provider

PROVIDERS = {
    "google": "shared.providers.google",
    "microsoft": "shared.providers.microsoft",
}
"""Name → a module with `provider(settings) -> Provider`, imported when first asked for."""


class Registry:
    """`ports.Providers` over PROVIDERS. A provider is made once and kept, with its connections."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: dict[str, Provider] = {}

    def get(self, name: str) -> Provider:
        if name not in PROVIDERS:
            have = ", ".join(PROVIDERS)
            raise InvalidRequest.field("/provider", f"must be one of: {have}")
        if name not in self._made:
            made: Provider = import_module(PROVIDERS[name]).provider(self._settings)
            self._made.setdefault(name, made)
        return self._made[name]
