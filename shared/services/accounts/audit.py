"""The audit trail of a mailbox, as its owner and admins see it; written by `shared.services.outbox`."""

from datetime import datetime

from msgspec import Struct

from shared import records
from shared.domain.access import Right
from shared.domain.audit import KEPT, AuditEntry, AuditEvent
from shared.domain.caller import Caller
from shared.domain.mailboxes import Mailbox
from shared.domain.views import view
from shared.ports.documents import Where
from shared.ports.world import World
from shared.services import access
from shared.services.paging import PageQuery, Pages


class AuditView(Struct):
    id: str
    event: AuditEvent
    at: datetime
    user_id: str
    """"" when Mailbridge did it by itself."""
    client_id: str
    """The program it was done with, as the token's issuer names it; "" when it does not."""
    detail: str
    reason: str
    message_id: str
    """This and what follows name mail: "" to everybody but the owner."""
    contact_id: str
    email_id: str
    thread_id: str


class AuditList(Struct):
    entries: list[AuditView]
    next_page_token: str


def list_(world: World, caller: Caller, mailbox_id: str, query: PageQuery) -> AuditList:
    """Newest first; for the mailbox's owner and admins. What it says of mail is for the owner whose mail
    it is. Raises NotFound, Forbidden."""
    mailbox = access.mailbox(world, caller, mailbox_id, Right.MANAGE).record
    trail = records.audit(world.documents, mailbox.team_id, mailbox.id)
    since = Where("at", ">", world.clock.now() - KEPT)
    entries, token = Pages(world, caller, query, f"audit of {mailbox_id}").visible(
        lambda limit, after: trail.page(since, order_by=("-at",), limit=limit, after=after),
        lambda found: [shown for one in found if (shown := _shown(caller, mailbox, one))],
    )
    return AuditList(entries, token)


def _shown(caller: Caller, mailbox: Mailbox, entry: AuditEntry) -> AuditView | None:
    """Admins see who did what, and not with which mail; nor does whoever owns the mailbox since."""
    theirs = mailbox.owned_since is None or entry.at >= mailbox.owned_since
    if caller.user_id == mailbox.user_id and theirs:
        return view(AuditView, entry)
    if entry.event is AuditEvent.FIRST_SHOWN:
        return None
    named = dict.fromkeys(("message_id", "contact_id", "email_id", "thread_id"), "")
    return view(AuditView, entry, **named)
