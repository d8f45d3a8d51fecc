"""What an email of ours is as a mail: to be sent, and as it was sent where nobody can read it back."""

from datetime import datetime

from msgspec import structs

from shared.domain.caller import Caller
from shared.domain.emails import Email
from shared.domain.mail import Address, Content, Envelope, Mail, OutgoingMail
from shared.domain.mailboxes import Mailbox
from shared.domain.messages import Message
from shared.mime import names
from shared.mime.text import from_html
from shared.ports.world import World
from shared.services import access

SNIPPET = 200
"""Characters, as many as Gmail shows."""


def build(world: World, email: Email, mailbox: Mailbox) -> OutgoingMail:
    """An answer to what any of its authors may not see any more begins a conversation of its own."""
    authors = [Caller(id, email.team_id) for id in (email.user_id, *email.changed_by)]
    may_see = [access.answerable(world, one, email.in_reply_to) for one in authors]
    answered = may_see[0] if all(may_see) else None
    outgoing = OutgoingMail(
        mark=email.id,
        sender=Address(mailbox.address, names.one_line(mailbox.name)),
        to=email.to,
        cc=email.cc,
        bcc=email.bcc,
        subject=email.subject,
        html=email.html,
        text=email.text,
    )
    return _answering(outgoing, answered, mailbox) if answered else outgoing


def _answering(outgoing: OutgoingMail, message: Message, mailbox: Mailbox) -> OutgoingMail:
    """An answer to a message in a colleague's mailbox refers to it, but cannot join its thread: a
    thread id belongs to one mailbox."""
    envelope = message.envelope
    own_id = (envelope.message_id,) if envelope.message_id else ()
    return structs.replace(
        outgoing,
        in_reply_to=envelope.message_id,
        references=envelope.references + own_id,
        thread_id=envelope.thread_id if message.mailbox_id == mailbox.id else "",
    )


def as_written(outgoing: OutgoingMail, provider_id: str, at: datetime) -> Mail:
    """For a mailbox that may send but not read, and for a sent mail deleted at once."""
    text = outgoing.text or from_html(outgoing.html)
    envelope = Envelope(
        provider_id=provider_id,
        thread_id=outgoing.thread_id,
        subject=outgoing.subject,
        snippet=" ".join(text.split())[:SNIPPET],
        at=at,
        sender=(outgoing.sender,),
        to=outgoing.to,
        cc=outgoing.cc,
        bcc=outgoing.bcc,
        in_reply_to=outgoing.in_reply_to,
        references=outgoing.references,
        outgoing=True,
        mark=outgoing.mark,
    )
    return Mail(envelope, Content(text=text, html=outgoing.html))
