"""Conversations: shown as far as the caller may see them, made private or shared by their owner."""

from datetime import datetime

from msgspec import Struct, structs

from shared import records
from shared.domain.access import Sight, ThreadAccess, ThreadMark, Visible, colleagues_see
from shared.domain.audit import AuditEvent
from shared.domain.caller import Caller, Scope
from shared.domain.contacts import Direction
from shared.domain.errors import AlreadyExists, NotFound, PreconditionFailed
from shared.domain.mail import Address
from shared.domain.mailboxes import Mailbox
from shared.domain.messages import Message
from shared.domain.versions import ANY, IfMatch, etag
from shared.domain.views import view
from shared.mime import names
from shared.ports.documents import Where
from shared.ports.world import World
from shared.records import Change, Versioned
from shared.services import access, outbox

TRIES = 5
MOST = 2_000
"""Mails of a conversation among which the newest are looked for."""
MESSAGES = 200
"""So many are shown, the newest."""


class ThreadMessage(Struct, rename={"sender": "from"}):
    """One mail of a conversation, at /messages."""

    id: str
    at: datetime
    direction: Direction
    sender: tuple[Address, ...]
    subject: str
    snippet: str
    visible: Visible


class ThreadView(Struct):
    id: str
    etag: str
    mailbox_id: str
    access: ThreadAccess
    """What colleagues see of it: as of the mailbox, nothing (private) or all (shared)."""
    messages: list[ThreadMessage]
    """Those that are stored and that the caller may see, oldest first."""


class ThreadChange(Struct, forbid_unknown_fields=True):
    access: ThreadAccess


def show(world: World, caller: Caller, thread_id: str) -> ThreadView:
    """Raises NotFound unless the caller sees something of it."""
    access.require(caller, Scope.READ)
    return _shown(world, caller, thread_id)


def _shown(world: World, caller: Caller, thread_id: str) -> ThreadView:
    stored = _messages(world, caller, thread_id)
    viewer = access.Viewer(world, caller)
    seen = [(one, sight) for one in stored if (sight := viewer.message(one))]
    if not seen:
        raise NotFound("There is no such thread here.", reason="thread_not_found")
    mark = records.threads(world.documents, caller.team_id).find(thread_id)
    return ThreadView(
        id=thread_id,
        etag=_etag(caller, mark, *(sight for _, sight in seen)),
        mailbox_id=stored[0].mailbox_id,
        access=mark.record.access if mark else ThreadAccess.AS_MAILBOX,
        messages=[_line(message, sight) for message, sight in seen],
    )


def _etag(caller: Caller, mark: Versioned[ThreadMark] | None, *sights: Sight) -> str:
    return etag(mark.version if mark else "", caller.user_id, shown=sights)


def _line(message: Message, sight: Sight) -> ThreadMessage:
    envelope = names.shown(access.as_seen(message.envelope, sight))
    return view(
        ThreadMessage,
        envelope,
        id=message.id,
        direction=Direction.OUTGOING if envelope.outgoing else Direction.INCOMING,
        visible=sight.name.lower(),
    )


def change(
    world: World,
    caller: Caller,
    thread_id: str,
    wanted: ThreadChange,
    if_match: IfMatch = ANY,
) -> ThreadView:
    """For the owner of its mailbox; holds at once, for what is stored already too. Raises NotFound,
    Forbidden, PreconditionFailed."""
    for attempt in range(TRIES):
        try:
            _mark(world, caller, thread_id, wanted, if_match)
        except (AlreadyExists, PreconditionFailed):  # the owner was at it twice at once
            if if_match.exact or attempt == TRIES - 1:
                raise
        else:
            break
    return _shown(world, caller, thread_id)


def _mark(
    world: World, caller: Caller, thread_id: str, wanted: ThreadChange, if_match: IfMatch
) -> None:
    messages = _messages(world, caller, thread_id)
    lies_in = access.own_thread(world, caller, messages)
    threads = records.threads(world.documents, caller.team_id)
    known = threads.find(thread_id)
    if_match.check(_etag(caller, known))
    mark = ThreadMark(
        id=thread_id,
        team_id=caller.team_id,
        mailbox_id=lies_in.id,
        provider_thread_id=messages[0].envelope.thread_id,
        access=wanted.access,
        revision=known.record.revision if known else 0,
    )
    before = known.record.access if known else ThreadAccess.AS_MAILBOX
    team = access.team(world, caller.team_id)
    told = outbox.thread(
        world,
        mark,
        everybody=any(colleagues_see(lies_in, one, team) for one in (before, wanted.access)),
    )

    def decide(mailbox: Mailbox) -> Change[Mailbox]:
        marked = structs.replace(mailbox, marked_threads=mailbox.marked_threads + 1)
        entry = outbox.writing(
            world,
            caller.team_id,
            mailbox.id,
            AuditEvent.THREAD_CHANGED,
            caller=caller,
            thread_id=thread_id,
            detail=f"Now {wanted.access.value}.",
        )
        marking = (
            threads.replacing(thread_id, known, told.record)
            if known
            else threads.creating(thread_id, told.record)
        )
        return Change(marked, [marking, *told.also, entry])

    records.mailboxes(world.documents, caller.team_id).change(lies_in.id, decide)


def _messages(world: World, caller: Caller, thread_id: str) -> list[Message]:
    """The newest, oldest first."""
    found: list[Message] = []
    after, more = "", True
    while more and len(found) < MOST:
        page, after = records.messages(world.documents, caller.team_id).page(
            Where("thread", "==", thread_id), limit=MESSAGES, after=after
        )
        found += page
        more = bool(after)
    return sorted(found, key=lambda message: message.envelope.at)[-MESSAGES:]
