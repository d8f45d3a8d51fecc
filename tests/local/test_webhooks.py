"""On the whole local stack: what happens is at a webhook of this machine at once, by real HTTP."""

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import requests

from infra.local.stack import Stack
from tests.local.http import add_contact
from tests.providers.server import Reply, replying, serving


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("stack")
    with Stack({}, folder) as running:
        yield running


def admin(stack: Stack) -> dict[str, str]:
    who = {"user": "ada", "team": "acme", "role": "admin"}
    answer = requests.post(f"{stack.url}/dev/token", json=who, timeout=20)
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def test_a_new_contact_is_at_the_webhook_within_seconds(stack: Stack) -> None:
    with serving(replying(Reply(204, b""))) as receiver:
        new = {"kind": "webhook", "address": f"{receiver.url}/hook", "types": ["contact"]}
        made = requests.post(
            f"{stack.url}/destinations", json=new, headers=admin(stack), timeout=20
        )
        assert made.status_code == 201, made.text
        assert made.json()["secret"].startswith("whsec_")
        begun = time.monotonic()
        contact = add_contact(stack, "carl@client.example")
        while not receiver.asked and time.monotonic() < begun + 20:
            time.sleep(0.02)
        assert time.monotonic() - begun < 10, "a hint should not wait for the schedule"
        (asked,) = receiver.asked
    event = msgspec.json.decode(asked.body)
    assert (event["type"], event["subject"]) == ("contact.changed", f"/contacts/{contact}")
    assert asked.headers["webhook-id"] == event["id"]
    assert asked.headers["webhook-signature"].startswith("v1,")
