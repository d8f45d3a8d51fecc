"""Schemathesis on the running stack: all that the description allows, and what it forbids, in every
order. No 500, no answer that is not described, no bad input that is taken."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.demo.api import User
from infra.local.stack import Stack
from tests.local.http import call, token

pytest.importorskip("schemathesis")
SECONDS = 25
"""In all, for examples, edge cases, random ones and sequences."""
# What fits its schema may still be refused: an address at no domain, a page token of another list. And
# what is deleted may be there still: a mailbox as disconnected, with its history.
_UNFIT = "positive_data_acceptance,use_after_free"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    plenty = {"USER_REQUESTS_PER_MINUTE": "1000000", "TEAM_REQUESTS_PER_MINUTE": "1000000"}
    with Stack(plenty, tmp_path_factory.mktemp("stack")) as running:
        yield running


def known(stack: Stack) -> dict[str, str]:
    """Ids of what is there, or most requests would end as 404."""
    user = User(stack.url, "ada", "acme")
    contact = user.add_contact("priya@north-loop.example").id
    mailbox = user.connect("google", "ana@example.com").id
    stack.wait_idle()
    line = next(iter(user.timeline(contact)))
    draft = {"mailbox_id": mailbox, "draft": True}
    email = call(stack, "POST", "/emails", json=draft).json()["id"]
    return {
        "wait": "0",
        "contact_id": contact,
        "mailbox_id": mailbox,
        "message_id": line.message_id,
        "email_id": email,
    }


@pytest.mark.timeout(SECONDS + 90)
def test_whatever_is_sent_is_answered_as_described(stack: Stack, tmp_path: Path) -> None:
    settings = tmp_path / "schemathesis.toml"
    ids = "\n".join(f'{name} = "{id}"' for name, id in known(stack).items())
    settings.write_text(f"[parameters]\n{ids}\n")
    program = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(settings), "--no-color"),
        *("run", f"{stack.url}/openapi", "--header", f"Authorization: Bearer {token(stack)}"),
        *("--max-time", str(SECONDS), "--checks", "all", "--exclude-checks", _UNFIT),
        *("--continue-on-failure", "--warnings", "off", "--generation-database", "none"),
    ]
    done = subprocess.run(  # noqa: S603  # the program above
        program, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
