"""A person with a browser, msal, and a program with a token: how the tests talk to Microsoft."""

import re
from collections.abc import Mapping, Sequence
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msal  # type: ignore[import-untyped]  # it ships none
import requests

from infra.simulator import MICROSOFT_CLIENT_ID, MICROSOFT_CLIENT_SECRET, Simulator
from tests.simulator.people import Pkce

ANA, BEN = "ana@contoso.example", "ben@contoso.example"
CALLBACK = "http://127.0.0.1:9/oauth_callback"
SCOPES = ("User.Read", "Mail.Read", "Mail.Send")
IMMUTABLE = {"Prefer": 'IdType="ImmutableId"'}


class Local(requests.Session):
    """What msal sends to Microsoft goes to the simulator."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__()
        self._url = simulator.url

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> Any:
        host = "https://login.microsoftonline.com"
        assert str(url).startswith(host + "/"), url
        return super().request(method, self._url + str(url)[len(host) :], *args, **kwargs)


class Person:
    """Somebody in front of the login pages, and the server of the app they came from."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.pkce = Pkce.new()

    def question(self, scopes: Sequence[str] = SCOPES, /, **changed: str | None) -> dict[str, str]:
        params: dict[str, str | None] = {
            "client_id": MICROSOFT_CLIENT_ID,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": " ".join(("openid", "profile", "offline_access", *scopes)),
            "state": "the state",
            "nonce": "the nonce",
            "prompt": "select_account",
            "code_challenge": self.pkce.challenge,
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in (params | changed).items() if value is not None}

    def open(self, question: Mapping[str, str], tenant: str = "common") -> requests.Response:
        url = f"{self.simulator.url}/{tenant}/oauth2/v2.0/authorize"
        return requests.get(url, params=dict(question), timeout=10, allow_redirects=False)

    def decide(
        self,
        question: Mapping[str, str],
        account: str = ANA,
        *,
        decision: str = "allow",
        tenant: str = "common",
    ) -> requests.Response:
        """Reads the page and sends its form as a browser would."""
        page = self.open(question, tenant)
        assert page.status_code == 200, page.text
        target = re.search(r'<form method="post" action="([^"]*)"', page.text)
        assert target, page.text
        hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)
        form = [(name, unescape(value)) for name, value in hidden]
        form += [("account", account), ("decision", decision)]
        url = self.simulator.url + unescape(target[1])
        return requests.post(url, data=form, timeout=10, allow_redirects=False)

    def answer(self, question: Mapping[str, str], account: str = ANA, **how: str) -> dict[str, str]:
        """The query that the browser comes back with."""
        answer = self.decide(question, account, **how)
        assert answer.status_code == 302, answer.text
        return callback(answer)

    def token(self, tenant: str = "common", **form: str) -> requests.Response:
        """The token endpoint, with everything right but what `form` says."""
        right = {
            "client_id": MICROSOFT_CLIENT_ID,
            "client_secret": MICROSOFT_CLIENT_SECRET,
            "redirect_uri": CALLBACK,
        }
        url = f"{self.simulator.url}/{tenant}/oauth2/v2.0/token"
        return requests.post(url, data=right | form, timeout=10)

    def exchange(self, code: str, /, **form: str) -> requests.Response:
        given = {"grant_type": "authorization_code", "code": code}
        return self.token(**given | {"code_verifier": self.pkce.verifier} | form)

    def refresh(self, refresh_token: str, /, **form: str) -> requests.Response:
        return self.token(**{"grant_type": "refresh_token", "refresh_token": refresh_token} | form)

    def sign_in(self, account: str = ANA, *, scopes: Sequence[str] = SCOPES) -> dict[str, Any]:
        """All of it; what the token endpoint answered."""
        code = self.answer(self.question(scopes), account)["code"]
        answer: dict[str, Any] = self.exchange(code).json()
        return answer


class Program:
    """Calls Graph with one access token."""

    def __init__(self, simulator: Simulator, token: str) -> None:
        self.url = f"{simulator.url}/v1.0"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def get(
        self, path: str, *, headers: Mapping[str, str] = IMMUTABLE, **params: object
    ) -> requests.Response:
        """`path` may be a link that Graph gave. Parameters are named without their "$"."""
        url = path if path.startswith("http") else self.url + path
        named = {f"${name}": str(value) for name, value in params.items()}
        return self.session.get(url, params=named, headers=dict(headers), timeout=10)

    def read(self, path: str, *, headers: Mapping[str, str] = IMMUTABLE, **params: object) -> Any:
        answer = self.get(path, headers=headers, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def all(
        self, path: str, *, headers: Mapping[str, str] = IMMUTABLE, **params: object
    ) -> list[dict[str, Any]]:
        """The entries of every page."""
        page = self.read(path, headers=headers, **params)
        entries: list[dict[str, Any]] = page["value"]
        while "@odata.nextLink" in page:
            page = self.read(page["@odata.nextLink"], headers=headers)
            entries += page["value"]
        return entries

    def round(
        self, link: str, *, headers: Mapping[str, str] = IMMUTABLE, **params: object
    ) -> tuple[list[dict[str, Any]], str]:
        """A round of delta: its entries and the deltaLink."""
        page = self.read(link, headers=headers, **params)
        entries: list[dict[str, Any]] = page["value"]
        while "@odata.nextLink" in page:
            page = self.read(page["@odata.nextLink"], headers=headers)
            entries += page["value"]
        return entries, page["@odata.deltaLink"]

    def send(self, message: Mapping[str, Any], **more: object) -> requests.Response:
        body = {"message": message} | more
        return self.session.post(self.url + "/me/sendMail", json=body, timeout=10)

    def batch(self, *requests_: Mapping[str, Any]) -> requests.Response:
        url = self.url + "/$batch"
        return self.session.post(url, json={"requests": list(requests_)}, timeout=10)

    def batched(self, *requests_: Mapping[str, Any]) -> dict[str, Any]:
        """The answers by id."""
        answer = self.batch(*requests_)
        assert answer.status_code == 200, answer.text
        return {one["id"]: one for one in answer.json()["responses"]}


def program(simulator: Simulator, account: str = ANA, *, scopes: Sequence[str] = SCOPES) -> Program:
    simulator.add_account(account, provider="microsoft")
    return Program(simulator, Person(simulator).sign_in(account, scopes=scopes)["access_token"])


def msal_client(simulator: Simulator, **more: Any) -> msal.ConfidentialClientApplication:
    given = {"client_credential": MICROSOFT_CLIENT_SECRET, "http_client": Local(simulator)} | more
    return msal.ConfidentialClientApplication(MICROSOFT_CLIENT_ID, **given)


def outgoing(*to: str, subject: str = "Offer", **more: Any) -> dict[str, Any]:
    """A message as sendMail takes it."""
    return {
        "subject": subject,
        "body": {"contentType": "html", "content": "<p>Grüße</p>"},
        "toRecipients": [{"emailAddress": {"address": address}} for address in to],
    } | more


def callback(answer: requests.Response) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
