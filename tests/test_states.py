"""The page of all states is what the code says."""

import re
from enum import Enum
from pathlib import Path

import pytest

from shared.domain.emails import EmailStatus
from shared.domain.errors import Party
from shared.domain.mailboxes import WHO_ACTS, GrantState
from shared.services.accounts.mailboxes import SyncPhase

PAGE = Path(__file__).parent.parent / "docs" / "states.md"
ROW = re.compile(r"^\| `(\w+)` \| (.+) \| `(\w+)` \| (.+) \|$", re.MULTILINE)


def rows(title: str) -> dict[str, tuple[str, str, str]]:
    """Of the table below a title: cause, party and what is done, by state."""
    section = PAGE.read_text().partition(f"## {title}\n")[2].partition("\n## ")[0]
    return {state: (cause, party, does) for state, cause, party, does in ROW.findall(section)}


@pytest.mark.parametrize(
    ("title", "kind"),
    [("A mailbox", GrantState), ("Its sync", SyncPhase), ("An email", EmailStatus)],
)
def test_every_state_is_described_once_with_cause_party_and_what_is_done(
    title: str, kind: type[Enum]
) -> None:
    described = rows(title)
    assert set(described) == {one.value for one in kind}
    parties = {one.value for one in Party}
    for cause, party, does in described.values():
        assert party in parties
        assert cause.strip()
        assert does.strip()


def test_who_acts_is_what_the_code_says() -> None:
    for state, (_, party, _) in rows("A mailbox").items():
        assert WHO_ACTS[GrantState(state)].value == party
