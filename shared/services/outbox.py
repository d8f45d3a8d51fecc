"""The one mouth for what happened: events for the outside, and the audit trail of each mailbox.

Whatever changes a state that people or the CRM wait for takes the write of its event from here and hands
it to the store in the same batch or transaction: neither is seen without the other. Nothing else writes
events or the trail.
"""

from collections.abc import Iterable
from typing import Any, Protocol

from msgspec import structs

from shared import records
from shared.domain import events, ids
from shared.domain.access import Team, ThreadMark, thread_id
from shared.domain.audit import KEPT, AuditEntry, AuditEvent
from shared.domain.caller import Caller
from shared.domain.contacts import Activity, Contact, mailbox_of_place
from shared.domain.destinations import Destination
from shared.domain.emails import Email
from shared.domain.events import Audience, Event, EventType
from shared.domain.mailboxes import Mailbox
from shared.domain.messages import Message
from shared.domain.sync import SyncState
from shared.ports.documents import Where, Write
from shared.ports.world import World

PAGE = 200


class Told(Protocol):
    """A record of which events tell."""

    @property
    def team_id(self) -> str: ...
    @property
    def revision(self) -> int: ...


# -- events -----------------------------------------------------------------------------------------


def mailbox(
    world: World, after: Mailbox, type: EventType, *, everybody: bool = False, **data: str
) -> records.Change[Mailbox]:
    """The mailbox as it is after a change, one revision further, and the event that tells it; to
    `everybody` where colleagues may hold what they cease to see."""
    told = structs.replace(after, revision=after.revision + 1)
    facts = {
        "mailbox_id": told.id,
        "user_id": told.user_id,
        "state": told.state.value,
        "who_acts": told.who_acts.value,
    }
    audience = Audience(copies={told.id: ""}, everybody=everybody)
    path = f"/mailboxes/{told.id}"
    event = _event(world, told, type, path, audience=audience, data=facts | data)
    return records.Change(told, [event])


def email(world: World, after: Email) -> records.Change[Email]:
    """Likewise; what happened is its status."""
    told = structs.replace(after, revision=after.revision + 1)
    audience = Audience(copies={told.mailbox_id: told.lies_in}, author_id=told.user_id)
    facts = {
        "email_id": told.id,
        "mailbox_id": told.mailbox_id,
        "user_id": told.user_id,
        "status": told.status.value,
    }
    path, type = f"/emails/{told.id}", EventType(f"email.{told.status.value}")
    event = _event(world, told, type, path, audience=audience, data=facts)
    return records.Change(told, [event])


def activity(world: World, before: Activity | None, after: Activity) -> records.Change[Activity]:
    """Likewise, of copies that are new. Whose mailboxes hold others is nobody's business: each reader is
    told by those that they may see."""
    told = structs.replace(after, revision=after.revision + 1)
    copies = {
        place: thread_id(mailbox_of_place(place), told.threads.get(place, ""))
        for place in told.copies
    }
    held = before.copies if before else {}
    audience = Audience(
        copies={place: thread for place, thread in copies.items() if place not in held},
        before={place: thread for place, thread in copies.items() if place in held},
        author_id=told.author_id,
        authored=told.leading if told.author_id else "",
        contact_id=told.contact_id,
    )
    facts = {"activity_id": told.id, "contact_id": told.contact_id, "kind": told.kind}
    path = f"/activities/{told.id}"
    type = EventType.ACTIVITY_CHANGED if before else EventType.ACTIVITY_CREATED
    event = _event(world, told, type, path, audience=audience, data=facts)
    return records.Change(told, [event])


def contact(world: World, after: Contact, change: str) -> records.Change[Contact]:
    """Likewise; `change` is created, changed or deleted."""
    told = structs.replace(after, revision=after.revision + 1)
    audience = Audience(contact_id=told.id)
    facts = {"contact_id": told.id, "change": change}
    path, type = f"/contacts/{told.id}", EventType.CONTACT_CHANGED
    event = _event(world, told, type, path, audience=audience, data=facts)
    return records.Change(told, [event])


def thread(world: World, after: ThreadMark, *, everybody: bool) -> records.Change[ThreadMark]:
    """Likewise, of what colleagues see of it; to `everybody` where they saw something, or do now."""
    told = structs.replace(after, revision=after.revision + 1)
    audience = Audience(copies={told.mailbox_id: told.id}, everybody=everybody)
    facts = {"thread_id": told.id, "mailbox_id": told.mailbox_id, "access": told.access.value}
    path, type = f"/threads/{told.id}", EventType.THREAD_VISIBILITY_CHANGED
    event = _event(world, told, type, path, audience=audience, data=facts)
    return records.Change(told, [event])


def team(world: World, after: Team) -> records.Change[Team]:
    """Likewise, of what the whole team sees; for all of it."""
    told = structs.replace(after, revision=after.revision + 1)
    facts = {"widest_visibility": told.widest_visibility.value}
    event = _event(world, told, EventType.TEAM_VISIBILITY_CHANGED, "/team", data=facts)
    return records.Change(told, [event])


def import_progress(world: World, after: SyncState) -> records.Change[SyncState]:
    """Likewise, of past mail being brought in."""
    told = structs.replace(after, revision=after.revision + 1, told_at=world.clock.now())
    facts = {
        "mailbox_id": told.mailbox_id,
        "feed": told.feed,
        "phase": told.progress.phase,
        "stored": str(told.progress.stored),
    }
    audience = Audience(copies={told.mailbox_id: ""})
    path, type = f"/mailboxes/{told.mailbox_id}/imports/{told.feed}", EventType.IMPORT_PROGRESS
    event = _event(world, told, type, path, audience=audience, data=facts)
    return records.Change(told, [event])


def destination(world: World, after: Destination, type: EventType) -> records.Change[Destination]:
    """Likewise; where it leads is its admins' business."""
    told = structs.replace(after, revision=after.revision + 1)
    facts = {"destination_id": told.id, "state": told.state.value, "reason": told.reason}
    event = _event(world, told, type, f"/destinations/{told.id}", data=facts)
    return records.Change(told, [event])


def _event(world: World, told: Told, type: EventType, subject: str, **what: Any) -> Write:
    event = Event(
        id=ids.random(),
        team_id=told.team_id,
        type=type.value,
        subject=subject,
        sequence=told.revision,
        expires_at=world.clock.now() + events.STORED,
        **what,
    )
    return records.events(world.documents, told.team_id).creating(event.id, event, stamped=("at",))


# -- the audit trail --------------------------------------------------------------------------------


def writing(
    world: World,
    team_id: str,
    mailbox_id: str,
    event: AuditEvent,
    *,
    once: str = "",
    caller: Caller | None = None,
    **facts: str,
) -> Write:
    """An entry to be written with what it tells of. `once` names the occasion: writing it again, after a
    crash, changes nothing. `caller` is None for what Mailbridge does by itself. `facts` are fields of
    AuditEntry."""
    now = world.clock.now()
    who = {"user_id": caller.user_id, "client_id": caller.client_id} if caller else {}
    made = AuditEntry(
        id=_once(mailbox_id, event, once) if once else ids.random(),
        mailbox_id=mailbox_id,
        event=event,
        at=now,
        expires_at=now + KEPT,
        **who | facts,
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
        caller=caller,
        message_id=message.id,
    )
    world.documents.write(entry)


def first_shown(
    world: World, team_id: str, mailbox_id: str, contact_ids: Iterable[str]
) -> list[Write]:
    """Entries for those contacts on whose timelines the mailbox's mail did not stand yet, with who added
    them: so an owner sees whom their mail is shown beside, and through whom."""
    trail = records.audit(world.documents, team_id, mailbox_id)
    ours = {_once(mailbox_id, AuditEvent.FIRST_SHOWN, id): id for id in contact_ids}
    known = trail.many(ours)
    new = [id for entry, id in ours.items() if entry not in known]
    contacts = records.contacts(world.documents, team_id).many(new)
    return [
        writing(
            world,
            team_id,
            mailbox_id,
            AuditEvent.FIRST_SHOWN,
            once=id,
            contact_id=id,
            user_id=contacts[id].record.created_by if id in contacts else "",
            detail="Its mail stands on the timeline of a contact that this user added.",
        )
        for id in new
    ]


def _once(mailbox_id: str, event: AuditEvent, occasion: str) -> str:
    return ids.derived("audit", mailbox_id, event.value, occasion)


def forget_old(world: World, mailbox: Mailbox) -> bool:
    """Deletes what is older than a year; True when nothing at all is left."""
    kept = records.audit(world.documents, mailbox.team_id, mailbox.id)
    floor = world.clock.now() - KEPT
    while old := kept.ids(Where("at", "<=", floor), order_by=("-at",), limit=PAGE):
        world.documents.write(*(kept.deleting(id) for id in old))
    return not kept.ids(order_by=("-at",), limit=1)
