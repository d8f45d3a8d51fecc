"""Google's consent and token endpoints (OAuth 2.0 for web servers, with PKCE and OpenID Connect)."""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from shared.domain.errors import (
    InvalidRequest,
    MailboxUnavailable,
    ProviderUnavailable,
    RateLimited,
)
from shared.domain.mailboxes import Account
from shared.mime import addresses
from shared.ports.providers import Consent, Credential, Started
from shared.providers.google import refusals
from shared.providers.google.declaration import GoogleSettings
from shared.providers.google.errors import error_of
from shared.providers.google.scopes import SCOPES
from shared.providers.http import Answer, Http

_ISSUERS = ("https://accounts.google.com", "accounts.google.com")
_LEEWAY_SECONDS = 60
_UNVERIFIED = "Google did not say whose account this is: connect again and leave all boxes ticked."


class GoogleOAuth:
    """`ports.OAuth`. `gmail` is asked whose account it is when the id token does not say."""

    def __init__(self, settings: GoogleSettings, http: Http, gmail: Http) -> None:
        self._settings = settings
        self._http = http
        self._gmail = gmail

    def start(self, *, redirect_uri: str, login_hint: str) -> Started:
        self._settings.require("GOOGLE_CLIENT_ID")
        verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        query = {
            "client_id": self._settings.google_client_id,
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "scope": " ".join(SCOPES),
            "access_type": "offline",
            # Without a new consent Google sends no refresh token to somebody who consented before.
            "prompt": "consent select_account",
            "code_challenge": challenge.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "nonce": nonce,
        }
        if login_hint:
            query["login_hint"] = login_hint
        url = f"{self._settings.google_accounts_url}/o/oauth2/v2/auth?{urlencode(query)}"
        return Started(url=url, kept={"verifier": verifier, "nonce": nonce})

    def finish(
        self, answer: Mapping[str, str], *, kept: Mapping[str, str], redirect_uri: str
    ) -> Consent:
        if answer.get("error") or not answer.get("code"):
            raise refusals.of_redirect(answer.get("error", ""))
        tokens = self._token(
            grant_type="authorization_code",
            code=answer["code"],
            code_verifier=kept.get("verifier", ""),
            redirect_uri=redirect_uri,
        )
        if tokens.status != 200:
            raise refusals.of_code(tokens)
        credential = _credential(tokens)
        return Consent(self._account(tokens, kept.get("nonce", ""), credential), credential)

    def approval(self, *, redirect_uri: str) -> str:  # noqa: ARG002 - see admin.google.com
        return ""

    def approved(self, answer: Mapping[str, str]) -> None:
        raise refusals.of_redirect(answer.get("error", ""))

    def refresh(self, refresh_token: str, *, claims: str = "") -> Credential:  # noqa: ARG002 - none here
        tokens = self._token(grant_type="refresh_token", refresh_token=refresh_token)
        if tokens.status != 200:
            raise refusals.of_grant(tokens)
        return _credential(tokens)

    def revoke(self, token: str) -> None:
        """In the body: a URL ends in the access logs of everything on the way."""
        answer = self._http.request("POST", "/revoke", repeatable=True, form={"token": token})
        if answer.status != 200 and answer.json().get("error") != "invalid_token":
            raise refusals.of_grant(answer)

    def _token(self, **form: str) -> Answer:
        """Not repeated here: a code works once, and a refresh is the vault's to repeat."""
        self._settings.require("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET")
        form["client_id"] = self._settings.google_client_id
        form["client_secret"] = self._settings.google_client_secret
        return self._http.request("POST", "/token", repeatable=False, form=form)

    # -- whose account ----------------------------------------------------------------------------

    def _account(self, tokens: Answer, nonce: str, credential: Credential) -> Account:
        """By the id token where it is there; by Gmail's own word when openid was unticked."""
        claims = self._claims(tokens.json().get("id_token"), nonce)
        address, name = _verified_email(claims), str(claims.get("name") or "")
        address = address or self._profile_address(credential.access_token)
        if not address:
            raise InvalidRequest(_UNVERIFIED, reason="account_unverified")
        return Account(id=str(claims.get("sub") or address), address=address, name=name)

    def _claims(self, id_token: Any, nonce: str) -> dict[str, Any]:
        """{} when there is no id token, or one without a nonce, which proves nothing.

        The signature is not checked: the token came from the token endpoint over TLS, which OpenID
        Connect Core 3.1.3.7 takes in its place. Everything else in it is.
        """
        import jwt

        if not isinstance(id_token, str) or not id_token:
            return {}
        try:
            claims: dict[str, Any] = jwt.decode(
                id_token,
                options={
                    "verify_signature": False,
                    "verify_exp": True,
                    "verify_aud": True,
                    "verify_iss": True,
                    "require": ["iss", "aud", "exp", "sub"],
                },
                audience=self._settings.google_client_id,
                issuer=[*_ISSUERS, self._settings.google_accounts_url],
                leeway=_LEEWAY_SECONDS,
            )
        except jwt.InvalidTokenError as error:
            problem = type(error).__name__
            detail = f"Google's proof of identity is not valid ({problem})."
            raise InvalidRequest(detail, reason="account_unverified") from None
        if claims.get("nonce") is None:
            return {}
        if not secrets.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
            detail = "Google's proof of identity belongs to another consent."
            raise InvalidRequest(detail, reason="account_unverified")
        return claims

    def _profile_address(self, access_token: str) -> str:
        answer = self._gmail.request(
            "GET", "/gmail/v1/users/me/profile", repeatable=True, token=access_token
        )
        if answer.status != 200:
            error = error_of(answer)
            if isinstance(error, MailboxUnavailable | ProviderUnavailable | RateLimited):
                raise error
        return _normalised(answer.json().get("emailAddress"))


def _verified_email(claims: Mapping[str, Any]) -> str:
    if claims.get("email_verified") not in {True, "true"}:
        return ""
    return _normalised(claims.get("email"))


def _normalised(address: Any) -> str:
    try:
        return addresses.normalise(address) if isinstance(address, str) else ""
    except ValueError:
        return ""


def _credential(answer: Answer) -> Credential:
    fields = answer.json()
    access_token, refresh_token = fields.get("access_token"), fields.get("refresh_token")
    if not isinstance(access_token, str) or not access_token:
        raise ProviderUnavailable("Google's token answer holds no access token.")
    scope = fields.get("scope")
    return Credential(
        access_token=access_token,
        expires_in=_lifetime(fields.get("expires_in")),
        refresh_token=refresh_token if isinstance(refresh_token, str) and refresh_token else None,
        scopes=tuple(scope.split()) if isinstance(scope, str) else None,
    )


def _lifetime(value: Any) -> int:
    """Seconds; RFC 6749 recommends to send it, so its absence must not mean "for ever"."""
    return int(value) if str(value).isdecimal() else 300
