"""msal's way out: the one authority it knows, reached at the configured login server."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from shared.domain.errors import ConfigurationError, ProviderUnavailable
from shared.providers.http import Http
from shared.providers.microsoft.refusals import code_of
from shared.providers.refusals import unanswered

AUTHORITY = "https://login.microsoftonline.com"
"""msal takes only https authorities, and this one without asking anybody whether it may."""


class Reply(Struct):
    """What msal reads of an answer."""

    status_code: int
    text: str
    headers: dict[str, str] = {}

    def raise_for_status(self) -> None:
        if self.status_code >= 400:
            raise ProviderUnavailable(f"Microsoft's login answered {self.status_code}.")


class Login:
    """`msal.oauth2cli.http.HttpClient` over our own `Http`: its pinned host, its limits, its silence.

    msal keeps every 400 for a minute and every 429 or 5xx for seconds, and answers the next request
    itself. It never gets to do that here: what is no final answer raises before msal sees it, and the
    rest is forgotten with the msal application, which lives for one operation.
    """

    def __init__(self, http: Http) -> None:
        self._http = http

    def get(self, url: str, **_: Any) -> Reply:
        """The endpoints of an authority. They are documented and fixed, so nobody is asked for them:
        a discovery document could only lead the client secret elsewhere."""
        tenant, found, _rest = _path(url).partition("/v2.0/.well-known/")
        if not found:
            raise ConfigurationError("msal asked for a page that this login does not have.")
        endpoints = {
            "issuer": f"{AUTHORITY}{tenant}/v2.0",
            "authorization_endpoint": f"{AUTHORITY}{tenant}/oauth2/v2.0/authorize",
            "token_endpoint": f"{AUTHORITY}{tenant}/oauth2/v2.0/token",
        }
        return Reply(200, msgspec.json.encode(endpoints).decode())

    def post(self, url: str, *, data: Mapping[str, str], **_: Any) -> Reply:
        """A token request, sent once. Raises RateLimited and ProviderUnavailable; whatever is no
        JSON object is no answer, and msal would write it to the log."""
        answer = self._http.request("POST", _path(url), repeatable=False, form=data)
        said = answer.json()
        if answer.status == 429 or answer.status >= 500 or not said:
            raise unanswered(answer, "Microsoft", reason=code_of(said))
        return Reply(answer.status, answer.body.decode("utf-8", "replace"))

    def close(self) -> None:
        """Connections belong to `Http`."""


class Forgetful:
    """`msal.TokenCache`, as far as msal uses it here, and keeps nothing: tokens live in our vault."""

    def add(self, event: Mapping[str, Any], **_: Any) -> None: ...
    def remove_rt(self, item: Any) -> None: ...
    def update_rt(self, item: Any, refresh_token: str) -> None: ...


def _path(url: str) -> str:
    path = url.removeprefix(AUTHORITY)
    if not path.startswith("/"):
        raise ConfigurationError("msal asked for another host than the login server.")
    return path
