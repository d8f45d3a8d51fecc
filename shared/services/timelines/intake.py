"""Taking mail in: match contacts, store message, body and activities, so that doing it again changes
nothing. Used by sync for what it finds and by delivery for what was sent."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct, structs

from shared import records
from shared.domain.contacts import address_id
from shared.domain.emails import Email
from shared.domain.errors import AlreadyExists, PreconditionFailed
from shared.domain.mail import Envelope, Mail
from shared.domain.mailboxes import Mailbox
from shared.domain.messages import Message, body_pieces, from_mail
from shared.domain.planning import contacts_of
from shared.ports.documents import Write
from shared.ports.world import World
from shared.services.timelines import lines

MAX_WRITES = 400
MAX_BYTES = 6_000_000
"""Of one write, well below the store's 500 and 9 MiB; a document adds some overhead of its own."""
TRIES = 5

Guard = Callable[[], Write]
Unit = Sequence[Write]
"""What is written together or not at all: a line of a timeline and the event that tells of it."""


class Arrival(Struct, frozen=True):
    """One mail and the contacts on whose timelines it belongs."""

    mail: Mail
    contact_ids: tuple[str, ...]


def known_addresses(
    world: World, team_id: str, envelopes: Iterable[Envelope]
) -> dict[str, tuple[str, ...]]:
    """Address → contacts, of all that occur in the envelopes: one batched read."""
    wanted = {
        address_id(party.address): party.address
        for envelope in envelopes
        for party in envelope.participants()
    }
    held = records.addresses(world.documents, team_id).many(wanted)
    return {wanted[id]: entry.record.contact_ids for id, entry in held.items()}


def store(
    world: World,
    mailbox: Mailbox,
    arrivals: Sequence[Arrival],
    *also: Write,
    guard: Guard | None = None,
) -> None:
    """Stores all arrivals. `also` is written together with the last of them, or not at all. What `guard`
    gives goes into every batch: it fails when whoever stores has lost the right to."""
    write_until_settled(world, lambda: _writes(world, mailbox, arrivals), also, guard)


def refile(
    world: World, mailbox: Mailbox, messages: Sequence[Message], guard: Guard | None = None
) -> None:
    """Puts stored messages onto the timelines of contacts that were added after them."""
    known = known_addresses(world, mailbox.team_id, [message.envelope for message in messages])
    kept = records.messages(world.documents, mailbox.team_id)
    late = []
    for message in messages:
        contacts = contacts_of(message.envelope, known, mailbox.address)
        if more := tuple(c for c in contacts if c not in message.contact_ids):
            late.append(structs.replace(message, contact_ids=message.contact_ids + more))
    if late:
        updating = [[kept.updating(one.id, contact_ids=one.contact_ids)] for one in late]
        write_until_settled(world, lambda: [*lines.writes(world, late), *updating], guard=guard)


def _writes(world: World, mailbox: Mailbox, arrivals: Sequence[Arrival]) -> Iterator[Unit]:
    """Activities, then mail by mail its pieces and the message. A message comes after all that
    belongs to it: where it is there, nothing is missing, however many writes it took."""
    bodies = [body_pieces(arrival.mail.content) for arrival in arrivals]
    ours = _ours(world, mailbox, arrivals)
    messages = [
        from_mail(
            arrival.mail,
            team_id=mailbox.team_id,
            mailbox_id=mailbox.id,
            author=ours.get(arrival.mail.envelope.provider_id),
            owner_id=mailbox.user_id,
            contact_ids=arrival.contact_ids,
            pieces=len(body),
        )
        for arrival, body in zip(arrivals, bodies, strict=True)
    ]
    yield from lines.writes(world, messages)
    kept = records.messages(world.documents, mailbox.team_id)
    for message, body in zip(messages, bodies, strict=True):
        pieces = records.pieces(world.documents, mailbox.team_id, message.id)
        yield from ([pieces.putting(str(number), piece)] for number, piece in enumerate(body))
        yield [kept.putting(message.id, message)]


def _ours(world: World, mailbox: Mailbox, arrivals: Sequence[Arrival]) -> dict[str, Email]:
    """The emails of ours among them, by provider id. A mark counts only on the mailbox's own sent
    mail: anybody can write one into what they send us."""
    sent = [arrival.mail.envelope for arrival in arrivals if arrival.mail.envelope.outgoing]
    marks = {envelope.mark for envelope in sent if envelope.mark}
    held = records.emails(world.documents, mailbox.team_id).many(marks) if marks else {}
    emails = {id: v.record for id, v in held.items() if v.record.mailbox_id == mailbox.id}
    return {e.provider_id: emails[e.mark] for e in sent if e.mark in emails}


def write_until_settled(
    world: World,
    units: Callable[[], Iterable[Unit]],
    also: Sequence[Write] = (),
    guard: Guard | None = None,
) -> None:
    """Writes in as few batches as they fit in, each unit whole. Another mailbox of the team may take in a
    copy of the same mail at the same moment: then the activities are read and merged again."""
    for attempt in range(TRIES):
        try:
            for batch in _batches(units(), also):
                world.documents.write(*batch, *([guard()] if guard else []))
        except (AlreadyExists, PreconditionFailed):
            if attempt == TRIES - 1:
                raise
        else:
            return


def _batches(units: Iterable[Unit], also: Sequence[Write]) -> Iterator[list[Write]]:
    batch: list[Write] = []
    size = 0
    for unit in units:
        weight = sum(_weight(write) for write in unit)
        if batch and (len(batch) + len(unit) > MAX_WRITES or size + weight > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch += unit
        size += weight
    if batch or also:
        yield [*batch, *also]


def _weight(write: Write) -> int:
    return 2_000 + sum(len(v) * 2 for v in write.data.values() if isinstance(v, str))
