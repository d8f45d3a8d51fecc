"""Every provider we have, by name. A new one is one more line here and one more folder."""

from importlib import import_module

from shared.config import Settings
from shared.domain.errors import InvalidRequest
from shared.ports.declarations import Declaration
from shared.ports.providers import Provider

PROVIDERS = {
    "google": "shared.providers.google",
    "microsoft": "shared.providers.microsoft",
}
"""Name → a package of two modules: `declaration` with a DECLARATION, which imports nothing heavy, and
`provider` with `provider(settings) -> Provider`, imported when first asked for."""


def declarations() -> dict[str, Declaration]:
    """What each says of itself, by name."""
    return {name: _declaration(package) for name, package in PROVIDERS.items()}


def _declaration(package: str) -> Declaration:
    found: Declaration = import_module(f"{package}.declaration").DECLARATION
    return found


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
            module = import_module(f"{PROVIDERS[name]}.provider")
            made: Provider = module.provider(self._settings)
            self._made.setdefault(name, made)
        return self._made[name]
