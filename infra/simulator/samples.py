"""A few weeks in the mailboxes of a small team: what a fresh simulator holds.

Three people, Ana and Ben and Chris, sell a workshop machine; six people outside write with them.
The mails are made in code, the same on every run but for their dates, which end at `now`.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from msgspec import Struct

from infra.simulator import headers
from infra.simulator.sample_texts import (
    BOUNCE,
    CONVERSATIONS,
    EVENT,
    NEWSLETTERS,
    Conversation,
    Newsletter,
)

TEAM = {
    "ana@example.com": "Ana Flores",
    "ben@example.com": "Ben Okoro",
    "chris@example.com": "Chris Weber",
}
PROVIDERS = {"ben@example.com": "microsoft"}
"""Of those of the team whose mailbox is not at Google."""
CONTACTS = {
    "maya.lindqvist@harbor-coffee.example": "Maya Lindqvist",
    "tomas@kovac-werkstatt.example": "Tomáš Kovač",
    "j.dupont@atelier-rive.example": "Dupont, Jeanne",
    "sato@kitahama.example": "佐藤 健",
    "priya@north-loop.example": "Priya Raman",
    "buying@greenfield.example": "Greenfield Buying",
}
_POLICY = SMTP.clone(max_line_length=998)  # long References must stay in one piece


class Sample(Struct, frozen=True):
    account: str
    raw: bytes
    labels: tuple[str, ...]


def mails(now: datetime) -> Iterator[Sample]:
    """Oldest first within each conversation; no date lies after `now`."""
    for conversation in CONVERSATIONS:
        yield from _conversation(conversation, now)
    for newsletter in NEWSLETTERS:
        yield from _newsletter(newsletter, now)
    yield _bounce(now)
    yield _invitation(now)


def _conversation(conversation: Conversation, now: datetime) -> Iterator[Sample]:
    ids: list[str] = []
    for number, turn in enumerate(conversation.turns):
        mail = _mail(turn.sender, turn.to, now - timedelta(days=turn.days_ago))
        mail["Subject"] = ("Re: " if number else "") + conversation.subject
        if turn.cc:
            mail["Cc"] = [_address(address) for address in turn.cc]
        mail["Message-ID"] = f"<{conversation.key}.{number}@{turn.sender.partition('@')[2]}>"
        if ids:
            mail["In-Reply-To"], mail["References"] = ids[-1], " ".join(ids)
        ids.append(mail["Message-ID"])
        mail.set_content(turn.text)
        if turn.html:
            mail.add_alternative(turn.html, subtype="html")
        for name, (kind, data) in turn.attachments.items():
            main, _, sub = kind.partition("/")
            mail.add_attachment(data, maintype=main, subtype=sub, filename=name)
        yield from _copies(mail, turn.sender, turn.to + turn.cc)


def _newsletter(letter: Newsletter, now: datetime) -> Iterator[Sample]:
    mail = _mail(letter.sender, (letter.to,), now - timedelta(days=letter.days_ago))
    mail["Subject"] = letter.subject
    mail["List-Unsubscribe"] = f"<https://{letter.sender.partition('@')[2]}/unsubscribe>"
    mail["Message-ID"] = f"<letter.{letter.days_ago}@{letter.sender.partition('@')[2]}>"
    mail.set_content(letter.text)
    mail.add_alternative(
        f"<html><body><h1>{letter.subject}</h1><p>{letter.text}</p></body></html>", subtype="html"
    )
    yield from _copies(mail, letter.sender, (letter.to,))


def _bounce(now: datetime) -> Sample:
    """A delivery status notification (RFC 3464), as a mail server writes them."""
    mail = _mail(
        "mailer-daemon@example.com", ("ben@example.com",), now - timedelta(days=6, hours=2)
    )
    mail["Subject"] = "Delivery Status Notification (Failure)"
    mail["Message-ID"] = "<bounce.1@example.com>"
    kind = 'multipart/report; report-type=delivery-status; boundary="b1"'
    raw = headers.edited(
        mail.as_bytes() + BOUNCE.replace("\n", "\r\n").encode(),
        add=(("MIME-Version", "1.0"), ("Content-Type", kind)),
    )
    return Sample("ben@example.com", raw, ("INBOX", "UNREAD"))


def _invitation(now: datetime) -> Sample:
    """A meeting request: text, and the event as a calendar part."""
    start = now + timedelta(days=3)
    event = EVENT.format(now=now, start=start).replace("\n", "\r\n")
    sender = "priya@north-loop.example"
    mail = _mail(sender, ("ana@example.com",), now - timedelta(days=1, hours=3))
    mail["Subject"] = "Invitation: Press demo"
    mail["Message-ID"] = "<invite.1@north-loop.example>"
    mail.set_content("Priya Raman invites you to: Press demo, 45 minutes.")
    mail.add_alternative(event, subtype="calendar", params={"method": "REQUEST"})
    return Sample("ana@example.com", _raw(mail), ("INBOX", "UNREAD"))


def _mail(sender: str, to: tuple[str, ...], date: datetime) -> EmailMessage:
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = _address(sender)
    mail["To"] = [_address(address) for address in to]
    mail["Date"] = format_datetime(date)
    return mail


def _raw(mail: EmailMessage) -> bytes:
    """With boundaries of our own: the library's are made of random numbers."""
    for number, part in enumerate(mail.walk()):
        if part.is_multipart():
            part.set_boundary(f"part-{number}")
    return mail.as_bytes()


def _address(address: str) -> Address:
    name = TEAM.get(address) or CONTACTS.get(address, "")
    return Address(display_name=name, addr_spec=address)


def _copies(mail: EmailMessage, sender: str, recipients: tuple[str, ...]) -> Iterator[Sample]:
    """One in the sender's mailbox and one for each recipient who has one; `team@` reaches everybody."""
    raw = _raw(mail)
    if sender in TEAM:
        yield Sample(sender, raw, ("SENT",))
    everybody = tuple(TEAM) if "team@example.com" in recipients else recipients
    for recipient in dict.fromkeys(everybody):
        if recipient in TEAM and recipient != sender:
            yield Sample(recipient, raw, ("INBOX",))
