"""Do the providers know our redirect URI? What they show to a stranger tells, or it does not."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from functools import partial
from urllib.parse import parse_qs, urlsplit

import requests

from infra.operate.findings import Check, Finding, by_hand, mend, ok, unknown
from shared.config import Settings
from shared.ports.declarations import Declaration, SignIn
from shared.providers.google.declaration import GoogleSettings
from shared.providers.microsoft.declaration import MicrosoftSettings

TIMEOUT = 20.0

Chosen = Mapping[str, str]
"""What a deployment tells a provider: its entry in Terraform's `mail_providers`."""


def checks(
    provider: Declaration, chosen: Chosen, redirect_uri: str, settings: Settings
) -> list[Check]:
    """`settings` say where the providers are."""
    if provider.sign_in is not SignIn.OAUTH:
        return []
    look = _CHECKS.get(provider.name, _any)
    return list(look(provider, chosen, redirect_uri, settings))


def _any(
    provider: Declaration, _chosen: Chosen, redirect_uri: str, _settings: Settings
) -> Iterator[Check]:
    found = by_hand(
        f"{provider.title} may know {redirect_uri} or not.",
        f"Look for it at {provider.redirects_at}",
    )
    yield Check(f"{provider.title} consent", lambda: found)


def _google(
    provider: Declaration, chosen: Chosen, redirect_uri: str, settings: Settings
) -> Iterator[Check]:
    url, client_id = settings.of(GoogleSettings).google_accounts_url, chosen.get("client_id", "")
    look = partial(google, client_id, redirect_uri, url, provider.redirects_at)
    yield Check("Google consent", look)


def _microsoft(
    provider: Declaration, chosen: Chosen, redirect_uri: str, settings: Settings
) -> Iterator[Check]:
    defaults = settings.of(MicrosoftSettings)
    of = chosen.get("tenant", defaults.microsoft_tenant)
    yield Check("Microsoft tenant", partial(tenant, of, defaults.microsoft_login_url))
    look = partial(microsoft, chosen.get("client_id", ""), redirect_uri, provider.redirects_at)
    yield Check("Microsoft consent", look)


_CHECKS = {"google": _google, "microsoft": _microsoft}
"""Providers that tell a stranger something of their clients."""


def google(client_id: str, redirect_uri: str, accounts_url: str, console: str) -> Finding:
    """Begins a consent as a browser without cookies would, and goes no further than its first answer.

    A client or redirect URI that Google does not know leads to an error page, whose address says the
    reason in its `authError` (base64 of a protobuf that begins with it); a good one to the sign-in.
    """
    to_do = f"Enter {redirect_uri} at {console}"
    query = {
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": "openid",
    }
    try:
        answer = requests.get(
            f"{accounts_url}/o/oauth2/v2/auth", query, timeout=TIMEOUT, allow_redirects=False
        )
    except requests.RequestException as error:
        return unknown(f"{accounts_url} does not answer: {type(error).__name__}.", to_do)
    target = urlsplit(answer.headers.get("Location", ""))
    reason = _auth_error(target.query)
    if reason == "redirect_uri_mismatch":
        return mend(f"Google does not know {redirect_uri} as this client's.", to_do)
    if reason:
        return mend(f"Google refuses the client: {reason}.", f"Compare it with {console}")
    if answer.is_redirect and _is_sign_in(target.path):
        return ok(f"Google knows {redirect_uri}")
    return unknown(f"Google answered {answer.status_code}, which tells nothing.", to_do)


def microsoft(client_id: str, redirect_uri: str, console: str) -> Finding:
    """AADSTS50011 comes only after somebody has signed in."""
    return by_hand(
        f"Microsoft tells only those who sign in whether {redirect_uri} is known.",
        f"Look for it at {console}, of the app {client_id}",
    )


def tenant(name: str, login_url: str) -> Finding:
    url = f"{login_url}/{name}/v2.0/.well-known/openid-configuration"
    try:
        answer = requests.get(url, timeout=TIMEOUT, allow_redirects=False)
    except requests.RequestException as error:
        return unknown(f"{login_url} does not answer: {type(error).__name__}.", "Try again later")
    if answer.status_code == 200:
        return ok(f"Microsoft knows the tenant {name}")
    return mend(
        f"Microsoft does not know the tenant {name} ({answer.status_code}).",
        "Set microsoft.tenant to the Directory (tenant) ID of your app registration, or to common",
    )


def _is_sign_in(path: str) -> bool:
    return path.endswith(
        ("/signin/identifier", "/ServiceLogin", "/AccountChooser", "/accountchooser")
    )


def _auth_error(query: str) -> str:
    """The reason in front of the protobuf: a tag, its length in one byte, its text. "" if there is none."""
    given = parse_qs(query).get("authError", [""])[0]
    if not given:
        return ""
    try:
        raw = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4))
    except (binascii.Error, ValueError):
        return given
    if len(raw) < 2 or raw[0] != 0x0A:
        return "an unknown error"
    return raw[2 : 2 + raw[1]].decode("ascii", "replace")
