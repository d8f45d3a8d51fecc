"""The audit trail of a mailbox, as its owner and admins see it; written by `shared.services.outbox`."""

from datetime import datetime

from msgspec import Struct

from shared import records
from shared.domain.audit import KEPT, AuditEntry, AuditEvent
from shared.domain.caller import Caller
from shared.ports.documents import Where
from shared.ports.world import World
from shared.services.accounts import mailboxes
from shared.services.paging import PageQuery


class AuditView(Struct):
    id: str
    event: AuditEvent
    at: datetime
    user_id: str
    """"" when Mailbridge did it by itself."""
    detail: str
    reason: str
    message_id: str


class AuditList(Struct):
    entries: list[AuditView]
    next_page_token: str


def list_(world: World, caller: Caller, mailbox_id: str, query: PageQuery) -> AuditList:
    """Newest first; for the mailbox's owner and admins. Raises NotFound, Forbidden."""
    mailbox = mailboxes.own(world, caller, mailbox_id).record
    entries, token = records.audit(world.documents, mailbox.team_id, mailbox.id).page(
        Where("at", ">", world.clock.now() - KEPT),
        order_by=("-at",),
        limit=query.page_size,
        after=query.page_token,
    )
    return AuditList([_view(entry) for entry in entries], token)


def _view(entry: AuditEntry) -> AuditView:
    return AuditView(
        id=entry.id,
        event=entry.event,
        at=entry.at,
        user_id=entry.user_id,
        detail=entry.detail,
        reason=entry.reason,
        message_id=entry.message_id,
    )
