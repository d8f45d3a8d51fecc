"""Settings: read from the environment once, frozen, every problem named at once."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import Struct

from shared.domain.errors import ConfigurationError

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Settings(Struct, frozen=True, kw_only=True, rename=str.upper):
    """One field per environment variable, under the same name in capitals.

    A function is granted only the variables it needs (terraform/functions.yaml), so a missing one is
    an error where it is used: `require`. Malformed ones are an error at once.
    """

    backend: str = "shared.gcp"
    public_url: str = ""
    """Where users reach the functions; see `function_url`. Callback and links start with it."""
    allowed_origins: tuple[str, ...] = ()
    """Origins (scheme://host[:port]) that a consent may return to; comma separated."""

    google_client_id: str = ""
    google_client_secret: str = ""
    google_accounts_url: str = "https://accounts.google.com"
    google_oauth_url: str = "https://oauth2.googleapis.com"
    gmail_url: str = "https://gmail.googleapis.com"
    calendar_url: str = "https://www.googleapis.com"
    gmail_units_per_get: int = 20
    """Quota units of messages.get: 20 for projects made since 2026-05-01, 5 for older ones."""

    microsoft_client_id: str = ""
    microsoft_client_secret: str = ""
    microsoft_tenant: str = "common"
    microsoft_login_url: str = "https://login.microsoftonline.com"
    graph_url: str = "https://graph.microsoft.com"

    auth_issuer: str = ""
    """The `iss` of users' tokens, to the letter: some issuers' names end in a slash."""
    auth_audience: str = ""
    auth_jwks_url: str = ""
    auth_team_claim: str = "team"
    auth_user_claim: str = "sub"
    auth_role_claim: str = "role"

    invoker_issuer: str = "https://accounts.google.com"
    """Who signs the OIDC tokens of Cloud Tasks and Cloud Scheduler."""
    invoker_jwks_url: str = "https://www.googleapis.com/oauth2/v3/certs"
    invoker_audience: str = ""
    """The `aud` a private function expects: its own URL."""
    invoker_email: str = ""
    """The service account allowed to call private functions."""

    sync_interval_seconds: int = 300
    sync_budget_seconds: int = 240
    """How long one sync task works before it hands over to the next."""
    max_recipients: int = 100
    """Of one email, to, cc and bcc together. Sources on Gmail's API limit say 100 or 500."""

    embedded_data: str = ".local"
    """Folder of the one-machine backend."""

    google_cloud_project: str = ""
    """The id of the project that BACKEND=shared.gcp keeps everything in."""
    deployment: str = "mailbridge"
    """Tells deployments in one project apart: the names of secrets start with it and a hyphen."""
    firestore_database: str = "(default)"
    functions_url: str = ""
    """Where Cloud Tasks reaches the task functions, see `function_url`; default: where Cloud Functions
    puts them in TASKS_LOCATION. A function's URL is also the `aud` of its tokens."""
    tasks_location: str = ""
    """The region of the queues."""
    tasks_queues: tuple[tuple[str, str], ...] = ()
    """Which queue calls which task function: sync_mailbox=mailbridge-sync, comma separated."""
    tasks_invoker: str = ""
    """The service account whose OIDC token Cloud Tasks shows; the callee's INVOKER_EMAIL."""
    firestore_emulator_host: str = ""
    """host:port of an emulator to use instead of the real service; likewise the next two."""
    secret_manager_emulator_host: str = ""
    cloud_tasks_emulator_host: str = ""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Raises ConfigurationError with one line that names every malformed variable."""
        values: dict[str, object] = {}
        problems: list[str] = []
        for name, field in _FIELDS.items():
            if not (text := env.get(name, "").strip()):
                continue
            try:
                values[field.attribute] = field.read(text)
            except ValueError as error:
                problems.append(f"{name} {error}")
        if problems:
            raise ConfigurationError("Settings: " + "; ".join(problems) + ".")
        return cls(**values)  # type: ignore[arg-type]  # each value was read as its field's type

    def require(self, *names: str) -> None:
        """Raises ConfigurationError naming every variable of `names` that is not set."""
        missing = [name for name in names if not getattr(self, name.lower())]
        if missing:
            raise ConfigurationError(
                f"Settings: {', '.join(missing)} must be set; the README lists what each is for."
            )


class _Field(Struct):
    attribute: str
    kind: object

    def read(self, text: str) -> object:
        if self.kind is int:
            return _positive(text)
        if self.attribute == "allowed_origins":
            return tuple(_url(part) for part in _parts(text))
        if self.attribute == "tasks_queues":
            return tuple(_pair(part) for part in _parts(text))
        if self.attribute.endswith("_url"):
            return _url(text)
        return _deployment(text) if self.attribute == "deployment" else text


_FIELDS = {name.upper(): _Field(name, kind) for name, kind in Settings.__annotations__.items()}


def function_url(base: str, function: str) -> str:
    """Where a function is: at `base` with its name in the place of "{function}", otherwise below it."""
    return base.replace("{function}", function) if "{function}" in base else f"{base}/{function}"


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _pair(text: str) -> tuple[str, str]:
    name, _, value = (part.strip() for part in text.partition("="))
    if not name or not value:
        raise ValueError(f"must be name=value pairs, comma separated, not {text!r}")
    return name, value


def _deployment(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9]{3,19}", text):
        raise ValueError(f"must be 4 to 20 lower case letters and digits, not {text!r}")
    return text


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"must be a whole number above 0, not {text!r}")
    return int(text)


def _url(text: str) -> str:
    """Only https leaves the machine; plain http is for loopback."""
    parts = urlsplit(text)
    plain = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not parts.hostname or not (parts.scheme == "https" or plain):
        raise ValueError(f"must be an https:// URL (http:// for loopback only), not {text!r}")
    return text.rstrip("/")
