"""The files of a mail, read from its provider when somebody asks for one: none is kept here."""

from collections.abc import Iterator
from itertools import chain

from msgspec import Struct

from shared import records
from shared.domain.access import Sight
from shared.domain.caller import Caller
from shared.domain.errors import NotFound
from shared.domain.mail import Attachment
from shared.domain.mailboxes import Capability
from shared.mime import names
from shared.ports.world import World
from shared.services import access, outbox
from shared.services.accounts import tokens
from shared.services.timelines import images


class File(Struct, frozen=True):
    """`pieces` has at most a megabyte each, and is read once."""

    attachment: Attachment
    pieces: Iterator[bytes]


def read(world: World, caller: Caller, message_id: str, number: str) -> File:
    """A mail's attachment, counted from 0 as the mail lists them, for those who see all of the mail.
    Raises NotFound, GrantRevoked and what the provider raises."""
    seen = access.message(world, caller, message_id)
    message, files = seen.held.record, names.files(seen.held.record.attachments)
    place = (
        int(number) if number.isascii() and number.isdecimal() and len(number) < 6 else len(files)
    )
    if seen.sight is not Sight.EVERYTHING or place >= len(files):
        raise NotFound(f"This mail has no attachment {number!r}.", reason="attachment_not_found")
    mailbox = records.mailboxes(world.documents, message.team_id).get(message.mailbox_id)
    mail = tokens.mail(world, mailbox, Capability.READ)
    pieces = mail.attachment(message.envelope.provider_id, place)
    first = next(pieces, b"")  # what is wrong shows before anything is answered
    outbox.mail_read(world, caller, message)
    return File(files[place], chain((first,), pieces))


def image(world: World, ticket: str, message_id: str, number: str) -> File:
    """What a mail's HTML shows, for whoever has the ticket that stands in it. The gate is asked again.
    Raises NotFound, also for what is no picture."""
    caller = images.admitted(world, ticket, message_id, number)
    found = read(world, caller, message_id, number)
    if found.attachment.mime_type not in images.SHOWN:
        raise NotFound("This is no picture.", reason="attachment_not_found")
    return found
