"""One stored mail, as it may be shown: its HTML cleaned of everything active."""

from datetime import datetime

from msgspec import Struct

from shared import records
from shared.domain.access import Sight, Visible
from shared.domain.caller import Caller
from shared.domain.contacts import Direction
from shared.domain.mail import Address, Attachment, Envelope, Invitation, Kind
from shared.domain.messages import Message
from shared.domain.versions import etag
from shared.domain.views import view
from shared.mime import names, sanitise
from shared.ports.world import World
from shared.services import access, outbox
from shared.services.timelines import images


class MessageView(Struct, rename={"sender": "from"}):
    """One stored mail, safe to show."""

    id: str
    etag: str
    mailbox_id: str
    visible: Visible
    """How much of it the caller sees; the rest is empty."""
    thread: str
    """The id of its conversation, at /threads."""
    thread_id: str
    """The provider's, which belongs to the mailbox; "" to who does not see the mail whole."""
    direction: Direction
    user_id: str
    """Whose mailbox it is."""
    subject: str
    at: datetime
    kind: Kind
    sender: tuple[Address, ...]
    sent_by: Address | None
    """Who sent it for its author: an assistant, a mailing list; null when the author did."""
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
    """On whose timelines it is, as far as the caller sees that they take part."""
    text: str
    text_quoted_from: int | None
    """The offset in characters from which on an earlier mail speaks, to be folded away."""
    html: str
    """Sanitised when it is read, so that a better sanitiser mends what is stored already."""
    html_quoted_from: int | None
    """Likewise; the element that begins there has the class "quoted"."""
    cut: bool
    """The mail is longer than what is kept of it."""
    closed: str
    """Why its text cannot be shown: encrypted, signed, winmail; "" when it can."""
    invitation: Invitation | None
    attachments: tuple[Attachment, ...]
    """With those that the HTML shows, which are `inline`."""
    has_attachments: bool
    """Somebody attached a file; what is inline does not count."""


class Ticketed(Struct, forbid_unknown_fields=True):
    ticket: str
    """As it stands in the HTML of the mail."""


def show(world: World, caller: Caller, message_id: str, *, unread: bool = False) -> MessageView:
    """As much of it as the caller may see. The audit trail tells its owner who read it whole, unless it
    is `unread`: asked for, and not shown. Raises NotFound."""
    seen = access.message(world, caller, message_id)
    message, whole = seen.held.record, seen.sight is Sight.EVERYTHING
    text, html = _body(world, caller, message) if whole else ("", "")
    if whole and not unread:
        outbox.mail_read(world, caller, message)
    files = message.attachments if whole else ()
    shown = sanitise.shown(html, images.addresses(world, caller, message.id, files))
    envelope = access.as_seen(message.envelope, seen.sight)
    return view(
        MessageView,
        names.shown(envelope),
        id=message.id,
        etag=etag(seen.held.version, caller.user_id, seen.sight),
        mailbox_id=message.mailbox_id,
        thread=message.in_thread,
        visible=seen.sight.name.lower(),
        direction=Direction.OUTGOING if envelope.outgoing else Direction.INCOMING,
        thread_id=envelope.thread_id if whole else "",
        user_id=message.user_id,
        kind=message.kind,
        rfc_message_id=envelope.message_id,
        email_id=message.email_id if whole else "",
        contact_ids=message.contact_ids if whole else _taking_part(world, message, envelope),
        text=text,
        text_quoted_from=message.quoted_from if whole else None,
        html=shown.html,
        html_quoted_from=shown.quoted_from,
        cut=message.cut and whole,
        closed=message.closed if whole else "",
        invitation=message.invitation if whole else None,
        attachments=names.files(files),
        has_attachments=any(not attachment.inline for attachment in files),
    )


def _taking_part(world: World, message: Message, shown: Envelope) -> tuple[str, ...]:
    """Without those who stand in Bcc, where that is not shown."""
    addresses = {party.address for party in shown.participants()}
    contacts = records.contacts(world.documents, message.team_id).many(message.contact_ids)
    return tuple(id for id, one in contacts.items() if addresses & set(one.record.addresses))


def _body(world: World, caller: Caller, message: Message) -> tuple[str, str]:
    kept = records.pieces(world.documents, caller.team_id, message.id)
    numbers = [str(number) for number in range(message.pieces)]
    pieces = kept.many(numbers)
    ordered = [pieces[number].record for number in numbers if number in pieces]
    return "".join(p.text for p in ordered), "".join(p.html for p in ordered)
