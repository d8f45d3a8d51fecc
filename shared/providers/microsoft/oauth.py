"""Microsoft's consent and token endpoints, spoken to by msal: OAuth 2.0 with PKCE and OpenID Connect."""

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from shared.domain.errors import InvalidRequest, MailbridgeError, ProviderUnavailable
from shared.domain.mailboxes import Account
from shared.ports.providers import Consent, Credential, Started
from shared.providers.http import Http
from shared.providers.microsoft import identity, refusals
from shared.providers.microsoft.declaration import MicrosoftSettings
from shared.providers.microsoft.errors import error_of
from shared.providers.microsoft.login import AUTHORITY, Forgetful, Login
from shared.providers.microsoft.scopes import GRANTED, RESOURCE, SCOPES, USER_READ, same_scope

_STATE = "-"
"""The state is sealed, sent and checked by whoever calls us; msal wants to compare one all the same."""
_CAPABILITIES = ["CP1"]
"""We can answer a claims challenge; so Microsoft may revoke access at once, and tokens live longer."""
_ME = "/v1.0/me?$select=displayName,mail,userPrincipalName"

Result = dict[str, Any]


class MicrosoftOAuth:
    """`ports.OAuth`. Nothing of an account stays here: each operation has an msal application of its
    own, which keeps no tokens, and whose cache of answers goes with it."""

    def __init__(self, settings: MicrosoftSettings, login: Http, graph: Http) -> None:
        self._settings = settings
        self._login = login
        self._graph = graph
        self.now: Callable[[], float] = time.time
        """Replaced by tests that move the clock."""

    def start(self, *, redirect_uri: str, login_hint: str) -> Started:
        self._settings.require("MICROSOFT_CLIENT_ID")
        flow = self._msal().initiate_auth_code_flow(
            list(SCOPES),
            redirect_uri=redirect_uri,
            prompt="select_account",
            login_hint=login_hint or None,
            response_mode="form_post",  # msal warns of any other; see _consent_url
        )
        kept = {"verifier": flow["code_verifier"], "nonce": flow["nonce"]}
        return Started(url=self._consent_url(flow["auth_uri"]), kept=kept)

    def finish(
        self, answer: Mapping[str, str], *, kept: Mapping[str, str], redirect_uri: str
    ) -> Consent:
        if not answer.get("code") and not answer.get("error"):
            detail = "Microsoft's answer holds no code: start again."
            raise InvalidRequest(detail, reason="no_code")
        self._require_client()
        flow = {
            "state": _STATE,
            "redirect_uri": redirect_uri,
            "code_verifier": kept.get("verifier", ""),
            "nonce": kept.get("nonce", ""),
        }
        result = self._exchange(flow, {**answer, "state": _STATE})
        if "error" in result:
            raise refusals.of_consent(result)
        person = self._verifier().person(result.get("id_token_claims"), now=self.now())
        credential = _credential(result)
        return Consent(self._account(person, credential), credential)

    def approval(self, *, redirect_uri: str) -> str:
        """https://learn.microsoft.com/entra/identity-platform/v2-admin-consent"""
        self._settings.require("MICROSOFT_CLIENT_ID")
        tenant = self._settings.microsoft_tenant
        anybodys = {"common", "consumers"}
        query = {
            "client_id": self._settings.microsoft_client_id,
            "scope": " ".join(f"{RESOURCE}{scope}" for scope in SCOPES),
            "redirect_uri": redirect_uri,
        }
        path = f"/{'organizations' if tenant in anybodys else tenant}/v2.0/adminconsent"
        return f"{self._settings.microsoft_login_url}{path}?{urlencode(query)}"

    def approved(self, answer: Mapping[str, str]) -> None:
        if answer.get("error") or answer.get("admin_consent", "").lower() != "true":
            raise refusals.of_consent(answer)

    def refresh(self, refresh_token: str, *, claims: str = "") -> Credential:
        """The newest refresh token comes with every answer; older ones go on working meanwhile."""
        self._require_client()
        result = self._refreshed(refresh_token, _with_capabilities(claims))
        if "error" in result:
            raise refusals.of_refresh(result)
        return _credential(result)

    def revoke(self, token: str) -> None:
        """Does nothing: Microsoft has no call that takes back what one account granted to one app.

        Our tokens are destroyed and nothing is asked any more; the consent itself stays listed until
        its user removes it (myapps.microsoft.com, myaccount.microsoft.com) or an administrator does.
        """

    def _msal(self) -> Any:
        import msal  # type: ignore[import-untyped]  # it ships none

        return msal.ConfidentialClientApplication(
            self._settings.microsoft_client_id,
            client_credential=self._settings.microsoft_client_secret or None,
            authority=f"{AUTHORITY}/{self._settings.microsoft_tenant}",
            http_client=Login(self._login),
            token_cache=Forgetful(),
            client_capabilities=_CAPABILITIES,
            instance_discovery=False,
            azure_region=False,  # or msal reads a region from the environment
        )

    def _require_client(self) -> None:
        self._settings.require("MICROSOFT_CLIENT_ID", "MICROSOFT_CLIENT_SECRET")

    def _consent_url(self, auth_uri: str) -> str:
        """msal's URL at the configured login server, to be answered by a GET, and without a state:
        the caller appends its own."""
        parts = urlsplit(auth_uri)
        query = dict(parse_qsl(parts.query)) | {"response_mode": "query"}
        del query["state"]
        return f"{self._settings.microsoft_login_url}{parts.path}?{urlencode(query)}"

    # msal raises whatever a bad id token makes its decoding raise, with parts of it in the text.

    def _refreshed(self, refresh_token: str, claims: str) -> Result:
        try:
            result: Result = self._msal().acquire_token_by_refresh_token(
                refresh_token, [GRANTED], data={"claims": claims}
            )
        except MailbridgeError:
            raise
        except Exception as error:
            problem = type(error).__name__
            raise ProviderUnavailable(f"Microsoft's token answer is odd ({problem}).") from None
        return result

    def _exchange(self, flow: dict[str, str], answer: dict[str, str]) -> Result:
        try:
            result: Result = self._msal().acquire_token_by_auth_code_flow(flow, answer)
        except MailbridgeError:
            raise
        except Exception as error:
            raise identity.unverified(type(error).__name__) from None
        return result

    # -- whose account ----------------------------------------------------------------------------

    def _verifier(self) -> identity.Verifier:
        return identity.Verifier(
            client_id=self._settings.microsoft_client_id,
            tenant=self._settings.microsoft_tenant,
            authorities={AUTHORITY, self._settings.microsoft_login_url},
        )

    def _account(self, person: identity.Person, credential: Credential) -> Account:
        answer = self._graph.request("GET", _ME, repeatable=True, token=credential.access_token)
        if answer.status != 200:
            missing = () if USER_READ in (credential.scopes or ()) else (USER_READ,)
            raise error_of(answer, missing=missing)
        me = answer.json()
        if not me:
            raise ProviderUnavailable("Graph did not say whose account this is.")
        if not (address := identity.address(me)):
            detail = "This Microsoft account has no mail address: choose one with a mailbox."
            raise InvalidRequest(detail, reason="no_address")
        return Account(
            id=person.id, address=address, name=str(me.get("displayName") or person.name)
        )


def _credential(result: Result) -> Credential:
    access_token, refresh_token = result.get("access_token"), result.get("refresh_token")
    if not isinstance(access_token, str) or not access_token:
        raise ProviderUnavailable("Microsoft's token answer holds no access token.")
    scope, life = result.get("scope"), result.get("expires_in")
    return Credential(
        access_token=access_token,
        # RFC 6749 recommends to send it, so its absence must not mean "for ever".
        expires_in=int(str(life)) if str(life).isdecimal() else 300,
        refresh_token=refresh_token if isinstance(refresh_token, str) and refresh_token else None,
        scopes=tuple(map(same_scope, scope.split())) if isinstance(scope, str) else None,
    )


def _with_capabilities(claims: str) -> str:
    """The challenge's claims together with what we can do, as msal itself merges them elsewhere."""
    try:
        wanted = msgspec.json.decode(claims or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError):
        wanted = {}
    access = wanted.get("access_token")
    wanted["access_token"] = {
        **(access if isinstance(access, dict) else {}),
        "xms_cc": {"values": _CAPABILITIES},
    }
    return msgspec.json.encode(wanted).decode()
