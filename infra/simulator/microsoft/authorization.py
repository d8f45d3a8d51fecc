"""The authorization endpoint: what a browser (or a test with plain requests) goes through.

GET /{tenant}/oauth2/v2.0/authorize?… shows the page. Its form posts back to the same URL, query
included: `account` (the address), `scope` (repeated; a person cannot leave one out, a test can) and
`decision` (allow or deny). The answer goes to the redirect URI, by 302 or, with
response_mode=form_post, by a form that sends itself.
"""

import uuid
from urllib.parse import urlencode

from msgspec import Struct

from infra.simulator.http import Refused, Request, Response, Route
from infra.simulator.mail import Account
from infra.simulator.microsoft import aadsts, consent, scopes
from infra.simulator.microsoft.directory import Directory
from infra.simulator.microsoft.identity import Identity
from infra.simulator.microsoft.tokens import CODE_LIFETIME, App, Code, Tokens
from infra.simulator.oauth import CHALLENGE
from infra.simulator.postoffice import PostOffice

PATH = "/{tenant}/oauth2/v2.0/authorize"
_PROMPTS = {"", "none", "login", "consent", "select_account", "create"}
_LASTING = {"50020", "50053", "50057", "50105", "53000", "53001", "53003", "90094", "90099"}
"""Refusals that signing in anew does not cure; of the others a new sign-in is the cure."""
_ERRORS = {
    "50058": "login_required",
    "65001": "consent_required",
    "65004": "access_denied",
    "70011": "invalid_scope",
    "90094": "consent_required",
}


class Asked(Struct, frozen=True, kw_only=True):
    """A valid authorization request."""

    tenant: str
    app: App
    redirect_uri: str
    by_form: bool
    scopes: tuple[str, ...]
    state: str
    nonce: str
    challenge: str
    prompt: str
    login_hint: str
    client_info: bool

    def answer(self, **params: str) -> Response:
        fields = params | ({"state": self.state} if self.state else {})
        if self.by_form:
            return consent.post_back(self.redirect_uri, fields)
        glue = "&" if "?" in self.redirect_uri else "?"
        location = f"{self.redirect_uri}{glue}{urlencode(fields)}"
        return Response(302, headers={"Location": location})

    def refusal(self, number: str, **more: str) -> Response:
        error = _ERRORS.get(number, "interaction_required")
        return self.answer(error=error, error_description=aadsts.description(number), **more)


class Authorization:
    def __init__(
        self, office: PostOffice, tokens: Tokens, directory: Directory, identity: Identity
    ) -> None:
        self._office = office
        self._tokens = tokens
        self._directory = directory
        self._identity = identity

    def routes(self) -> list[Route]:
        return [
            Route("GET", PATH, "login.authorize", self._show, failure=consent.failure),
            Route("POST", PATH, "login.consent", self._decide, failure=consent.failure),
        ]

    # -- The page ---------------------------------------------------------------------------------

    def _show(self, request: Request) -> Response:
        asked = self._read(request)
        account = self._hinted(asked.login_hint)
        if asked.prompt == "none":
            return self._silent(asked, account)
        if account and not asked.prompt and self._consented(asked, account):
            return self._sign_in(asked, account, asked.scopes)
        blocked = (a.address for a in self._directory.accounts() if self._needs_admin(asked, a))
        return consent.ask(
            target=request.target,
            app=asked.app.id,
            accounts=self._directory.accounts(),
            chosen=account.address if account else "",
            asked=asked.scopes,
            needing_admin=frozenset(blocked),
        )

    def _silent(self, asked: Asked, account: Account | None) -> Response:
        if account is None:
            return asked.refusal("50058")
        if not self._consented(asked, account):
            return asked.refusal("65001")
        return self._sign_in(asked, account, asked.scopes)

    def _decide(self, request: Request) -> Response:
        asked = self._read(request)
        form = request.form()
        if form.get("decision") != ["allow"]:
            return asked.refusal("65004", error_subcode="cancel")
        account = self._hinted(form.get("account", [""])[0])
        if account is None:
            raise Refused(consent.error("50058", "Pick one of the accounts."))
        kept = scopes.read(" ".join(form.get("scope", asked.scopes)))
        return self._sign_in(asked, account, tuple(s for s in asked.scopes if s in kept))

    def _sign_in(self, asked: Asked, account: Account, given: tuple[str, ...]) -> Response:
        if not self._directory.admits(asked.tenant, account):
            raise Refused(consent.error("50020", f"Tenant '{asked.tenant}'."))
        refused = self._directory.person(account.address).refused
        if refused in aadsts.SIGN_IN_ONLY:
            raise Refused(consent.error(refused))
        if refused in _LASTING:
            return asked.refusal(refused)
        if self._needs_admin(asked, account):
            return asked.refusal("90094")
        with self._office.store:
            if refused:
                self._cure(account)
            return self._allow(asked, account, given)

    def _cure(self, account: Account) -> None:
        """Whoever signs in anew gets new tokens; the old ones stay dead."""
        self._tokens.withdraw(account.address)
        self._directory.change(account.address, refused="")

    def _allow(self, asked: Asked, account: Account, given: tuple[str, ...]) -> Response:
        code = Code(
            account=account.address,
            app=asked.app.id,
            scopes=given,
            redirect_uri=asked.redirect_uri,
            challenge=asked.challenge,
            nonce=asked.nonce,
            expires_at=self._office.clock.now() + CODE_LIFETIME,
        )
        more = {"client_info": self._identity.client_info(account)} if asked.client_info else {}
        return asked.answer(
            code=self._tokens.consent(code), session_state=str(uuid.uuid4()), **more
        )

    # -- Accounts ---------------------------------------------------------------------------------

    def _hinted(self, hint: str) -> Account | None:
        """A login_hint is an address or a user principal name."""
        wanted = hint.strip().lower()
        for account in self._directory.accounts():
            upn = self._directory.user_principal_name(account).lower()
            if wanted in {account.address, upn}:
                return account
        return None

    def _consented(self, asked: Asked, account: Account) -> bool:
        return set(asked.scopes) <= set(self._tokens.granted(account.address, asked.app.id))

    def _needs_admin(self, asked: Asked, account: Account) -> bool:
        tenant = self._directory.tenant(self._directory.tid(account))
        return tenant.needs_admin and not self._consented(asked, account)

    # -- The request ------------------------------------------------------------------------------

    def _read(self, request: Request) -> Asked:
        """Raises Refused: with a page while nobody can be trusted, then with an answer to the client."""
        tenant = request.args["tenant"]
        if not self._directory.exists(tenant):
            raise _page("90002", f"Tenant '{tenant}'.")
        app, redirect_uri = self._destination(request)
        asked = Asked(
            tenant=tenant,
            app=app,
            redirect_uri=redirect_uri,
            by_form=request.param("response_mode") == "form_post",
            scopes=tuple(scopes.read(request.param("scope"))),
            state=request.param("state"),
            nonce=request.param("nonce"),
            challenge=request.param("code_challenge"),
            prompt=request.param("prompt"),
            login_hint=request.param("login_hint"),
            client_info=request.param("client_info") == "1",
        )
        _check(request, asked)
        return asked

    def _destination(self, request: Request) -> tuple[App, str]:
        for name in ("client_id", "redirect_uri", "response_type", "scope"):
            if not request.param(name).strip():
                raise _page("900144", f"Parameter: '{name}'.")
        app = self._tokens.app(request.param("client_id"))
        if app is None:
            raise _page("700016", f"Identifier '{request.param('client_id')}'.")
        uri = request.param("redirect_uri")
        if not app.redirects_to(uri):
            raise _page("50011", f"It was '{uri}'.")
        if request.param("response_mode", "query") not in {"query", "form_post"}:
            raise _page("70007", f"It was '{request.param('response_mode')}'.")
        return app, uri


def _check(request: Request, asked: Asked) -> None:
    if request.param("response_type") != "code":
        raise _back(
            asked, "unsupported_response_type", "AADSTS700051: response_type is not enabled."
        )
    if unknown := [scope for scope in asked.scopes if scope not in scopes.KNOWN]:
        detail = f"AADSTS650053: The application asked for scopes that don't exist: {unknown}."
        raise _back(asked, "invalid_client", detail)
    if asked.prompt not in _PROMPTS:
        raise _back(asked, "invalid_request", "AADSTS90023: Unsupported 'prompt' value.")
    method = request.param("code_challenge_method")
    if (asked.challenge or method) and not (
        method == "S256" and CHALLENGE.fullmatch(asked.challenge)
    ):
        raise _back(asked, "invalid_request", "AADSTS501491: Invalid Code_Challenge parameter.")


def _page(number: str, detail: str) -> Refused:
    return Refused(consent.error(number, detail))


def _back(asked: Asked, error: str, description: str) -> Refused:
    return Refused(asked.answer(error=error, error_description=description))
