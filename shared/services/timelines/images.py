"""Tickets for the pictures that belong to a mail: an `<img>` of a page sends no bearer token.

A ticket stands in the HTML that its viewer was shown. It is sealed, lasts ten minutes and names viewer,
mail and part; what it opens is asked for at the gate again when it is used.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from shared.config import function_url
from shared.domain.caller import Caller
from shared.domain.errors import InvalidRequest, NotFound
from shared.domain.mail import Attachment
from shared.ports.world import World

LIFE = timedelta(minutes=10)
MOST = 100
"""Pictures of one mail that are shown."""
SHOWN = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"})
"""No SVG: it is a document with scripts."""
_CONTEXT = "image-ticket"


class Ticket(Struct, frozen=True):
    viewer: Caller
    message_id: str
    number: int
    expires_at: datetime


def addresses(
    world: World, viewer: Caller, message_id: str, attachments: Sequence[Attachment]
) -> Callable[[str], str]:
    """Content id → where the viewer's browser finds the picture, "" for what is none."""
    known = {
        one.content_id: number
        for number, one in enumerate(attachments[:MOST])
        if one.content_id and one.mime_type in SHOWN
    }
    until = world.clock.now() + LIFE

    def address(content_id: str) -> str:
        if (number := known.get(content_id)) is None:
            return ""
        plain = msgspec.json.encode(Ticket(viewer, message_id, number, until))
        ticket = world.sealer("page").seal(plain, context=_CONTEXT)
        base = function_url(world.settings.public_url, "messages")
        return f"{base}/{message_id}/images/{number}?ticket={ticket}"

    return address


def admitted(world: World, sealed: str, message_id: str, number: str) -> Caller:
    """Whom the ticket was given to. Raises NotFound for any that does not hold for this."""
    try:
        plain = world.sealer("page").open(sealed, context=_CONTEXT)
        ticket = msgspec.json.decode(plain, type=Ticket)
    except (InvalidRequest, msgspec.ValidationError):
        ticket = None
    if (
        ticket is None
        or (ticket.message_id, str(ticket.number)) != (message_id, number)
        or world.clock.now() >= ticket.expires_at
    ):
        raise NotFound("This ticket does not hold: read the mail again.", reason="ticket_expired")
    return ticket.viewer
