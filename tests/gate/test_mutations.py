"""Without any one call of the gate, the table no longer holds: none is there for show.

Each run of the tests takes a share, another with each commit; `make test-all` takes all.
"""

import os
import subprocess
from zlib import crc32

import pytest

from tests.gate import mutations
from tests.gate.mutations import ROOT, STAND_INS, Site
from tests.gate.stage import Stage
from tests.gate.table import BESIDES, TABLE, Row, violations

SITES = mutations.sites()
SHARES = 8
FUNCTIONS = {
    "accounts.audit": "mailboxes",
    "accounts.confirming": "mailboxes",
    "accounts.connecting": "oauth_start",
    "accounts.disconnecting": "mailboxes",
    "accounts.mailboxes": "mailboxes",
    "accounts.team": "team",
    "events.log": "events",
    "sending": "emails",
    "timelines.contacts": "contacts",
    "timelines.messages": "messages",
    "timelines.threads": "threads",
}
"""Whose rows are looked at first; the others follow."""


def share() -> list[Site]:
    if os.environ.get("TEST_ALL"):
        return SITES
    asked = ["git", "rev-parse", "HEAD"]
    head = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False).stdout  # noqa: S603
    turn = crc32(head.encode()) % SHARES
    return [site for site in SITES if crc32(site.name.encode()) % SHARES == turn]


def likely_first(site: Site) -> list[Row]:
    module = site.module.removeprefix("shared.services.")
    likely = next((f for name, f in FUNCTIONS.items() if module.startswith(name)), "")
    return sorted(TABLE, key=lambda row: row.route.split("/")[1] != likely)


def found(stage: Stage, site: Site) -> str:
    """The first thing that is wrong without it."""
    try:
        for row in likely_first(site):
            if wrong := next(violations(stage, [row]), ""):
                return wrong
        return next((wrong for check in BESIDES if (wrong := check(stage))), "")
    finally:
        stage.journal.undo()


def test_every_call_of_the_gate_has_a_stand_in() -> None:
    assert len(SITES) > 40
    assert {site.gate for site in SITES} <= STAND_INS.keys()


@pytest.mark.parametrize("site", share(), ids=lambda site: site.name)
def test_without_it_something_shows_that_must_not(stage: Stage, site: Site) -> None:
    with mutations.without(site):
        assert found(stage, site), f"nothing misses {site.name}"
