"""A person with a browser and a program with a token: how the tests talk to a simulator."""

import base64
import hashlib
import re
import secrets
from collections.abc import Sequence
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from msgspec import Struct

from infra.simulator import CLIENT_ID, CLIENT_SECRET, Simulator

MAIL = "https://www.googleapis.com/auth/gmail."
SCOPES = ("openid", "email", "profile", MAIL + "readonly", MAIL + "compose")
CALLBACK = "http://127.0.0.1:9/oauth_callback"
ANA, BEN = "ana@example.com", "ben@example.com"


class Pkce(Struct, frozen=True):
    verifier: str
    challenge: str

    @classmethod
    def new(cls) -> "Pkce":
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        return cls(verifier, base64.urlsafe_b64encode(digest).rstrip(b"=").decode())


class Person:
    """Somebody in front of the consent page."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.pkce = Pkce.new()

    def question(self, *, scopes: Sequence[str] = SCOPES, **changed: Any) -> dict[str, str]:
        """A request with everything right but what is `changed`; None leaves a parameter out."""
        params = {
            "client_id": CLIENT_ID,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": " ".join(scopes),
            "state": "the state",
            "nonce": "the nonce",
            "access_type": "offline",
            "prompt": "consent select_account",
            "code_challenge": self.pkce.challenge,
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in (params | changed).items() if value is not None}

    def open(self, question: dict[str, str]) -> requests.Response:
        url = self.simulator.url + "/o/oauth2/v2/auth"
        return requests.get(url, params=question, timeout=10, allow_redirects=False)

    def answer(
        self,
        question: dict[str, str],
        *,
        account: str = ANA,
        untick: Sequence[str] = (),
        decision: str = "allow",
    ) -> dict[str, str]:
        """What the callback is told."""
        return callback(self.decided(question, account=account, untick=untick, decision=decision))

    def decided(
        self,
        question: dict[str, str],
        *,
        account: str = ANA,
        untick: Sequence[str] = (),
        decision: str = "allow",
    ) -> requests.Response:
        """Reads the page and fills in its form as a browser would; the redirect to the callback."""
        page = self.open(question)
        assert page.status_code == 200, page.text
        fields = ticked(page.text)
        kept = [(name, value) for name, value in fields if value not in untick]
        form = [*kept, ("account", account), ("decision", decision)]
        answer = requests.post(
            self.simulator.url + action(page.text), data=form, timeout=10, allow_redirects=False
        )
        assert answer.status_code == 302, answer.text
        return answer

    def token(self, **form: str) -> requests.Response:
        """The token endpoint, with everything right but what `form` says."""
        right = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "redirect_uri": CALLBACK}
        return requests.post(self.simulator.url + "/token", data=right | form, timeout=10)

    def exchange(self, code: str, **form: str) -> requests.Response:
        given = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": self.pkce.verifier,
        }
        return self.token(**given | form)

    def refresh(self, refresh_token: str, **form: str) -> requests.Response:
        return self.token(**{"grant_type": "refresh_token", "refresh_token": refresh_token} | form)

    def sign_in(self, account: str = ANA, *, scopes: Sequence[str] = SCOPES) -> dict[str, Any]:
        """All of it; what the token endpoint answered."""
        code = self.answer(self.question(scopes=scopes), account=account)["code"]
        answer: dict[str, Any] = self.exchange(code).json()
        return answer


class Program:
    """Calls Gmail with one access token."""

    def __init__(self, simulator: Simulator, token: str) -> None:
        self.url = f"{simulator.url}/gmail/v1/users/me"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def get(self, path: str, **params: object) -> requests.Response:
        return self.session.get(self.url + path, params=params, timeout=10)  # type: ignore[arg-type]

    def read(self, path: str, **params: object) -> Any:
        answer = self.get(path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, **body: object) -> requests.Response:
        return self.session.post(self.url + path, json=body, timeout=10)

    def send(self, raw: bytes, **more: object) -> requests.Response:
        return self.post("/messages/send", raw=encoded(raw), **more)

    def draft(self, raw: bytes, **more: object) -> Any:
        answer = self.post("/drafts", message={"raw": encoded(raw)} | more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ids(self, path: str = "/messages", **params: object) -> list[str]:
        """Of every page."""
        ids: list[str] = []
        while True:
            page = self.read(path, **params)
            ids += [message["id"] for message in page.get("messages", [])]
            if "nextPageToken" not in page:
                return ids
            params["pageToken"] = page["nextPageToken"]

    def headers(self, message_id: str) -> dict[str, str]:
        found = self.read(f"/messages/{message_id}", format="metadata")["payload"]["headers"]
        return {header["name"]: header["value"] for header in found}


def program(simulator: Simulator, account: str = ANA, *, scopes: Sequence[str] = SCOPES) -> Program:
    simulator.add_account(account)
    token = Person(simulator).sign_in(account, scopes=scopes)["access_token"]
    return Program(simulator, token)


def mail(
    text: str = "Hello", *, sender: str = "carl@client.example", to: str = ANA, **headers: str
) -> bytes:
    named = {"From": sender, "To": to, "Subject": "Hello"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in named.items()]
    return "\r\n".join([*lines, "", text, ""]).encode()


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()


def decoded(data: str) -> bytes:
    assert "=" not in data
    return base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))


def ticked(page: str) -> list[tuple[str, str]]:
    boxes = re.findall(r'type="checkbox" name="(\w+)" value="([^"]*)" checked', page)
    return [(name, unescape(value)) for name, value in boxes]


def action(page: str) -> str:
    match = re.search(r'<form method="post" action="([^"]*)"', page)
    assert match, page
    return unescape(match[1])


def callback(answer: requests.Response) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
