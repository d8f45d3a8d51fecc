"""The one gate: the only way of a caller to a mailbox, message, email, line of a timeline or thread.

The rules are `shared.domain.access`. What a caller may not see is not there: NotFound, as for what never
was. What a caller sees and may not do is Forbidden.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property

from msgspec import Struct, structs

from shared import records
from shared.domain import ids
from shared.domain.access import (
    SCOPES,
    Best,
    Right,
    Sight,
    Team,
    ThreadAccess,
    best,
    is_within,
    may,
    sight,
    thread_id,
)
from shared.domain.caller import Caller, Scope
from shared.domain.contacts import Activity, Contact, activity_of, is_sent, mailbox_of_place
from shared.domain.emails import Email
from shared.domain.errors import Forbidden, NotFound
from shared.domain.events import Event, EventType
from shared.domain.mail import Envelope
from shared.domain.mailboxes import Mailbox
from shared.domain.messages import Message
from shared.ports.documents import Where
from shared.ports.world import World
from shared.records import Versioned

IN = 30
"""Values of one "in"; see ports.documents.Where."""


def require(caller: Caller, scope: Scope) -> None:
    """Raises Forbidden unless the caller's token is good for `scope`."""
    if scope not in caller.scopes:
        raise Forbidden(
            f"This token does not allow this: its `scope` claim lacks {scope.value!r}.",
            reason="missing_token_scope",
        )


def administer(caller: Caller, scope: Scope = Scope.MANAGE) -> None:
    """Raises Forbidden unless the caller is an admin of the team."""
    require(caller, scope)
    if not caller.admin:
        raise Forbidden("Only an admin of the team may do this.", reason="admins_only")


def mailbox(world: World, caller: Caller, mailbox_id: str, right: Right) -> Versioned[Mailbox]:
    """A mailbox with which the caller may do what is asked. Raises NotFound, Forbidden."""
    require(caller, SCOPES[right])
    found = records.mailboxes(world.documents, caller.team_id).versioned(mailbox_id)
    if may(caller, right, found.record):
        return found
    if not may(caller, Right.SEE, found.record):
        raise _no("mailbox", mailbox_id)
    raise Forbidden(_REFUSALS[right], reason="not_yours")


_REFUSALS = {
    Right.WRITE: "Only its owner can write from a private mailbox.",
    Right.SEND: "Only its owner can send from a private mailbox.",
    Right.MANAGE: "Only its owner or an admin may do this to a shared mailbox.",
    Right.OWN: "Only its owner decides what colleagues see of its mail, and whether they send from it.",
}


def email(world: World, caller: Caller, email_id: str, scope: Scope) -> Versioned[Email]:
    """One the caller wrote, or that lies in a mailbox whose mail the caller sees whole and may write
    from. Raises NotFound, Forbidden."""
    require(caller, scope)
    found = records.emails(world.documents, caller.team_id).versioned(email_id)
    if not Viewer(world, caller).emails([found]):
        raise _no("email", email_id)
    return found


def message(world: World, caller: Caller, message_id: str) -> "Seen":
    """Raises NotFound unless the caller sees something of it, Forbidden."""
    require(caller, Scope.READ)
    found = records.messages(world.documents, caller.team_id).versioned(message_id)
    shown = Viewer(world, caller).message(found.record)
    if not shown:
        raise _no("message", message_id)
    return Seen(found, shown)


def own_thread(world: World, caller: Caller, messages: Sequence[Message]) -> Mailbox:
    """The mailbox of a conversation, for its owner to say what colleagues see of that. Raises Forbidden
    to those who see something of it, NotFound to others."""
    require(caller, SCOPES[Right.OWN])
    viewer = Viewer(world, caller)
    if not any(viewer.message(one) for one in messages):
        raise NotFound("There is no such thread here.", reason="thread_not_found")
    lies_in = records.mailboxes(world.documents, caller.team_id).get(messages[0].mailbox_id)
    if not may(caller, Right.OWN, lies_in):
        raise Forbidden(_REFUSALS[Right.OWN], reason="not_yours")
    return lies_in


def answerable(world: World, caller: Caller, message_id: str) -> Message | None:
    """The message, if the caller sees enough of it to answer it: an answer tells its subject and id."""
    if Scope.READ not in caller.scopes:
        return None
    found = records.messages(world.documents, caller.team_id).find(message_id)
    if found is None or Viewer(world, caller).message(found.record) < Sight.SUBJECT:
        return None
    return found.record


def may_still_send(email: Email, lies_in: Mailbox) -> bool:
    """Whether its author may, at the time when it leaves."""
    return may(Caller(email.user_id, email.team_id), Right.SEND, lies_in)


def _no(noun: str, id: str) -> NotFound:
    return NotFound(f"There is no {noun} {id!r} here.", reason=f"{noun}_not_found")


class Seen(Struct, frozen=True):
    held: Versioned[Message]
    sight: Sight


class SeenLine(Struct, frozen=True):
    """A line as the viewer's best copy shows it."""

    line: Activity
    sight: Sight


class Viewer:
    """What one caller sees, judged by what holds today. For one request: it remembers what it read."""

    def __init__(self, world: World, caller: Caller) -> None:
        self._world = world
        self._caller = caller
        self._mailboxes: dict[str, Mailbox] = {}
        self._marks: dict[str, ThreadAccess] = {}

    @property
    def team_id(self) -> str:
        return self._caller.team_id

    @cached_property
    def team(self) -> Team:
        return team(self._world, self.team_id)

    # -- lists ----------------------------------------------------------------------------------------

    def mailboxes(self, found: Iterable[Versioned[Mailbox]]) -> list[Versioned[Mailbox]]:
        require(self._caller, Scope.READ)
        return [one for one in found if may(self._caller, Right.SEE, one.record)]

    def emails(self, found: Sequence[Versioned[Email]]) -> list[Versioned[Email]]:
        """Those of the caller, and of mailboxes whose mail the caller sees whole and may write from."""
        user_id = self._caller.user_id
        self._learn(
            (one.record.mailbox_id, one.record.lies_in)
            for one in found
            if one.record.user_id != user_id
        )
        return [
            one for one in found if one.record.user_id == user_id or self._sees_whole(one.record)
        ]

    def _sees_whole(self, email: Email) -> bool:
        lies_in = self._mailboxes.get(email.mailbox_id)
        if lies_in is None or not may(self._caller, Right.WRITE, lies_in):
            return False
        return self._sight(lies_in, email.lies_in, "") is Sight.EVERYTHING

    def message(self, message: Message) -> Sight:
        author_id = message.user_id if message.email_id else ""
        thread = message.in_thread
        self._learn([(message.mailbox_id, thread)])
        lies_in = self._mailboxes.get(message.mailbox_id)
        if lies_in is None:
            return Sight.NOTHING
        shown = self._sight(lies_in, thread, author_id)
        if self._caller.user_id in {lies_in.user_id, author_id} or not shown:
            return shown
        contacts = records.contacts(self._world.documents, self._caller.team_id)
        found = [one.record for one in contacts.many(message.contact_ids).values()]
        return shown if {one.id for one in found} - self.colleagues(found) else Sight.NOTHING

    def lines(self, contact: Contact, found: Sequence[Activity]) -> list[SeenLine]:
        """Those that show something, each as the best copy that the caller may see shows it."""
        self._learn((mailbox_of_place(place), "") for line in found for place in line.copies)
        known = self._with_threads(found)
        self._learn(
            (mailbox_of_place(place), _thread_at(line, place))
            for line in known
            for place in line.copies
        )
        colleague = bool(self.colleagues([contact]))
        chosen = [(line, self._best(line, colleague)) for line in known]
        others = self._messages(
            line.copies[copy.key]
            for line, copy in chosen
            if copy.key and line.copies[copy.key] != line.message_id
        )
        return [seen for line, copy in chosen if (seen := _shown(line, copy, others))]

    def _with_threads(self, found: Sequence[Activity]) -> list[Activity]:
        """With the threads of copies that an earlier release filed, where any thread matters."""
        absent = {
            (line.id, place): id
            for line in found
            for place, id in line.copies.items()
            if place not in line.threads and self._is_marked(mailbox_of_place(place))
        }
        messages = self._messages(absent.values())
        threads = {
            key: messages[id].envelope.thread_id for key, id in absent.items() if id in messages
        }
        return [
            structs.replace(
                line,
                threads=line.threads
                | {place: thread for (id, place), thread in threads.items() if id == line.id},
            )
            for line in found
        ]

    def _best(self, line: Activity, colleague: bool) -> Best:
        sights = (
            (place, self._sight_at(place, _thread_at(line, place), author_id, colleague))
            for place, id in line.copies.items()
            for author_id in [line.author_id if id == line.message_id else ""]
        )
        return best(sights, set(filter(is_sent, line.copies)))

    def _sight_at(self, place: str, thread: str, author_id: str, colleague: bool) -> Sight:
        """Of one copy on the timeline of a contact, or of a colleague."""
        lies_in = self._mailboxes.get(mailbox_of_place(place))
        if lies_in is None:
            return Sight.NOTHING
        if colleague and self._caller.user_id not in {lies_in.user_id, author_id}:
            return Sight.NOTHING
        return self._sight(lies_in, thread, author_id)

    def events(self, found: Sequence[Event]) -> list[Event | None]:
        """Each as the caller may be told it, None where that is not at all."""
        colleagues = self._learn_of(found)
        return [self._event(event, colleagues) for event in found]

    def published(self, found: Sequence[Event]) -> list[Event | None]:
        """Each as a destination of the whole team may be told it; of mail, where its mailbox shows
        colleagues something of it. For `nobody`."""
        colleagues = self._learn_of(found)
        return [self._published(event, colleagues) for event in found]

    def _learn_of(self, found: Sequence[Event]) -> set[str]:
        """What is to be known of events' mailboxes and threads; which of their contacts are colleagues."""
        self._learn(
            (mailbox_of_place(place), thread)
            for event in found
            for place, thread in (event.audience.copies | event.audience.before).items()
        )
        contact_ids = {event.audience.contact_id for event in found if event.audience.copies} - {""}
        contacts = records.contacts(self._world.documents, self.team_id).many(contact_ids)
        return self.colleagues([one.record for one in contacts.values()])

    def _published(self, event: Event, colleagues: AbstractSet[str]) -> Event | None:
        kind, copies = event.type.partition(".")[0], event.audience.copies
        lies_in = [(self._mailboxes[id], copies[id]) for id in copies if id in self._mailboxes]
        shown = any(self._sight(one, thread, "") for one, thread in lies_in)
        match kind:
            case "contact" | "team" | "destination":
                return event
            case "mailbox" | "import":
                hidden = set() if shown else {"stored"}
                data = {name: value for name, value in event.data.items() if name not in hidden}
                return structs.replace(event, data=data)
            case "thread":
                return event if event.audience.everybody else None
            case "email":
                return event if shown else None
            case "activity":
                return self._line_event(event, event.audience.contact_id in colleagues)
        return None  # of a newer release

    def _event(self, event: Event, colleagues: AbstractSet[str]) -> Event | None:
        match event.type.partition(".")[0]:
            case "contact" | "team":
                return event
            case "destination":
                return event if self._caller.admin else None
            case "mailbox" | "import" | "thread":
                return self._mailbox_event(event)
            case "email":
                return event if self._sees_email_event(event) else None
            case "activity":
                return self._line_event(event, event.audience.contact_id in colleagues)
        return None  # of a newer release

    def _mailbox_event(self, event: Event) -> Event | None:
        """Of a mailbox as such, or of what colleagues see of a thread in it."""
        (mailbox_id,) = event.audience.copies
        lies_in = self._mailboxes.get(mailbox_id)
        if lies_in is None:
            return None
        if event.type == EventType.THREAD_VISIBILITY_CHANGED.value:
            own = lies_in.user_id == self._caller.user_id
            return event if own or event.audience.everybody else None
        if may(self._caller, Right.SEE, lies_in):
            hidden = set() if self.counts(lies_in) else {"stored"}
        elif event.audience.everybody:
            hidden = event.data.keys() - {"mailbox_id", "visibility"}
        else:
            return None
        data = {name: value for name, value in event.data.items() if name not in hidden}
        return structs.replace(event, data=data)

    def _sees_email_event(self, event: Event) -> bool:
        lies_in = {id: self._mailboxes[id] for id in event.audience.copies if id in self._mailboxes}
        return self._caller.user_id == event.audience.author_id or any(
            may(self._caller, Right.WRITE, one)
            and self._sight(one, event.audience.copies[id], "") is Sight.EVERYTHING
            for id, one in lies_in.items()
        )

    def _line_event(self, event: Event, colleague: bool) -> Event | None:
        """New to whoever saw no copy of its mail before."""
        audience = event.audience

        def seen(copies: Mapping[str, str]) -> bool:
            return any(
                self._sight_at(
                    place,
                    thread,
                    audience.author_id if place == audience.authored else "",
                    colleague,
                )
                for place, thread in copies.items()
            )

        if not seen(audience.copies):
            return None
        type = EventType.ACTIVITY_CHANGED if seen(audience.before) else EventType.ACTIVITY_CREATED
        return structs.replace(event, type=type.value)

    def counts(self, lies_in: Mailbox) -> bool:
        """Whether the caller may know how much mail there is in a mailbox."""
        manages = may(self._caller, Right.MANAGE, lies_in)
        return manages or bool(self._sight(lies_in, "", ""))

    # -- what holds today -----------------------------------------------------------------------------

    def colleagues(self, contacts: Sequence[Contact]) -> set[str]:
        """The ids of those who are no contacts but members of the team: their address is a connected
        mailbox's or lies in one of its own domains."""
        addresses = {address: one.id for one in contacts for address in one.addresses}
        own = {
            id
            for address, id in addresses.items()
            if is_within(address.rpartition("@")[2], self.team.own_domains)
        }
        mailboxes = records.mailboxes(self._world.documents, self._caller.team_id)
        wanted = sorted(addresses)
        for start in range(0, len(wanted), IN):
            some = Where("address", "in", wanted[start : start + IN])
            page, _ = mailboxes.page(some, limit=IN * 10)  # one address, at several providers
            own |= {addresses[one.address] for one in page}
        return own

    def _sight(self, lies_in: Mailbox, thread: str, author_id: str) -> Sight:
        marked = self._marks.get(thread, ThreadAccess.AS_MAILBOX)
        return sight(self._caller, lies_in, marked, author_id, self.team)

    def _learn(self, copies: Iterable[tuple[str, str]]) -> None:
        """Reads what is not known yet of the mailboxes and threads of copies (mailbox, our thread id):
        a batch of either at most."""
        copies = set(copies)
        unknown = {id for id, _ in copies} - self._mailboxes.keys()
        found = records.mailboxes(self._world.documents, self._caller.team_id).many(unknown)
        self._mailboxes |= {id: one.record for id, one in found.items()}
        threads = {thread for id, thread in copies if thread and self._is_marked(id)}
        new = threads - self._marks.keys()
        marks = records.threads(self._world.documents, self._caller.team_id).many(new)
        self._marks |= {
            id: marks[id].record.access if id in marks else ThreadAccess.AS_MAILBOX for id in new
        }

    def _is_marked(self, mailbox_id: str) -> bool:
        lies_in = self._mailboxes.get(mailbox_id)
        return lies_in is not None and lies_in.marked_threads > 0

    def _messages(self, ids: Iterable[str]) -> dict[str, Message]:
        messages = records.messages(self._world.documents, self._caller.team_id)
        return {id: one.record for id, one in messages.many(ids).items()}


def team(world: World, team_id: str) -> Team:
    """The team's settings; those that hold without any where it made none."""
    found = records.team(world.documents, team_id).find(records.TEAM)
    return found.record if found else Team(id=team_id)


def nobody(world: World, team_id: str) -> Viewer:
    """Sees what mailboxes show to colleagues, owns nothing and wrote nothing: a name that no user has."""
    return Viewer(world, Caller(ids.random(), team_id))


def _thread_at(line: Activity, place: str) -> str:
    return thread_id(mailbox_of_place(place), line.threads.get(place, ""))


def _shown(line: Activity, copy: Best, messages: Mapping[str, Message]) -> SeenLine | None:
    if not copy.key:
        return None
    message_id = line.copies[copy.key]
    if message_id != line.message_id:
        if message_id not in messages:  # erased since
            return None
        line = structs.replace(activity_of(messages[message_id], line.contact_id), id=line.id)
    subject = line.subject if copy.sight >= Sight.SUBJECT else ""
    snippet = line.snippet if copy.sight is Sight.EVERYTHING else ""
    return SeenLine(structs.replace(line, subject=subject, snippet=snippet), copy.sight)


def as_seen(envelope: Envelope, sight: Sight) -> Envelope:
    """Who wrote to whom and when, and the subject to those who may see that; all of it to those who see
    everything."""
    if sight is Sight.EVERYTHING:
        return envelope
    return structs.replace(
        envelope,
        subject=envelope.subject if sight >= Sight.SUBJECT else "",
        snippet="",
        bcc=(),
        in_reply_to="",
        references=(),
        message_id="",
    )
