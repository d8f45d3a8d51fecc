"""Short words for calling a stack."""

from typing import Any

import requests

from infra.local.stack import Stack


def token(stack: Stack, user: str = "ada", team: str = "acme") -> str:
    answer = requests.post(f"{stack.url}/dev/token", json={"user": user, "team": team}, timeout=10)
    answer.raise_for_status()
    return str(answer.json()["token"])


def call(
    stack: Stack, method: str, path: str, *, user: str = "ada", team: str = "acme", **more: Any
) -> requests.Response:
    """As that user, with a fresh development token."""
    headers = {"Authorization": f"Bearer {token(stack, user, team)}", **more.pop("headers", {})}
    return requests.request(
        method, f"{stack.url}{path}", headers=headers, timeout=30, allow_redirects=False, **more
    )


def add_contact(stack: Stack, address: str, **who: str) -> str:
    """Its id."""
    answer = call(stack, "POST", "/contacts", json={"addresses": [address]}, **who)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])
