"""An email out of the CRM, sent as the account's owner."""

import time

from infra.demo.accounting import Account
from infra.demo.failure import Failed
from infra.demo.importing import sync_again
from infra.demo.stage import POLL, Stage
from shared.domain.contacts import Direction
from shared.domain.emails import EmailStatus
from shared.mime.addresses import require_sendable
from shared.services.sending.emails import EmailView
from shared.services.timelines.contacts import ActivityView

_DELIVERY = 60.0
"""Seconds an email may take."""
_ON_THE_WAY = {EmailStatus.QUEUED, EmailStatus.SENDING}


def send(stage: Stage, account: Account) -> None:
    """To the contact the account has most mail with. Raises Failed unless it left exactly once."""
    contact, answered = _recipient(stage, account)
    stage.screen.step(f"{account.address} writes to {contact}")
    before = _sent_by_provider(stage)
    email = _delivered(stage, account, contact, answered)
    if (number := _sent_by_provider(stage) - before) != 1:
        raise Failed(f"The provider sent {number} mails instead of one.")
    stage.settle()
    _expect_once(stage, contact, email)
    stage.screen.done("the sent mail is on the timeline, once")
    sync_again(stage, account)
    _expect_once(stage, contact, email)
    stage.screen.done("still once after another sync has met it")


def _recipient(stage: Stage, account: Account) -> tuple[str, ActivityView | None]:
    """And the mail to answer, if the account has any from them."""
    lines = {
        contact: [line for line in timeline if line.mailbox_id == account.mailbox_id]
        for contact, timeline in stage.timelines().items()
        if _sendable(contact)
    }
    if not lines:
        raise Failed("No contact has an address that mail can be sent to.")
    contact, mine = max(lines.items(), key=lambda item: len(item[1]))
    return contact, next(iter(mine), None)


def _sendable(address: str) -> bool:
    try:
        require_sendable(address)
    except ValueError:
        return False
    return True


def _delivered(
    stage: Stage, account: Account, contact: str, answered: ActivityView | None
) -> EmailView:
    """Sent, and what the provider made of it read back."""
    email, states = _followed(stage, _email(account, contact, answered))
    stage.screen.states(states)
    if email.status is not EmailStatus.SENT:
        raise Failed(f"The email is {email.status.value}. {email.failure}".strip())
    if not (email.message_id and email.rfc_message_id and email.thread_id):
        raise Failed("The sent email lacks the ids that the provider gave it.")
    stage.screen.say(f"Message-ID {email.rfc_message_id}, thread {email.thread_id}")
    return email


def _email(account: Account, contact: str, answered: ActivityView | None) -> dict[str, object]:
    return {
        "mailbox_id": account.mailbox_id,
        "to": [contact],
        "subject": f"Re: {answered.subject}" if answered else "Good to meet you",
        "html": "<p>Thank you. I will call you <b>tomorrow</b>.</p>",
        "in_reply_to": answered.message_id if answered else "",
    }


def _followed(stage: Stage, wanted: dict[str, object]) -> tuple[EmailView, list[tuple[str, float]]]:
    """Until it is no longer on its way: the email, and when it came into each of its states."""
    begun = time.monotonic()
    email = stage.user.send(wanted, key=f"demo-{wanted['mailbox_id']}")
    states = [(email.status.value, time.monotonic() - begun)]
    while email.status in _ON_THE_WAY:
        if time.monotonic() - begun > _DELIVERY:
            raise Failed(f"The email is still {email.status.value} after {_DELIVERY:.0f} s.")
        time.sleep(POLL)
        email = stage.user.email(email.id)
        if email.status.value != states[-1][0]:
            states.append((email.status.value, time.monotonic() - begun))
    return email, states


def _sent_by_provider(stage: Stage) -> int:
    return stage.simulated.counts().messages.get("sent", 0)


def _expect_once(stage: Stage, contact: str, email: EmailView) -> None:
    """Neither twice itself, nor beside a second copy under another id."""
    fresh = [line for line in stage.timeline(contact) if line.at >= email.created_at]
    shown = [line for line in stage.timeline(contact) if line.message_id == email.message_id]
    if len(shown) != 1 or len(fresh) > 1:
        raise Failed(f"The sent mail is {max(len(shown), len(fresh))} times on the timeline.")
    if shown[0].direction is not Direction.OUTGOING or shown[0].user_id != stage.user.name:
        raise Failed(f"The sent mail is {shown[0].direction.value}, by {shown[0].user_id}.")
