"""Writing the audit trail: who connected, shared and disconnected a mailbox, read its mail, and how its
tokens fared. An entry is written together with what it tells of wherever the store allows."""

from contextlib import suppress

from shared import records
from shared.domain import ids
from shared.domain.audit import KEPT, AuditEntry, AuditEvent
from shared.domain.caller import Caller
from shared.domain.errors import AlreadyExists
from shared.domain.mailboxes import Mailbox
from shared.domain.messages import Message
from shared.ports import Where, World, Write

PAGE = 200


def writing(
    world: World,
    mailbox: Mailbox,
    event: AuditEvent,
    *,
    once: str = "",
    user_id: str = "",
    detail: str = "",
    reason: str = "",
    message_id: str = "",
) -> Write:
    """An entry to be written with what it tells of. `once` names the occasion: writing it again, after a
    crash, changes nothing."""
    now = world.clock.now()
    made = AuditEntry(
        id=ids.derived("audit", mailbox.id, event.value, once) if once else ids.random(),
        mailbox_id=mailbox.id,
        event=event,
        user_id=user_id,
        detail=detail,
        reason=reason,
        message_id=message_id,
        at=now,
        expires_at=now + KEPT,
    )
    kept = records.audit(world.documents, mailbox.team_id, mailbox.id)
    return kept.putting(made.id, made)


def mail_read(world: World, caller: Caller, message: Message) -> None:
    """One entry a user, mail and hour: reading it again at once tells nothing new."""
    now = world.clock.now()
    hour = now.strftime("%Y-%m-%dT%H")
    made = AuditEntry(
        id=ids.derived("audit", message.id, caller.user_id, hour),
        mailbox_id=message.mailbox_id,
        event=AuditEvent.MAIL_READ,
        user_id=caller.user_id,
        message_id=message.id,
        at=now,
        expires_at=now + KEPT,
    )
    kept = records.audit(world.documents, message.team_id, message.mailbox_id)
    with suppress(AlreadyExists):
        kept.create(made.id, made)


def forget_old(world: World, mailbox: Mailbox) -> bool:
    """Deletes what is older than a year; True when nothing at all is left."""
    kept = records.audit(world.documents, mailbox.team_id, mailbox.id)
    floor = world.clock.now() - KEPT
    while old := kept.ids(Where("at", "<=", floor), order_by=("-at",), limit=PAGE):
        world.documents.write(*(kept.deleting(id) for id in old))
    return not kept.ids(order_by=("-at",), limit=1)
