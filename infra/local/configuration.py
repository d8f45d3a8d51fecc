"""The settings of a stack: what the user chose, and what this machine adds where they chose nothing."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import Struct

from infra.functions_map import EMBEDDED, FunctionsMap
from infra.local.pages import AUDIENCE
from infra.simulator import (
    CLIENT_ID,
    CLIENT_SECRET,
    MICROSOFT_CLIENT_ID,
    MICROSOFT_CLIENT_SECRET,
)
from shared.config import LOOPBACK, Settings
from shared.domain.errors import ConfigurationError

SYNC_INTERVAL_SECONDS = "60"
"""Who tries things out does not want to wait for five minutes."""
_AUTH = ("AUTH_ISSUER", "AUTH_AUDIENCE", "AUTH_JWKS_URL")


class Vendor(Struct, frozen=True):
    """One provider's settings, and what the simulator answers them with."""

    client: dict[str, str]
    """Client id and secret: setting → the simulator's."""
    endpoints: tuple[str, ...]

    def has_client(self, settings: Mapping[str, str]) -> bool:
        return any(name in settings for name in self.client)

    def answered_elsewhere(self, settings: Mapping[str, str], functions: FunctionsMap) -> bool:
        """True when the user names a client of their own, or other servers for all that is needed."""
        needed = [name for name in self.endpoints if name in functions.grants()]
        return self.has_client(settings) or all(name in settings for name in needed)


VENDORS = (
    Vendor(
        {"GOOGLE_CLIENT_ID": CLIENT_ID, "GOOGLE_CLIENT_SECRET": CLIENT_SECRET},
        ("GOOGLE_ACCOUNTS_URL", "GOOGLE_OAUTH_URL", "GMAIL_URL", "CALENDAR_URL"),
    ),
    Vendor(
        {
            "MICROSOFT_CLIENT_ID": MICROSOFT_CLIENT_ID,
            "MICROSOFT_CLIENT_SECRET": MICROSOFT_CLIENT_SECRET,
        },
        ("MICROSOFT_LOGIN_URL", "GRAPH_URL"),
    ),
)


def chosen(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings in the user's environment. Raises ConfigurationError naming all that are wrong."""
    names = [name.upper() for name in Settings.__struct_fields__]
    found = {name: environment[name] for name in names if environment.get(name, "").strip()}
    settings = Settings.from_env(found)
    for vendor in VENDORS:
        if vendor.has_client(found):
            settings.require(*vendor.client)
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
    """True until the user connects anything real or points a provider elsewhere: real mail and made-up
    mail are never mixed."""
    return not any(vendor.answered_elsewhere(settings, functions) for vendor in VENDORS)


def complete(settings: Mapping[str, str], *, url: str, simulator: str) -> dict[str, str]:
    """With what the stack itself provides at `url`; `simulator` is "" when none runs. What lies below
    the functions comes on top: `infra.local.platform`."""
    added = {
        "BACKEND": EMBEDDED,
        "SYNC_INTERVAL_SECONDS": SYNC_INTERVAL_SECONDS,
        "PUBLIC_URL": url,
        "ALLOWED_ORIGINS": f"{url},{url.replace('127.0.0.1', 'localhost')}",
    }
    if not has_issuer(settings):
        added |= {
            "AUTH_ISSUER": f"{url}/dev",
            "AUTH_AUDIENCE": AUDIENCE,
            "AUTH_JWKS_URL": f"{url}/dev/jwks.json",
        }
    for vendor in VENDORS:
        pointed = any(name in settings for name in vendor.endpoints)
        if not vendor.has_client(settings) and (simulator or pointed):
            added |= vendor.client
        if simulator:
            added |= dict.fromkeys(vendor.endpoints, simulator)
    return added | dict(settings)


def hosts(settings: Mapping[str, str]) -> set[str]:
    """The names under which the gateway may be reached."""
    return {*LOOPBACK, urlsplit(settings["PUBLIC_URL"]).hostname or ""}


def port(text: str) -> int:
    """Raises ConfigurationError."""
    if not (text.isascii() and text.isdecimal() and int(text) <= 65535):
        raise ConfigurationError(f"PORT must be a number up to 65535, not {text!r}.")
    return int(text)
