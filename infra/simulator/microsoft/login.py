"""The token endpoint: codes and refresh tokens become tokens."""

import secrets
from typing import Any

import msgspec

from infra.simulator.http import Request, Response, Route, json_response
from infra.simulator.microsoft import aadsts, scopes
from infra.simulator.microsoft.directory import Directory
from infra.simulator.microsoft.identity import Identity
from infra.simulator.microsoft.limits import Limits
from infra.simulator.microsoft.tokens import App, Code, Token, Tokens
from infra.simulator.oauth import basic, verifier_matches
from infra.simulator.postoffice import PostOffice

_KINDS = {"authorization_code": "code", "refresh_token": "refresh_token"}
Form = dict[str, str]


class Login:
    def __init__(
        self,
        office: PostOffice,
        tokens: Tokens,
        directory: Directory,
        identity: Identity,
        limits: Limits,
    ) -> None:
        self._office = office
        self._tokens = tokens
        self._directory = directory
        self._identity = identity
        self._limits = limits

    def routes(self) -> list[Route]:
        path = "/{tenant}/oauth2/v2.0/token"
        return [Route("POST", path, "login.token", self._token, self._who, aadsts.failure)]

    def _who(self, request: Request) -> str:
        form = request.form()
        values = (form.get(name, [""])[0] for name in _KINDS.values())
        return next((held.account for v in values if (held := self._tokens.owner(v))), "")

    def _token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in request.form().items()}
        kind = _required(form, "grant_type")
        if kind not in _KINDS:
            raise aadsts.refuse("70003", f"It was '{kind}'.")
        if not self._directory.exists(request.args["tenant"]):
            raise aadsts.refuse("90002", f"Tenant '{request.args['tenant']}'.")
        app = self._app(request, form)
        value = _required(form, _KINDS[kind])
        _check_claims(form)
        with self._office.store:
            redeem = self._code if kind == "authorization_code" else self._refresh
            source = redeem(value, app, form)
            self._check(source, request.args["tenant"], form)
            if isinstance(source, Code):
                self._tokens.use(value)
            return json_response(self._issue(source, form), Cache_Control="no-store, no-cache")

    def _app(self, request: Request, form: Form) -> App:
        """By form fields or HTTP Basic (RFC 6749 2.3.1). Raises Refused."""
        app_id, secret = basic(request) or (
            form.get("client_id", ""),
            form.get("client_secret", ""),
        )
        if not app_id:
            raise aadsts.refuse("900144", "Parameter: 'client_id'.")
        app = self._tokens.app(app_id)
        if app is None:
            raise aadsts.refuse("700016", f"Identifier '{app_id}'.")
        if not secret:
            raise aadsts.refuse("7000218")
        if not secrets.compare_digest(app.secret.encode(), secret.encode("utf-8", "replace")):
            raise aadsts.refuse("7000215")
        return app

    # -- What it is given for ---------------------------------------------------------------------

    def _code(self, value: str, app: App, form: Form) -> Code:
        code = self._tokens.code(value)
        if code is None or code.app != app.id:
            raise aadsts.refuse("70000")
        if code.used:
            raise aadsts.refuse("54005")
        if self._tokens.expired(code):
            raise aadsts.refuse("70008")
        if form.get("redirect_uri") != code.redirect_uri:
            raise aadsts.refuse("50011")
        if code.challenge and not verifier_matches(form.get("code_verifier", ""), code.challenge):
            raise aadsts.refuse("50148")
        return code

    def _refresh(self, value: str, app: App, _: Form) -> Token:
        token = self._tokens.refresh(value)
        if token is None or token.app != app.id:
            raise aadsts.refuse("70000")
        if token.revoked:
            raise aadsts.refuse("50173")
        if self._tokens.expired(token):
            raise aadsts.refuse("700082")
        return token

    def _check(self, source: Code | Token, tenant: str, form: Form) -> None:
        """What can stand between a good grant and its tokens. Raises Refused."""
        if not self._directory.admits(tenant, self._directory.account(source.account)):
            raise aadsts.refuse("50020", f"Tenant '{tenant}'.")
        if refused := self._directory.person(source.account).refused:
            raise aadsts.refuse(refused)
        asked = [s for s in scopes.read(form.get("scope", "")) if s != scopes.DEFAULT]
        if unknown := [scope for scope in asked if scope not in scopes.KNOWN]:
            raise aadsts.refuse("70011", f"They were {unknown}.")
        granted = {*self._tokens.granted(source.account, source.app), *scopes.SIGN_IN}
        if isinstance(source, Token) and not set(asked) <= granted:
            raise aadsts.refuse("65001")

    # -- What is given ----------------------------------------------------------------------------

    def _issue(self, source: Code | Token, form: Form) -> dict[str, Any]:
        account = self._directory.account(source.account)
        access = self._tokens.new_access(source, form.get("claims", ""))
        seconds = self._limits.access_token_seconds
        body: dict[str, Any] = {
            "token_type": "Bearer",
            "scope": scopes.answered(source.scopes, form.get("scope", "")),
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": access.value,
        }
        if "offline_access" in source.scopes:
            body["refresh_token"] = self._tokens.new_refresh(source).value
        if "openid" in source.scopes:
            nonce = source.nonce if isinstance(source, Code) else ""
            body["id_token"] = self._identity.id_token(account, source.app, source.scopes, nonce)
        if form.get("client_info") == "1":
            body["client_info"] = self._identity.client_info(account)
        return body


def _required(form: Form, name: str) -> str:
    if not form.get(name):
        raise aadsts.refuse("900144", f"Parameter: '{name}'.")
    return form[name]


def _check_claims(form: Form) -> None:
    try:
        msgspec.json.decode(form.get("claims") or "{}", type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise aadsts.refuse("9002313", "The claims parameter is no JSON object.") from error
