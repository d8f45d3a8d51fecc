"""The endpoints a client's server calls: token, revoke, userinfo, keys."""

import secrets
from typing import Any

from infra.simulator.google import errors
from infra.simulator.google.identity import Identity
from infra.simulator.google.limits import Limits
from infra.simulator.google.tokens import Client, Code, Token, Tokens
from infra.simulator.http import Refused, Request, Response, Route, json_response
from infra.simulator.oauth import basic, bearer, verifier_matches
from infra.simulator.postoffice import PostOffice

_KINDS = {"authorization_code": "code", "refresh_token": "refresh_token"}


class OAuth:
    def __init__(
        self, office: PostOffice, tokens: Tokens, identity: Identity, limits: Limits
    ) -> None:
        self._office = office
        self._tokens = tokens
        self._identity = identity
        self._limits = limits

    def routes(self) -> list[Route]:
        who = self._who
        oauth, api = errors.oauth, errors.api
        return [
            Route("POST", "/token", "oauth.token", self._token, who, oauth),
            Route("POST", "/revoke", "oauth.revoke", self._revoke, who, oauth),
            Route("GET", "/v1/userinfo", "oauth.userinfo", self._userinfo, self.bearer, api),
            Route("GET", "/oauth2/v3/userinfo", "oauth.userinfo", self._userinfo, self.bearer, api),
            Route("GET", "/oauth2/v3/certs", "oauth.certs", self._certs, failure=api),
        ]

    def bearer(self, request: Request) -> str:
        """Whose access token a request carries, "" if nobody's."""
        return self._tokens.owner(bearer(request))

    def _who(self, request: Request) -> str:
        form = request.form()
        values = [form.get(name, [""])[0] for name in ("refresh_token", "code", "token")]
        return next((owner for value in values if (owner := self._tokens.owner(value))), "")

    # -- Tokens -----------------------------------------------------------------------------------

    def _token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in request.form().items()}
        kind = _required(form, "grant_type")
        if kind not in _KINDS:
            raise errors.refuse_oauth(400, "unsupported_grant_type", f"Invalid grant_type: {kind}")
        client = self._client(request, form)
        value = _required(form, _KINDS[kind])
        with self._office.store:
            if kind == "authorization_code":
                return self._exchange(value, client, form)
            return self._refresh(value, client)

    def _exchange(self, value: str, client: Client, form: dict[str, str]) -> Response:
        code = self._tokens.code(value)
        if code is None or code.client != client.id:
            raise _invalid_grant("Malformed auth code.")
        if form.get("redirect_uri") != code.redirect_uri:
            raise errors.refuse_oauth(400, "redirect_uri_mismatch", "Bad Request")
        if code.challenge and "code_verifier" not in form:
            raise _invalid_grant("Missing code verifier.")
        if code.challenge and not verifier_matches(form["code_verifier"], code.challenge):
            raise _invalid_grant("Invalid code verifier.")
        self._tokens.use(value)
        return self._fresh(code, client)

    def _fresh(self, code: Code, client: Client) -> Response:
        refresh = self._tokens.new_refresh(code, client) if code.refreshable else None
        body = self._issue(refresh or code, code.nonce)
        return _answer(body | ({"refresh_token": refresh.value} if refresh else {}))

    def _refresh(self, value: str, client: Client) -> Response:
        token = self._tokens.refresh(value, client)
        if token is None:
            raise _invalid_grant("Token has been expired or revoked.")
        return _answer(self._issue(token))

    def _issue(self, source: Code | Token, nonce: str = "") -> dict[str, Any]:
        token = self._tokens.new_access(source)
        body = {
            "access_token": token.value,
            "expires_in": self._limits.access_token_seconds,
            "scope": " ".join(token.scopes),
            "token_type": "Bearer",
        }
        if "openid" in token.scopes:
            account = self._office.mailbox(token.account).account
            body["id_token"] = self._identity.id_token(account, token, nonce)
        return body

    def _client(self, request: Request, form: dict[str, str]) -> Client:
        """By HTTP Basic or by form fields (RFC 6749 2.3.1)."""
        client_id, secret = basic(request) or (
            form.get("client_id", ""),
            form.get("client_secret", ""),
        )
        if not client_id:
            raise errors.refuse_oauth(
                400, "invalid_request", "Could not determine client ID from request."
            )
        client = self._tokens.client(client_id)
        if client is None:
            raise errors.refuse_oauth(401, "invalid_client", "The OAuth client was not found.")
        if not secrets.compare_digest(client.secret.encode(), secret.encode("utf-8", "replace")):
            raise errors.refuse_oauth(401, "invalid_client", "Unauthorized")
        return client

    # -- The rest ---------------------------------------------------------------------------------

    def _revoke(self, request: Request) -> Response:
        value = request.form().get("token", [""])[0] or request.param("token")
        with self._office.store:
            if not self._tokens.revoke(value):
                raise errors.refuse_oauth(400, "invalid_token", "Token expired or revoked")
        return json_response({})

    def _userinfo(self, request: Request) -> Response:
        token = self._tokens.access(bearer(request))
        if token is None:
            raise errors.refuse_oauth(401, "invalid_request", "Invalid Credentials")
        account = self._office.mailbox(token.account).account
        return json_response(self._identity.claims(account, token.scopes))

    def _certs(self, _: Request) -> Response:
        return json_response(self._identity.jwks(), Cache_Control="public, max-age=19800")


def _required(form: dict[str, str], name: str) -> str:
    if not form.get(name):
        raise errors.refuse_oauth(400, "invalid_request", f"Required parameter is missing: {name}")
    return form[name]


def _invalid_grant(description: str) -> Refused:
    return errors.refuse_oauth(400, "invalid_grant", description)


def _answer(body: dict[str, Any]) -> Response:
    return json_response(body, Cache_Control="no-store")
