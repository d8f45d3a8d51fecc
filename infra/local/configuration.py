"""The settings of a stack: what the user chose, and what this machine adds where they chose nothing."""

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from infra.functions_map import EMBEDDED, FunctionsMap
from infra.local.pages import AUDIENCE
from infra.simulator import CLIENTS
from shared import bootstrap, config
from shared.config import LOOPBACK
from shared.domain.errors import ConfigurationError
from shared.ports.declarations import Declaration
from shared.providers.registry import declarations

SYNC_INTERVAL_SECONDS = "60"
"""Who tries things out does not want to wait for five minutes."""
_AUTH = ("AUTH_ISSUER", "AUTH_AUDIENCE", "AUTH_JWKS_URL")


def chosen(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings in the user's environment. Raises ConfigurationError naming all that are wrong."""
    names = bootstrap.every_setting()
    found = {name: environment[name] for name in names if environment.get(name, "").strip()}
    settings = bootstrap.settings(found)
    for provider in declarations().values():
        if has_client(found, provider):
            settings.of(provider.settings).require(*provider.client)
    if has_issuer(found):
        settings.require(*_AUTH)
    elif settings.public_url and urlsplit(settings.public_url).hostname not in LOOPBACK:
        raise ConfigurationError(
            "Settings: PUBLIC_URL is not on this machine, and development tokens would let anybody "
            f"in there; set {', '.join(_AUTH)}."
        )
    return found


def misspelt(environment: Iterable[str]) -> list[str]:
    """A sentence for each variable that looks like a setting of ours and is none."""
    near = config.misspelt(environment, bootstrap.every_setting())
    return [f"{name} is no setting and is ignored: is it {meant}?" for name, meant in near.items()]


def has_client(settings: Mapping[str, str], provider: Declaration) -> bool:
    """True when the user has a client of their own there."""
    return any(name in settings for name in provider.client)


def has_issuer(settings: Mapping[str, str]) -> bool:
    """True when users' tokens come from elsewhere."""
    return any(name in settings for name in _AUTH)


def needs_simulator(settings: Mapping[str, str], functions: FunctionsMap) -> bool:
    """True until the user connects anything real or points a provider elsewhere: real mail and made-up
    mail are never mixed."""
    return not any(
        _answered_elsewhere(settings, provider, functions) for provider in declarations().values()
    )


def _answered_elsewhere(
    settings: Mapping[str, str], provider: Declaration, functions: FunctionsMap
) -> bool:
    """True when the user names a client of their own, or other servers for all that is needed."""
    needed = functions.grants().intersection(provider.endpoints)
    return has_client(settings, provider) or (bool(needed) and needed <= settings.keys())


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
    for name, client in CLIENTS.items():
        provider = declarations()[name]
        pointed = any(endpoint in settings for endpoint in provider.endpoints)
        if not has_client(settings, provider) and (simulator or pointed):
            added |= client
        if simulator:
            added |= dict.fromkeys(provider.endpoints, simulator)
    return added | dict(settings)


def hosts(settings: Mapping[str, str]) -> set[str]:
    """The names under which the gateway may be reached."""
    return {*LOOPBACK, urlsplit(settings["PUBLIC_URL"]).hostname or ""}


def port(text: str) -> int:
    """Raises ConfigurationError."""
    if not (text.isascii() and text.isdecimal() and int(text) <= 65535):
        raise ConfigurationError(f"PORT must be a number up to 65535, not {text!r}.")
    return int(text)
