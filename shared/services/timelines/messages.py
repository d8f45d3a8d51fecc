"""One stored mail, as it may be shown: its HTML cleaned of everything active."""

from datetime import datetime

from msgspec import Struct

from shared import records
from shared.domain.caller import Caller
from shared.domain.contacts import Direction
from shared.domain.mail import Address, Attachment
from shared.domain.messages import Message
from shared.domain.versions import etag
from shared.domain.views import view
from shared.mime import names
from shared.mime.sanitise import clean_html
from shared.ports.world import World
from shared.services import outbox


class MessageView(Struct, rename={"sender": "from"}):
    """One stored mail, safe to show."""

    id: str
    etag: str
    mailbox_id: str
    thread_id: str
    """The provider's conversation; it belongs to the mailbox."""
    direction: Direction
    user_id: str
    """Whose mailbox it is."""
    subject: str
    at: datetime
    sender: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    rfc_message_id: str
    """Its Message-ID."""
    in_reply_to: str
    """The Message-ID that it answers."""
    references: tuple[str, ...]
    """Message-IDs of its conversation."""
    email_id: str
    """The email of ours that it is, "" for everything else."""
    contact_ids: tuple[str, ...]
    """On whose timelines it is."""
    text: str
    html: str
    """Sanitised when it is read, so that a better sanitiser mends what is stored already."""
    attachments: tuple[Attachment, ...]


def show(world: World, caller: Caller, message_id: str, *, unread: bool = False) -> MessageView:
    """Any user of the team: the mail is on a timeline that the whole team sees. The audit trail tells
    its owner who read it, unless it is `unread`: asked for, and not shown."""
    held = records.messages(world.documents, caller.team_id).versioned(message_id)
    message = held.record
    text, html = _body(world, caller, message)
    if not unread:
        outbox.mail_read(world, caller, message)
    return view(
        MessageView,
        names.shown(message.envelope),
        id=message.id,
        etag=etag(held.version),
        mailbox_id=message.mailbox_id,
        direction=Direction.OUTGOING if message.envelope.outgoing else Direction.INCOMING,
        user_id=message.user_id,
        rfc_message_id=message.envelope.message_id,
        email_id=message.email_id,
        contact_ids=message.contact_ids,
        text=text,
        html=clean_html(html),
        attachments=names.files(message.attachments),
    )


def _body(world: World, caller: Caller, message: Message) -> tuple[str, str]:
    kept = records.pieces(world.documents, caller.team_id, message.id)
    numbers = [str(number) for number in range(message.pieces)]
    pieces = kept.many(numbers)
    ordered = [pieces[number].record for number in numbers if number in pieces]
    return "".join(p.text for p in ordered), "".join(p.html for p in ordered)
