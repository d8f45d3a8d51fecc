"""Writing mail onto contacts' timelines: one line per contact and mail, whoever holds copies of it."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from msgspec import structs

from shared import records
from shared.domain.contacts import Activity, Direction, activity_id, copy_place, with_copy
from shared.domain.messages import Message
from shared.mime import names
from shared.ports.documents import Write
from shared.ports.world import World
from shared.records import Versioned


def writes(world: World, messages: Sequence[Message]) -> list[Write]:
    """What must be written so that every contact's timeline shows every message exactly once.

    The writes fail with AlreadyExists or PreconditionFailed when somebody else filed a copy of one
    of the mails meanwhile; then ask again.
    """
    fresh = [_line(message, contact) for message in messages for contact in message.contact_ids]
    held = _held(world, fresh)
    lines = {id: versioned.record for id, versioned in held.items()}
    apart: list[Activity] = []
    changed: set[str] = set()
    for line in fresh:
        current = lines.get(line.id)
        if current and _is_another_mail(current, line):
            apart.append(line)
        elif (merged := with_copy(current, line)) != current:
            lines[line.id] = merged
            changed.add(line.id)
    return [_write(world, lines[id], held.get(id)) for id in lines if id in changed] + [
        _apart(world, line) for line in apart
    ]


def removing(world: World, messages: Sequence[Message]) -> list[Write]:
    """What must be written so that no timeline shows these messages. A line of which another mailbox
    holds a copy stays, and links to that one. Fails as `writes` do."""
    gone = {message.id for message in messages}
    lines = [_line(message, contact) for message in messages for contact in message.contact_ids]
    apart = [
        structs.replace(line, id=activity_id(line.contact_id, line.message_id)) for line in lines
    ]
    held = _held(world, [*lines, *apart]).values()
    return [_without(world, line, gone) for line in held if gone & set(line.record.copies.values())]


def _without(world: World, held: Versioned[Activity], gone: AbstractSet[str]) -> Write:
    line = held.record
    left = [id for id in line.copies.values() if id not in gone]
    found = records.messages(world.documents, line.team_id).many(left)
    merged: Activity | None = None
    for id in left:
        if id in found:
            merged = with_copy(merged, _line(found[id].record, line.contact_id))
    collection = _collection(world, line)
    if merged is None:
        return collection.deleting(line.id, held)
    return collection.replacing(line.id, held, structs.replace(merged, id=line.id))


def _line(message: Message, contact_id: str) -> Activity:
    envelope = message.envelope
    return Activity(
        id=activity_id(contact_id, message.fingerprint),
        team_id=message.team_id,
        contact_id=contact_id,
        direction=Direction.OUTGOING if envelope.outgoing else Direction.INCOMING,
        at=envelope.at,
        user_id=message.user_id,
        mailbox_id=message.mailbox_id,
        message_id=message.id,
        subject=names.line(envelope.subject),
        snippet=names.line(envelope.snippet),
        mail_kind=message.kind,
        copies={copy_place(message.mailbox_id, envelope.outgoing): message.id},
    )


def _held(world: World, lines: Sequence[Activity]) -> dict[str, Versioned[Activity]]:
    """Those that exist already, by id."""
    collections = {line.id: _collection(world, line) for line in lines}
    paths = {collections[id].path(id): id for id in collections}
    found = world.documents.get_many(paths)
    return {
        paths[path]: collections[paths[path]].read(document) for path, document in found.items()
    }


def _is_another_mail(held: Activity, line: Activity) -> bool:
    """Two messages in one place of one mailbox are two mails, though all their headers agree."""
    return any(held.copies.get(place, id) != id for place, id in line.copies.items())


def _write(world: World, line: Activity, held: Versioned[Activity] | None) -> Write:
    collection = _collection(world, line)
    if held is None:
        return collection.creating(line.id, line)
    return collection.replacing(line.id, held, line)


def _apart(world: World, line: Activity) -> Write:
    """Named after its own message: nobody else writes it, and writing it again changes nothing."""
    line.id = activity_id(line.contact_id, line.message_id)
    return _collection(world, line).putting(line.id, line)


def _collection(world: World, line: Activity) -> records.Collection[Activity]:
    return records.activities(world.documents, line.team_id, line.contact_id)
