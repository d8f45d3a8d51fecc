"""Writing the audit trail: who connected, shared and disconnected a mailbox, read its mail, and how its
tokens fared. An entry is written together with what it tells of wherever the store allows."""

from shared import records
from shared.domain import ids
from shared.domain.audit import KEPT, AuditEntry, AuditEvent
from shared.domain.caller import Caller
from shared.domain.mailboxes import Mailbox
from shared.domain.messages import Message
from shared.ports.documents import Where, Write
from shared.ports.world import World

PAGE = 200


def writing(
    world: World,
    team_id: str,
    mailbox_id: str,
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
        id=ids.derived("audit", mailbox_id, event.value, once) if once else ids.random(),
        mailbox_id=mailbox_id,
        event=event,
        user_id=user_id,
        detail=detail,
        reason=reason,
        message_id=message_id,
        at=now,
        expires_at=now + KEPT,
    )
    kept = records.audit(world.documents, team_id, mailbox_id)
    return kept.putting(made.id, made)


def mail_read(world: World, caller: Caller, message: Message) -> None:
    """One entry a user, mail and hour: reading it again at once tells nothing new."""
    hour = world.clock.now().strftime("%Y-%m-%dT%H")
    entry = writing(
        world,
        message.team_id,
        message.mailbox_id,
        AuditEvent.MAIL_READ,
        once=f"{message.id} {caller.user_id} {hour}",
        user_id=caller.user_id,
        message_id=message.id,
    )
    world.documents.write(entry)


def forget_old(world: World, mailbox: Mailbox) -> bool:
    """Deletes what is older than a year; True when nothing at all is left."""
    kept = records.audit(world.documents, mailbox.team_id, mailbox.id)
    floor = world.clock.now() - KEPT
    while old := kept.ids(Where("at", "<=", floor), order_by=("-at",), limit=PAGE):
        world.documents.write(*(kept.deleting(id) for id in old))
    return not kept.ids(order_by=("-at",), limit=1)
