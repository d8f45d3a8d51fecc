"""The main job over HTTP: connect a mailbox, see its mail on a contact's timeline, send one back."""

import re
from pathlib import Path

import requests

from infra.local.stack import Stack
from tests.local.http import add_contact, call
from tests.world import consent

CONTACT = "priya@north-loop.example"
OWNER = "ana@example.com"


def test_from_consent_to_a_sent_email(stack: Stack) -> None:
    contact = add_contact(stack, CONTACT)
    mailbox = _connect(stack)
    stack.wait_idle()
    received = _timeline(stack, contact)
    assert "Invitation: Press demo" in [line["subject"] for line in received]

    sent = _send(stack, mailbox, subject="Re: Press demo")
    stack.wait_idle()
    call(stack, "POST", f"/mailboxes/{mailbox}/sync").raise_for_status()
    stack.wait_idle()
    assert call(stack, "GET", f"/emails/{sent}").json()["status"] == "sent"
    added = _timeline(stack, contact)[: len(_timeline(stack, contact)) - len(received)]
    assert [(line["subject"], line["direction"]) for line in added] == [
        ("Re: Press demo", "outgoing")
    ]
    assert OWNER in call(stack, "GET", added[0]["message"]).text


def _connect(stack: Stack) -> str:
    asked = call(stack, "POST", "/oauth_start", json={"provider": "google"}).json()
    back = consent(asked["authorization_url"], OWNER)
    ended = requests.get(f"{stack.url}/oauth_callback", params=back, timeout=30).json()
    made = call(stack, "POST", "/mailboxes", json={"connection": ended["connection"]})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def _send(stack: Stack, mailbox: str, *, subject: str, key: str = "press-demo") -> str:
    email = {
        "mailbox_id": mailbox,
        "to": [{"address": CONTACT}],
        "subject": subject,
        "html": "<p>See you there.</p>",
    }
    answer = call(stack, "POST", "/emails", json=email, headers={"Idempotency-Key": key})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def _timeline(stack: Stack, contact: str) -> list[dict[str, str]]:
    lines: list[dict[str, str]] = call(
        stack, "GET", f"/contacts/{contact}/timeline?page_size=100"
    ).json()["activities"]
    return lines


def test_no_token_lies_in_any_document_task_or_log_line(stack: Stack, data: Path) -> None:
    """After all of the above, and some trouble on top: errors are where tokens like to leak."""
    for method in ("gmail.*", "oauth.token"):
        for fault in ({"status": 401}, {"drop": True}, {"status": 500, "answer": "html"}):
            _control(stack, "faults", {"method": method, "times": 3, **fault})
            mailbox = call(stack, "GET", "/mailboxes").json()["mailboxes"][0]["id"]
            call(stack, "POST", f"/mailboxes/{mailbox}/sync")
            _send(stack, mailbox, subject=f"{method} {fault}", key=f"{method} {fault}")
            stack.wait_idle()
    call(stack, "GET", "/oauth_callback?code=4/0secret-code-from-a-browser&state=none")

    secret = re.compile(rb"ya29\.|1//0|GOCSPX|4/0secret|BEGIN PRIVATE|code_verifier")
    kept = [path for path in data.rglob("*") if path.is_file()]
    ours = [
        path for path in kept if not path.name.startswith("simulator") and path.suffix != ".pem"
    ]
    assert any(path.suffix == ".log" and path.stat().st_size for path in ours)
    for path in ours:
        found = secret.search(path.read_bytes())
        assert not found, f"{path.name} holds {found[0]!r}" if found else ""


def _control(stack: Stack, what: str, body: dict[str, object]) -> None:
    answer = requests.post(f"{stack.simulator_url}/_simulator/{what}", json=body, timeout=30)
    answer.raise_for_status()
