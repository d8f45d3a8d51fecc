"""The story from the first mail to the last count. Each step raises Failed unless it happened."""

import time
from collections.abc import Sequence
from pathlib import Path

from infra.demo import collecting, importing, introducing, sending
from infra.demo.accounting import Report
from infra.demo.ledger import Ledger
from infra.demo.stage import Stage


def tell(stage: Stage, backend: str, mail: Path | None) -> Report:
    """All but the last judgement: whether the report adds up is for the caller to say."""
    begun = time.monotonic()
    accounts = collecting.collect(stage, mail)
    first, late = _spared(introducing.senders(accounts))
    refused = introducing.introduce(stage, first)
    for account in accounts:
        importing.connect(stage, account)
    importing.follow_imports(stage, accounts)
    for address in late:
        refused |= introducing.introduce_late(stage, address)
    importing.read(stage)
    for account in accounts:
        sending.send(stage, account)
    stage.screen.step("What became of every mail")
    report = Ledger(stage, refused).report(accounts, backend)
    report.seconds = round(time.monotonic() - begun, 2)
    stage.screen.report(report)
    return report


def _spared(senders: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The last one is added later, if there are others."""
    return (senders[:-1], senders[-1:]) if len(senders) > 1 else (senders, ())
