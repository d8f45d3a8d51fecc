"""What a provider says of itself before anything of it is made: data alone, cheap to import.

Terraform (through terraform/providers.yaml), the local stack, `make doctor` and the registry read it.
"""

from collections.abc import Mapping
from enum import Enum

from msgspec import Struct

from shared.config import Group, Setting, declared
from shared.domain.mailboxes import Capability


class SignIn(Enum):
    """How a user connects an account."""

    OAUTH = "oauth"
    PASSWORD = "password"  # noqa: S105  # the word, not one


class Use(Enum):
    """What a function wants of the providers, as functions.yaml says it."""

    CONSENT = "consent"
    """Begin one: who we are, and where users are sent."""
    SIGN_IN = "sign_in"
    """End one: trade what came back for tokens, and ask whose account it is."""
    TOKENS = "tokens"
    """Refresh and revoke."""
    MAIL = "mail"
    CALENDAR = "calendar"


class Variable(Struct, frozen=True):
    """One that a deployment chooses: a key of the provider's entry in Terraform's `mail_providers`."""

    setting: str
    """What it becomes."""
    pattern: str = ".+"
    """RE2, since Terraform checks it."""
    must: str = "must not be empty"
    """In words, and where to find the value."""
    optional: bool = False


class Declaration(Struct, frozen=True, kw_only=True):
    name: str
    title: str
    """As people call it."""
    settings: type[Group]
    client: tuple[str, ...]
    """The settings without which no real account can be connected; all of them or none."""
    uses: Mapping[Use, tuple[str, ...]]
    """The settings that each use takes."""
    scopes: tuple[str, ...]
    """All that a consent asks for."""
    capabilities: Mapping[Capability, tuple[str, ...]]
    """The scopes that stand behind each."""
    sign_in: SignIn = SignIn.OAUTH
    variables: Mapping[str, Variable] = {}
    apis: tuple[str, ...] = ()
    """Services of Google Cloud that the project enables for it, without ".googleapis.com"."""
    redirects_at: str = ""
    """Where a person enters the redirect URI."""

    def variables_of(self, use: Use) -> tuple[Setting, ...]:
        known = declared(self.settings)
        return tuple(known[name] for name in self.uses.get(use, ()))

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(name for name, one in declared(self.settings).items() if one.form.secret)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The settings that say where its servers are."""
        return tuple(name for name, one in declared(self.settings).items() if one.url)
