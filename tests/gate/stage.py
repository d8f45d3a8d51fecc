"""A team with one mail in one mailbox, before the functions that users call; whatever a request does is
undone."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, structs
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from infra.issuer import Issuer
from shared import records
from shared.domain import ids
from shared.domain.access import Team, ThreadAccess, ThreadMark
from shared.domain.caller import Caller
from shared.domain.emails import Email, EmailStatus
from shared.domain.events import EventType
from shared.domain.mail import Address, Attachment, Content, Envelope, Mail
from shared.domain.mailboxes import Account, Connection, GrantState, Mailbox, Visibility
from shared.domain.messages import message_id
from shared.domain.sync import Progress, SyncState, Trouble
from shared.ports.documents import Data, Document, DocumentStore, Transaction, Write
from shared.services import outbox
from shared.services.accounts import confirming, tokens
from shared.services.timelines import intake
from shared.web.endpoints import Request
from tests.issuers import AUDIENCE
from tests.web.functions import api_of
from tests.world import ANA, BEN, LocalWorld, add_contact

T = TypeVar("T")

SCOPES = tuple(
    f"https://www.googleapis.com/auth/{name}"
    for name in ("gmail.readonly", "gmail.compose", "gmail.send", "calendar.events")
)
WORDS = {
    "subject": "canarysubject",
    "snippet": "canarysnippet",
    "body": "canarybody",
    "file": "canaryfile.pdf",
    "bcc": "canarybcc@secret.example",
    "rfc": "canaryrfc@example.com",
    "provider_thread": "canarythread",
    "trouble": "canarytrouble",
    "draft": "canarydraft",
    "count": "987654321",
}
"""What mail says; the ids that name it come besides."""


class Journal:
    """A DocumentStore whose writes can be taken back."""

    def __init__(self, inner: DocumentStore) -> None:
        self._inner = inner
        self._before: dict[str, Data | None] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def write(self, *batch: Write) -> None:
        self._note(batch)
        self._inner.write(*batch)

    def transaction(self, work: Callable[[Any], T]) -> T:
        def noted(transaction: Transaction) -> T:
            held = _Held(transaction)
            result = work(held)
            self._note(held.writes, transaction.get_many)
            transaction.write(*held.writes)
            return result

        return self._inner.transaction(noted)

    def _note(
        self,
        batch: Iterable[Write],
        read: Callable[[Sequence[str]], Mapping[str, Document]] | None = None,
    ) -> None:
        new = [one.path for one in batch if one.path not in self._before]
        found = (read or self._inner.get_many)(new)
        self._before |= {path: found[path].data if path in found else None for path in new}

    def keep(self) -> None:
        self._before.clear()

    def undo(self) -> None:
        writes = [
            Write("delete", path) if data is None else Write("put", path, data)
            for path, data in self._before.items()
        ]
        self._before.clear()
        for start in range(0, len(writes), 400):
            self._inner.write(*writes[start : start + 400])


class _Held:
    """A transaction whose writes wait for its end."""

    def __init__(self, inner: Transaction) -> None:
        self.get, self.get_many = inner.get, inner.get_many
        self.writes: list[Write] = []

    def write(self, *batch: Write) -> None:
        self.writes += batch


class Answer(Struct):
    status: int
    shown: set[str]
    """Names of the canaries in it, but for those that were asked with."""
    text: str


class Stage:
    def __init__(self, world: LocalWorld, issuer: Issuer) -> None:
        self.world = world
        self.journal = Journal(world.backend.documents)
        world.backend.documents = self.journal  # type: ignore[assignment]
        self._issuer = issuer
        self._tokens: dict[str, str] = {}
        self.canaries = WORDS | _fill(world)
        self.journal.keep()

    def set(
        self, visibility: Visibility, thread: ThreadAccess, widest: Visibility, *, shared: bool
    ) -> None:
        """For good."""
        documents, canaries = self.world.documents, self.canaries
        mailboxes = records.mailboxes(documents, "acme")
        held = mailboxes.get(canaries["mailbox"])
        mailboxes.put(
            held.id,
            structs.replace(held, visibility=visibility, shared=shared, marked_threads=1),
        )
        mark = ThreadMark(
            id=canaries["thread"],
            team_id="acme",
            mailbox_id=held.id,
            provider_thread_id=WORDS["provider_thread"],
            access=thread,
        )
        records.threads(documents, "acme").put(mark.id, mark)
        settings = Team(id="acme", widest_visibility=widest)
        records.team(documents, "acme").put(records.TEAM, settings)
        self.journal.keep()

    def ask(
        self, claims: Mapping[str, object], method: str, path: str, body: object = None
    ) -> Answer:
        """`path` and `body` may name canaries in braces."""
        self._prepare()
        asked = path.format_map(self.canaries)
        data = _filled(body, self.canaries)
        builder = EnvironBuilder(
            path=asked,
            method=method,
            data=data,
            content_type="application/json" if data else None,
            headers=Headers({"Authorization": f"Bearer {self._token(claims)}", "If-Match": "*"}),
        )
        api = api_of(asked.split("/")[1].partition("?")[0])
        response = api.answer(Request(builder.get_environ()), self.world)
        text = response.get_data(as_text=True) + "\n".join(map(str, response.headers.items()))
        self.journal.undo()
        known = asked + (data or "")
        shown = {n for n, word in self.canaries.items() if word in text and word not in known}
        return Answer(response.status_code, shown, text)

    def _prepare(self) -> None:
        """The token that the consent left, which confirming it takes."""
        kept = msgspec.json.encode(tokens.Kept("refresh-token"))
        pending = confirming.pending_secret(self.canaries["connection"])
        if self.world.secrets.get(pending) is None:
            self.world.secrets.put(pending, kept)

    def _token(self, claims: Mapping[str, object]) -> str:
        key = str(sorted(claims.items()))
        if key not in self._tokens:
            self._tokens[key] = self._issuer.token(AUDIENCE, timedelta(hours=3), claims)
        return self._tokens[key]


def _filled(body: object, canaries: Mapping[str, str]) -> str | None:
    if body is None:
        return None
    text = msgspec.json.encode(body).decode()
    for name, word in canaries.items():
        text = text.replace(f"<{name}>", word)
    return text


# -- what there is ----------------------------------------------------------------------------------


def _fill(world: LocalWorld) -> dict[str, str]:
    carl = add_contact(world, BEN, "carl@client.example")
    bea = add_contact(world, BEN, "bea@client.example")
    ana, ben = (_mailbox(world, caller) for caller in (ANA, BEN))
    arrival = intake.Arrival(_mail(), (carl, bea))
    intake.store(world, ana, [arrival])
    message = records.messages(world.documents, "acme").get(message_id(ana.id, "m1"))
    outbox.mail_read(world, ANA, message)
    (line,), _ = records.activities(world.documents, "acme", carl).page()
    draft = _email(world, ANA, ana, message.id, answers=message.thread, text=WORDS["draft"])
    reply = _email(world, BEN, ben, message.id, text="I answer")
    named = {"carl": carl, "bea": bea, "bens": ben.id, "reply": reply}
    named |= {"connection": _connection(world), "mailbox": ana.id, "message": message.id}
    return named | {"thread": message.thread, "line": line.id, "email": draft}


def _mailbox(world: LocalWorld, owner: Caller) -> Mailbox:
    now = world.clock.now()
    made = Mailbox(
        id=ids.derived("mailbox", owner.user_id),
        team_id="acme",
        user_id=owner.user_id,
        provider="google",
        account_id=owner.user_id,
        address=f"{owner.user_id}@example.com",
        visibility=Visibility.NOTHING,
        scopes=SCOPES,
        state=GrantState.CONNECTED,
        state_since=now,
        created_at=now,
        updated_at=now,
    )
    told = outbox.mailbox(world, made, EventType.MAILBOX_CONNECTED)
    sync = SyncState(
        mailbox_id=made.id,
        team_id="acme",
        shard=0,
        next_sync_at=now,
        progress=Progress(stored=int(WORDS["count"]) if owner is ANA else 0),
    )
    trouble = Trouble(provider_id=WORDS["trouble"], reason="odd", first_at=now, retry_at=None)
    world.documents.write(
        records.mailboxes(world.documents, "acme").creating(made.id, told.record),
        *told.also,
        records.syncs(world.documents).creating(made.id, sync),
        records.troubles(world.documents, made.id).creating("t1", trouble),
    )
    return made


def _mail() -> Mail:
    at = datetime.now(UTC) - timedelta(hours=1)
    envelope = Envelope(
        provider_id="m1",
        thread_id=WORDS["provider_thread"],
        message_id=f"<{WORDS['rfc']}>",
        subject=WORDS["subject"],
        snippet=WORDS["snippet"],
        at=at,
        dated=at,
        sender=(Address("ana@example.com"),),
        to=(Address("carl@client.example"),),
        bcc=(Address("bea@client.example"), Address(WORDS["bcc"])),
        outgoing=True,
    )
    attached = (Attachment(WORDS["file"], "application/pdf", 10),)
    return Mail(envelope, Content(text=WORDS["body"], attachments=attached))


def _email(world: LocalWorld, author: Caller, mailbox: Mailbox, answered: str, **more: str) -> str:
    now = world.clock.now()
    made = Email(
        id=ids.derived("email", author.user_id),
        team_id="acme",
        user_id=author.user_id,
        mailbox_id=mailbox.id,
        status=EmailStatus.DRAFT,
        to=(Address("carl@client.example"),),
        in_reply_to=answered,
        created_at=now,
        updated_at=now,
        **more,  # type: ignore[arg-type]
    )
    records.emails(world.documents, "acme").create(made.id, made)
    return made.id


def _connection(world: LocalWorld) -> str:
    made = Connection(
        id=ids.derived("connection"),
        team_id="acme",
        user_id="ana",
        provider="google",
        account=Account("ana-2", "ana.two@example.com"),
        scopes=SCOPES,
        missing_scopes=(),
        expires_at=world.clock.now() + timedelta(hours=1),
    )
    records.connections(world.documents, "acme").create(made.id, made)
    return made.id
