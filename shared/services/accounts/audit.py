"""The audit trail of a mailbox, as its owner and admins see it; written by `shared.services.outbox`."""

from datetime import datetime

from msgspec import Struct

from shared import records
from shared.domain.access import Right
from shared.domain.audit import KEPT, AuditEvent
from shared.domain.caller import Caller
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
    contact_id: str
    email_id: str
    thread_id: str


class AuditList(Struct):
    entries: list[AuditView]
    next_page_token: str


def list_(world: World, caller: Caller, mailbox_id: str, query: PageQuery) -> AuditList:
    """Newest first; for the mailbox's owner and admins. Raises NotFound, Forbidden."""
    mailbox = access.mailbox(world, caller, mailbox_id, Right.MANAGE).record
    trail = records.audit(world.documents, mailbox.team_id, mailbox.id)
    since = Where("at", ">", world.clock.now() - KEPT)
    entries, token = Pages(world, caller, query, f"audit of {mailbox_id}").plain(
        lambda limit, after: trail.page(since, order_by=("-at",), limit=limit, after=after)
    )
    return AuditList([view(AuditView, entry) for entry in entries], token)
