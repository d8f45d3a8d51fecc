"""One stored mail, as it may be shown: its HTML cleaned of everything active."""

from datetime import datetime

from msgspec import Struct

from shared import records
from shared.domain.caller import Caller
from shared.domain.contacts import Direction
from shared.domain.mail import Address, Attachment
from shared.domain.messages import Message
from shared.mime.sanitise import clean_html
from shared.ports.world import World
from shared.services import outbox


class MessageView(Struct, rename={"sender": "from"}):
    """`html` is sanitised when it is read, so that a better sanitiser mends what is stored already."""

    id: str
    mailbox_id: str
    thread_id: str
    direction: Direction
    user_id: str
    subject: str
    at: datetime
    sender: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    rfc_message_id: str
    in_reply_to: str
    references: tuple[str, ...]
    email_id: str
    contact_ids: tuple[str, ...]
    text: str
    html: str
    attachments: tuple[Attachment, ...]


def show(world: World, caller: Caller, message_id: str) -> MessageView:
    """Any user of the team: the mail is on a timeline that the whole team sees. The audit trail tells
    its owner who read it."""
    message = records.messages(world.documents, caller.team_id).get(message_id)
    text, html = _body(world, caller, message)
    outbox.mail_read(world, caller, message)
    envelope = message.envelope
    return MessageView(
        id=message.id,
        mailbox_id=message.mailbox_id,
        thread_id=envelope.thread_id,
        direction=Direction.OUTGOING if envelope.outgoing else Direction.INCOMING,
        user_id=message.user_id,
        subject=envelope.subject,
        at=envelope.at,
        sender=envelope.sender,
        to=envelope.to,
        cc=envelope.cc,
        bcc=envelope.bcc,
        reply_to=envelope.reply_to,
        rfc_message_id=envelope.message_id,
        in_reply_to=envelope.in_reply_to,
        references=envelope.references,
        email_id=message.email_id,
        contact_ids=message.contact_ids,
        text=text,
        html=clean_html(html),
        attachments=message.attachments,
    )


def _body(world: World, caller: Caller, message: Message) -> tuple[str, str]:
    kept = records.pieces(world.documents, caller.team_id, message.id)
    numbers = [str(number) for number in range(message.pieces)]
    pieces = kept.many(numbers)
    ordered = [pieces[number].record for number in numbers if number in pieces]
    return "".join(p.text for p in ordered), "".join(p.html for p in ordered)
