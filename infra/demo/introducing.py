"""The CRM's contacts: everybody who sent one of the mails."""

import time
from collections.abc import Sequence

from infra.demo.accounting import Account
from infra.demo.api import Refused
from infra.demo.failure import Failed
from infra.demo.stage import PATIENCE, POLL, Stage


def senders(accounts: Sequence[Account]) -> list[str]:
    """Whoever wrote one of the mails, without the team's own. Raises Failed when that is nobody."""
    team = frozenset[str]().union(*(account.team for account in accounts))
    mails = (mail for account in accounts for mail in account.mails)
    found = dict.fromkeys(mail.sender for mail in mails if mail.sender not in {"", *team})
    if not found:
        raise Failed("None of these mails names a sender who could be a contact.")
    return list(found)


def introduce(stage: Stage, addresses: Sequence[str]) -> dict[str, str]:
    """Makes contacts; address → reason for those that were refused. Raises Failed."""
    stage.screen.step("Contacts: everybody who sent one of these mails")
    found = {address: _introduce(stage, address) for address in addresses}
    refused = {address: reason for address, reason in found.items() if reason}
    for address, reason in refused.items():
        stage.screen.say(f"{address} cannot be a contact: {reason}")
    if not stage.contacts:
        raise Failed("None of the senders could be made a contact.")
    stage.screen.done(f"{len(stage.contacts):,} contacts")
    return refused


def introduce_late(stage: Stage, address: str) -> dict[str, str]:
    """A contact made after the import, whose past mail must come in on its own."""
    stage.screen.step("A contact who is added after the import")
    if reason := _introduce(stage, address):
        stage.screen.say(f"{address} cannot be a contact: {reason}")
        return {address: reason}
    *_, contact = stage.contacts
    stage.screen.say(f"POST /contacts {contact}; its past mail comes within seconds …")
    lines = _awaited(stage, contact)
    stage.screen.done(f"{contact}: past mail is on the timeline, lines: {lines}")
    return {}


def _awaited(stage: Stage, contact: str) -> int:
    """How many lines are on the timeline, once there are any and no sync is under way."""
    begun = time.monotonic()
    while not stage.timeline(contact):
        if time.monotonic() - begun > PATIENCE:
            raise Failed(f"The past mail of {contact} did not come in.")
        time.sleep(POLL)
    stage.settle()
    return len(stage.timeline(contact))


def _introduce(stage: Stage, address: str) -> str:
    """Why it was refused, "" when it is a contact now. Raises Failed."""
    try:
        made = stage.user.add_contact(address)
    except Refused as refused:
        if refused.status == 409:
            return ""  # another spelling of an address we have
        if refused.status == 400:
            return refused.said
        raise
    stage.contacts[made.addresses[0]] = made.id
    return ""
