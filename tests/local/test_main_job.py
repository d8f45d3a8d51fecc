"""The main job over HTTP: connect a mailbox, see its mail on a contact's timeline, send one back."""

import re
from pathlib import Path

import requests

from infra.local.stack import Stack
from tests.local.http import add_contact, call
from tests.local.kept import kept
from tests.world import consent

CONTACT = "priya@north-loop.example"
OWNER = "ana@example.com"
_SECRET = re.compile(
    rb"ya29\.|1//0|GOCSPX|4/0secret|EwB[\w-]{900}|1\.AXoA|simulator~secret|BEGIN PRIVATE|code_verifier"
)
"""Access, refresh tokens, codes and client secrets of both providers, as the simulator makes them."""


def test_from_consent_to_a_sent_email(stack: Stack) -> None:
    contact = add_contact(stack, CONTACT)
    mailbox = connect(stack)
    stack.wait_idle()
    received = timeline(stack, contact)
    assert "Invitation: Press demo" in [line["subject"] for line in received]

    sent = send(stack, mailbox, subject="Re: Press demo")
    stack.wait_idle()
    call(stack, "POST", f"/mailboxes/{mailbox}/sync").raise_for_status()
    stack.wait_idle()
    assert call(stack, "GET", f"/emails/{sent}").json()["status"] == "sent"
    added = timeline(stack, contact)[: len(timeline(stack, contact)) - len(received)]
    assert [(line["subject"], line["direction"]) for line in added] == [
        ("Re: Press demo", "outgoing")
    ]
    assert OWNER in call(stack, "GET", added[0]["message"]).text


def connect(stack: Stack, provider: str = "google", account: str = OWNER, **who: str) -> str:
    asked = call(stack, "POST", "/oauth_start", json={"provider": provider}, **who).json()
    back = consent(asked["authorization_url"], account)
    ended = requests.get(f"{stack.url}/oauth_callback", params=back, timeout=30).json()
    made = call(
        stack,
        "POST",
        "/mailboxes",
        json={"connection": ended["connection"], "visibility": "everything"},
        **who,
    )
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def send(stack: Stack, mailbox: str, *, subject: str, key: str = "press-demo") -> str:
    email = {
        "mailbox_id": mailbox,
        "to": [{"address": CONTACT}],
        "subject": subject,
        "html": "<p>See you there.</p>",
    }
    answer = call(stack, "POST", "/emails", json=email, headers={"Idempotency-Key": key})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def timeline(stack: Stack, contact: str, **who: str) -> list[dict[str, str]]:
    lines: list[dict[str, str]] = call(
        stack, "GET", f"/contacts/{contact}/timeline?page_size=100", **who
    ).json()["activities"]
    return lines


def test_no_token_lies_in_any_document_task_or_log_line(stack: Stack, data: Path) -> None:
    """With some trouble on top: errors are where tokens like to leak."""
    connect(stack)
    connect(stack, "microsoft", "ben@example.com")
    for method in ("gmail.*", "graph.*", "oauth.token", "login.token"):
        for fault in ({"status": 401}, {"drop": True}, {"status": 500, "answer": "html"}):
            _control(stack, "faults", {"method": method, "times": 3, **fault})
            for mailbox in call(stack, "GET", "/mailboxes").json()["mailboxes"]:
                call(stack, "POST", f"/mailboxes/{mailbox['id']}/sync")
                send(stack, mailbox["id"], subject="Hi", key=f"{mailbox['id']} {method} {fault}")
            stack.wait_idle()
    call(stack, "GET", "/oauth_callback?code=4/0secret-code-from-a-browser&state=none")

    found = list(kept(stack, data))
    for seen in (b'"severity":', OWNER.encode(), b'{"mailbox_id":'):
        assert any(seen in text for _, text in found)  # of logs, documents and tasks
    assert [(name, leaked[0]) for name, text in found if (leaked := _SECRET.search(text))] == []


def _control(stack: Stack, what: str, body: dict[str, object]) -> None:
    answer = requests.post(f"{stack.simulator_url}/_simulator/{what}", json=body, timeout=30)
    answer.raise_for_status()
