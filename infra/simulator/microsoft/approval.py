"""The administrator's consent page: an app is approved for everybody of a tenant.

GET /{tenant}/v2.0/adminconsent?… shows the page; its form posts back to the same URL with `account` (an
administrator's address, whose tenant it is) and `decision`. The answer, by 302, has admin_consent=True and
tenant, or an error; never a code.
"""

from html import escape
from urllib.parse import urlencode

from infra.simulator.http import Refused, Request, Response, Route
from infra.simulator.microsoft import aadsts, consent
from infra.simulator.microsoft.directory import Directory
from infra.simulator.microsoft.tokens import Tokens

PATH = "/{tenant}/v2.0/adminconsent"
WAITING = {"65005", "90094", "90095", "90099", "700016", "900941"}
"""Refusals that end when an administrator approves the app."""


class Approval:
    def __init__(self, tokens: Tokens, directory: Directory) -> None:
        self._tokens = tokens
        self._directory = directory

    def routes(self) -> list[Route]:
        return [
            Route("GET", PATH, "login.adminconsent", self._show, failure=consent.failure),
            Route("POST", PATH, "login.adminconsent", self._decide, failure=consent.failure),
        ]

    def _show(self, request: Request) -> Response:
        self._redirect_uri(request)
        options = "".join(
            f'<option value="{escape(one.address)}">{escape(one.name)}</option>'
            for one in self._directory.accounts()
        )
        return consent.page(
            "Permissions requested",
            f'<form method="post" action="{escape(request.target)}"><p>Accept for your organization?</p>'
            f'<select name="account">{options}</select>'
            '<nav><button name="decision" value="deny">Cancel</button>'
            '<button name="decision" value="allow">Accept</button></nav></form>',
        )

    def _decide(self, request: Request) -> Response:
        form, uri = request.form(), self._redirect_uri(request)
        address = form.get("account", [""])[0]
        account = next((a for a in self._directory.accounts() if a.address == address), None)
        if account is None:
            raise Refused(consent.error("50058", "Pick one of the accounts."))
        tenant = self._directory.tid(account)
        if form.get("decision") != ["allow"]:
            description = aadsts.description("65004")
            denied = {"error": "access_denied", "error_description": description}
            return _back(request, uri, admin_consent="True", tenant=tenant, **denied)
        self._approve(tenant)
        return _back(request, uri, admin_consent="True", tenant=tenant)

    def _approve(self, tenant: str) -> None:
        self._directory.change_tenant(tenant, needs_admin=False)
        for account in self._directory.accounts():
            waits = self._directory.person(account.address).refused in WAITING
            if waits and self._directory.tid(account) == tenant:
                self._directory.change(account.address, refused="")

    def _redirect_uri(self, request: Request) -> str:
        app = self._tokens.app(request.param("client_id"))
        uri = request.param("redirect_uri")
        if app is None:
            raise Refused(consent.error("700016", f"Identifier '{request.param('client_id')}'."))
        if not app.redirects_to(uri):
            raise Refused(consent.error("50011", f"It was '{uri}'."))
        return uri


def _back(request: Request, uri: str, **answer: str) -> Response:
    state = request.param("state")
    fields = answer | ({"state": state} if state else {})
    glue = "&" if "?" in uri else "?"
    return Response(302, headers={"Location": f"{uri}{glue}{urlencode(fields)}"})
