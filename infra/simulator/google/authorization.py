"""The authorization endpoint: what a browser (or a test with plain requests) goes through.

GET /o/oauth2/v2/auth?… shows the page. Its form posts back to the same URL, query included:
`account` (the address), `scope` (repeated, one for each tick), `decision` (allow or deny). The
answer is a 302 to the redirect URI with all that Google's has, in its order, or with `error`.
"""

from urllib.parse import quote, urlencode

from msgspec import Struct

from infra.simulator.google import consent, scopes
from infra.simulator.google.identity import ISSUER
from infra.simulator.google.tokens import CODE_LIFETIME, Client, Code, Tokens
from infra.simulator.http import Refused, Request, Response, Route
from infra.simulator.mail import Account
from infra.simulator.oauth import CHALLENGE
from infra.simulator.postoffice import PostOffice

PATH = "/o/oauth2/v2/auth"


class Asked(Struct, frozen=True, kw_only=True):
    """A valid authorization request."""

    client: Client
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str
    nonce: str
    challenge: str
    prompt: frozenset[str]
    offline: bool
    incremental: bool
    login_hint: str

    def answer(self, **params: str) -> Response:
        """Google leaves slashes and colons of a query as they are."""
        query = urlencode(
            ({"state": self.state} if self.state else {}) | params, safe="/:", quote_via=quote
        )
        glue = "&" if "?" in self.redirect_uri else "?"
        return Response(302, headers={"Location": f"{self.redirect_uri}{glue}{query}"})


class Authorization:
    def __init__(self, office: PostOffice, tokens: Tokens) -> None:
        self._office = office
        self._tokens = tokens

    def routes(self) -> list[Route]:
        def failure(status: int, reason: str, message: str) -> Response:
            page = consent.error(reason or "server_error", message or "Try later.")
            return Response(status, page.body, "text/html")

        return [
            Route("GET", PATH, "oauth.auth", self._show, failure=failure),
            Route("POST", PATH, "oauth.consent", self._decide, failure=failure),
        ]

    # -- The page ---------------------------------------------------------------------------------

    def _show(self, request: Request) -> Response:
        asked = self._read(request)
        account = self._hinted(asked.login_hint)
        known = account and set(asked.scopes) <= set(
            self._tokens.granted(account.address, asked.client.id)
        )
        if account and known and asked.prompt <= {"none"}:
            return self._allow(asked, account, asked.scopes)
        if "none" in asked.prompt:
            return asked.answer(error="interaction_required" if account else "login_required")
        return consent.ask(
            target=request.target,
            client_id=asked.client.id,
            accounts=self._accounts(),
            chosen=account.address if account else "",
            asked=asked.scopes,
        )

    def _decide(self, request: Request) -> Response:
        asked = self._read(request)
        form = request.form()
        if form.get("decision") != ["allow"]:
            return asked.answer(error="access_denied")
        address = form.get("account", [""])[0].lower()
        account = next((a for a in self._accounts() if a.address == address), None)
        if account is None:
            raise Refused(consent.error("invalid_request", "Choose one of the accounts."))
        ticked = form.get("scope", [])
        given = [s for s in asked.scopes if s in scopes.SIGN_IN or s in ticked]
        return (
            self._allow(asked, account, tuple(given))
            if given
            else asked.answer(error="access_denied")
        )

    def _allow(self, asked: Asked, account: Account, given: tuple[str, ...]) -> Response:
        with self._office.store:
            before = self._tokens.granted(account.address, asked.client.id)
            given = tuple(dict.fromkeys(given + before)) if asked.incremental else given
            code = Code(
                account=account.address,
                client=asked.client.id,
                scopes=given,
                redirect_uri=asked.redirect_uri,
                challenge=asked.challenge,
                nonce=asked.nonce,
                refreshable=asked.offline and ("consent" in asked.prompt or not before),
                expires_at=self._office.clock.now() + CODE_LIFETIME,
            )
            value = self._tokens.consent(code)
        return asked.answer(
            iss=ISSUER,
            code=value,
            scope=" ".join(scopes.written(given)),
            authuser="0",
            **_hosted_domain(account),
            prompt=" ".join(sorted(asked.prompt)) or "none",
        )

    def _accounts(self) -> list[Account]:
        return [account for account in self._office.accounts() if account.provider == "google"]

    def _hinted(self, hint: str) -> Account | None:
        """A login_hint is an address or a `sub`."""
        found = (a for a in self._accounts() if hint.lower() in {a.address, a.id})
        return next(found, None)

    # -- The request ------------------------------------------------------------------------------

    def _read(self, request: Request) -> Asked:
        """Raises Refused with the page that Google shows."""
        client, redirect_uri = self._destination(request)
        asked = tuple(scopes.read(request.param("scope")))
        if unknown := [scope for scope in asked if scope not in scopes.KNOWN]:
            raise _bad("invalid_scope", f"Some requested scopes were invalid: {unknown}")
        if not asked:
            raise _bad("invalid_request", "Missing required parameter: scope")
        return Asked(
            client=client,
            redirect_uri=redirect_uri,
            scopes=asked,
            state=request.param("state"),
            nonce=request.param("nonce"),
            challenge=_challenge(request),
            prompt=_prompt(request),
            offline=request.param("access_type") == "offline",
            incremental=request.param("include_granted_scopes") == "true",
            login_hint=request.param("login_hint"),
        )

    def _destination(self, request: Request) -> tuple[Client, str]:
        for name in ("client_id", "redirect_uri", "response_type"):
            if not request.param(name):
                raise _bad("invalid_request", f"Missing required parameter: {name}")
        client = self._tokens.client(request.param("client_id"))
        if client is None:
            raise Refused(consent.error("invalid_client", "The OAuth client was not found.", 401))
        uri = request.param("redirect_uri")
        if not client.redirects_to(uri):
            raise _bad("redirect_uri_mismatch", f"You can't sign in: redirect_uri={uri}")
        if request.param("response_type") != "code":
            raise _bad("unsupported_response_type", "Invalid response_type.")
        return client, uri


def _hosted_domain(account: Account) -> dict[str, str]:
    """Of an organisation's account only."""
    domain = account.address.rpartition("@")[2]
    return {} if domain in {"gmail.com", "googlemail.com"} else {"hd": domain}


def _challenge(request: Request) -> str:
    challenge, method = request.param("code_challenge"), request.param("code_challenge_method")
    if not challenge and not method:
        return ""
    if method != "S256":
        raise _bad(
            "invalid_request", "Unsupported code_challenge_method: S256 is the only one here."
        )
    if not CHALLENGE.fullmatch(challenge):
        raise _bad("invalid_request", "Invalid code_challenge.")
    return challenge


def _prompt(request: Request) -> frozenset[str]:
    prompt = frozenset(request.param("prompt").split())
    if prompt - {"none", "consent", "select_account"} or ("none" in prompt and len(prompt) > 1):
        raise _bad("invalid_request", "Invalid parameter value for prompt.")
    return prompt


def _bad(code: str, detail: str) -> Refused:
    return Refused(consent.error(code, detail))
