"""Writing mail onto contacts' timelines: one line per contact and mail, whoever holds copies of it."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from msgspec import structs

from shared import records
from shared.domain.contacts import Activity, activity_id, activity_of, with_copy
from shared.domain.messages import Message
from shared.ports.documents import Write
from shared.ports.world import World
from shared.records import Versioned
from shared.services import outbox


def writes(world: World, messages: Sequence[Message]) -> list[Sequence[Write]]:
    """What must be written so that every contact's timeline shows every message exactly once: each line
    with the event that tells of it.

    The writes fail with AlreadyExists or PreconditionFailed when somebody else filed a copy of one
    of the mails meanwhile; then ask again.
    """
    fresh = [
        activity_of(message, contact) for message in messages for contact in message.contact_ids
    ]
    stored = _stored(world, fresh)
    lines = {id: versioned.record for id, versioned in stored.items()}
    apart: dict[str, Activity] = {}
    changed: set[str] = set()
    for line in fresh:
        current = lines.get(line.id)
        if current and _is_another_mail(current, line):
            # Named after its own message: nobody else writes it.
            own = activity_id(line.contact_id, line.message_id)
            apart[own] = structs.replace(line, id=own)
        elif (merged := with_copy(current, line)) != current:
            lines[line.id] = merged
            changed.add(line.id)
    filed = _stored(world, list(apart.values()))
    return [
        *(_unit(world, lines[id], stored.get(id)) for id in lines if id in changed),
        *(_unit(world, line, None) for id, line in apart.items() if id not in filed),
        *([entry] for entry in _first_shown(world, messages)),
    ]


def _unit(world: World, line: Activity, stored: Versioned[Activity] | None) -> Sequence[Write]:
    told = outbox.activity(world, stored.record if stored else None, line)
    lines = _collection(world, line)
    if stored:
        return [lines.replacing(line.id, stored, told.record), *told.also]
    return [lines.creating(line.id, told.record), *told.also]


def _first_shown(world: World, messages: Sequence[Message]) -> list[Write]:
    contacts: dict[tuple[str, str], set[str]] = {}
    for message in messages:
        contacts.setdefault((message.team_id, message.mailbox_id), set()).update(
            message.contact_ids
        )
    return [
        write
        for (team_id, mailbox_id), ids in contacts.items()
        for write in outbox.first_shown(world, team_id, mailbox_id, ids)
    ]


def removing(world: World, messages: Sequence[Message]) -> list[Write]:
    """What must be written so that no timeline shows these messages. A line of which another mailbox
    holds a copy stays, and links to that one. Fails as `writes` do."""
    gone = {message.id for message in messages}
    lines = [
        activity_of(message, contact) for message in messages for contact in message.contact_ids
    ]
    apart = [
        structs.replace(line, id=activity_id(line.contact_id, line.message_id)) for line in lines
    ]
    held = _stored(world, [*lines, *apart]).values()
    return [_without(world, line, gone) for line in held if gone & set(line.record.copies.values())]


def _without(world: World, held: Versioned[Activity], gone: AbstractSet[str]) -> Write:
    line = held.record
    left = [id for id in line.copies.values() if id not in gone]
    found = records.messages(world.documents, line.team_id).many(left)
    merged: Activity | None = None
    for id in left:
        if id in found:
            merged = with_copy(merged, activity_of(found[id].record, line.contact_id))
    collection = _collection(world, line)
    if merged is None:
        return collection.deleting(line.id, held)
    return collection.replacing(
        line.id, held, structs.replace(merged, id=line.id, revision=line.revision)
    )


def _stored(world: World, lines: Sequence[Activity]) -> dict[str, Versioned[Activity]]:
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


def _collection(world: World, line: Activity) -> records.Collection[Activity]:
    return records.activities(world.documents, line.team_id, line.contact_id)
