"""The settings of a stack: what the user chose, and what this machine adds where they chose nothing."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from infra.local.functions_map import FunctionsMap
from infra.local.pages import AUDIENCE
from infra.simulator import CLIENT_ID, CLIENT_SECRET
from shared.config import LOOPBACK, Settings
from shared.domain.errors import ConfigurationError

BACKEND = "infra.embedded"
_AUTH = ("AUTH_ISSUER", "AUTH_AUDIENCE", "AUTH_JWKS_URL")
_ENDPOINTS = ("GOOGLE_ACCOUNTS_URL", "GOOGLE_OAUTH_URL", "GMAIL_URL", "CALENDAR_URL")


def chosen(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings in the user's environment. Raises ConfigurationError naming all that are wrong."""
    names = [name.upper() for name in Settings.__struct_fields__]
    found = {name: environment[name] for name in names if environment.get(name, "").strip()}
    settings = Settings.from_env(found)
    if settings.google_client_id or settings.google_client_secret:
        settings.require("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET")
    if has_issuer(found):
        settings.require(*_AUTH)
    elif settings.public_url and urlsplit(settings.public_url).hostname not in LOOPBACK:
        raise ConfigurationError(
            "Settings: PUBLIC_URL is not on this machine, and development tokens would let anybody "
            f"in there; set {', '.join(_AUTH)}."
        )
    return found


def has_issuer(settings: Mapping[str, str]) -> bool:
    """True when users' tokens come from elsewhere."""
    return any(name in settings for name in _AUTH)


def needs_simulator(settings: Mapping[str, str], functions: FunctionsMap) -> bool:
    """True when some function would otherwise talk to a real Google that does not know us."""
    needed = [name for name in _ENDPOINTS if name in functions.grants()]
    return "GOOGLE_CLIENT_ID" not in settings and any(name not in settings for name in needed)


def complete(settings: Mapping[str, str], *, url: str, data: str, simulator: str) -> dict[str, str]:
    """With what the stack itself provides at `url`; `simulator` is "" when none runs."""
    added = {
        "BACKEND": BACKEND,
        "PUBLIC_URL": url,
        "ALLOWED_ORIGINS": f"{url},{url.replace('127.0.0.1', 'localhost')}",
    }
    if not has_issuer(settings):
        added |= {
            "AUTH_ISSUER": f"{url}/dev",
            "AUTH_AUDIENCE": AUDIENCE,
            "AUTH_JWKS_URL": f"{url}/dev/jwks.json",
        }
    if "GOOGLE_CLIENT_ID" not in settings:
        added |= {"GOOGLE_CLIENT_ID": CLIENT_ID, "GOOGLE_CLIENT_SECRET": CLIENT_SECRET}
    if simulator:
        added |= dict.fromkeys(_ENDPOINTS, simulator)
    return added | dict(settings) | {"EMBEDDED_DATA": data}


def hosts(settings: Mapping[str, str]) -> set[str]:
    """The names under which the gateway may be reached."""
    return {*LOOPBACK, urlsplit(settings["PUBLIC_URL"]).hostname or ""}


def port(text: str) -> int:
    """Raises ConfigurationError."""
    if not (text.isascii() and text.isdecimal() and int(text) <= 65535):
        raise ConfigurationError(f"PORT must be a number up to 65535, not {text!r}.")
    return int(text)
