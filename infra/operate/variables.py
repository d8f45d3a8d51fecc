"""An environment's .tfvars, as far as it can be judged before anything is deployed."""

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from infra.operate import hcl
from infra.sizes import Override
from shared.config import function_url
from shared.domain.errors import ConfigurationError
from shared.ports.declarations import Declaration
from shared.providers.registry import declarations

DEFAULT_REGION, DEFAULT_DEPLOYMENT = "europe-west1", "mailbridge"
"""As terraform/variables.tf has them."""


class Auth(Struct, frozen=True):
    issuer: str = ""
    audience: str = ""
    jwks_url: str = ""


class Variables(Struct, frozen=True):
    """Those that the doctor looks at. What is not set is as variables.tf says, or missing."""

    project: str = ""
    region: str = DEFAULT_REGION
    deployment: str = DEFAULT_DEPLOYMENT
    mail_providers: dict[str, dict[str, str]] = {}
    """What each connected one is told, by its name."""
    auth: Auth = field(default_factory=Auth)
    public_url: str | None = None
    load_balancer: bool = False
    """At `public_url`, and the only way to the functions for users."""
    overrides: dict[str, Override] = {}
    """Other sizes than the map's, by function."""
    given: frozenset[str] = frozenset()
    """The names of all that are set."""

    def function_url(self, function: str) -> str:
        """Where Google puts it."""
        prefix = "" if self.deployment == DEFAULT_DEPLOYMENT else f"{self.deployment}-"
        return f"https://{self.region}-{self.project}.cloudfunctions.net/{prefix}{function}"

    @property
    def redirect_uri(self) -> str:
        if not self.public_url:
            return self.function_url("oauth_callback")
        return function_url(self.public_url, "oauth_callback")

    @property
    def client_secrets(self) -> list[str]:
        """The ids of the secrets that hold the OAuth clients' own."""
        return [
            f"{self.deployment}-{secret.lower().replace('_', '-')}"
            for provider in self.providers
            for secret in provider.secrets
        ]

    @property
    def providers(self) -> list[Declaration]:
        """Those that are connected."""
        return [one for name, one in declarations().items() if name in self.mail_providers]

    @property
    def missing(self) -> list[str]:
        """What it cannot do without."""
        needed: dict[str, Any] = {
            "project": self.project,
            "mail_providers": self.mail_providers,
            "auth.issuer": self.auth.issuer,
            "auth.audience": self.auth.audience,
            "auth.jwks_url": self.auth.jwks_url,
        }
        return [name for name, value in needed.items() if not value]


def read(path: Path) -> Variables:
    """Raises ConfigurationError saying what is wrong."""
    values = hcl.read(path)
    try:
        return msgspec.convert({**values, "given": [*values]}, Variables)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{path.name}: {error}") from error
