"""Who gets what from each route: the gate as a table.

A cell is a status and what may show of the mail, in the words of `_shown`: these and no others. A mail is
seen as far as its mailbox, thread and team let; `seen` tells one cell from another by that.
"""

from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct, structs

from shared import records
from shared.domain.access import Sight, ThreadAccess
from shared.domain.events import KEPT, Audience, Event
from shared.domain.mailboxes import Visibility
from shared.services.events import log
from shared.services.sending import outgoing
from shared.services.timelines import threads
from tests.gate.stage import Stage
from tests.world import ANA, BEN

READ, DRAFT, SEND, MANAGE = "read", "draft", "send", "manage"
WORDS = (READ, DRAFT, SEND, MANAGE)


class Situation(Struct, frozen=True):
    visibility: Visibility
    thread: ThreadAccess
    widest: Visibility
    sight: Sight
    """What colleagues see of the mail."""
    of_mailbox: Sight
    """And of the mailbox's other mail."""


AS_MAILBOX, EVERYTHING = ThreadAccess.AS_MAILBOX, Visibility.EVERYTHING
SITUATIONS = {
    "everything": Situation(EVERYTHING, AS_MAILBOX, EVERYTHING, Sight.EVERYTHING, Sight.EVERYTHING),
    "subject": Situation(Visibility.SUBJECT, AS_MAILBOX, EVERYTHING, Sight.SUBJECT, Sight.SUBJECT),
    "metadata": Situation(
        Visibility.METADATA, AS_MAILBOX, EVERYTHING, Sight.METADATA, Sight.METADATA
    ),
    "nothing": Situation(Visibility.NOTHING, AS_MAILBOX, EVERYTHING, Sight.NOTHING, Sight.NOTHING),
    "private": Situation(
        EVERYTHING, ThreadAccess.PRIVATE, EVERYTHING, Sight.NOTHING, Sight.EVERYTHING
    ),
    "shared": Situation(
        Visibility.NOTHING, ThreadAccess.SHARED, EVERYTHING, Sight.EVERYTHING, Sight.NOTHING
    ),
    "narrowed": Situation(
        EVERYTHING, AS_MAILBOX, Visibility.METADATA, Sight.METADATA, Sight.METADATA
    ),
    "shared and narrowed": Situation(
        Visibility.NOTHING, ThreadAccess.SHARED, Visibility.SUBJECT, Sight.SUBJECT, Sight.NOTHING
    ),
}

ANAS = {"sub": "ana", "team": "acme"}
BENS = {"sub": "ben", "team": "acme"}
VIEWERS: dict[str, tuple[Mapping[str, object], bool]] = {
    "owner": (ANAS, False),
    "colleague": (BENS, False),
    "partner": (BENS, True),
    "admin": ({"sub": "root", "team": "acme", "role": "admin"}, False),
    "stranger": ({"sub": "eve", "team": "evil-corp"}, False),
}
"""Claims, and whether the mailbox is shared: a partner is a colleague who may send from it."""


class Seen(Struct, frozen=True):
    """One cell to whoever sees at least so much of the mail, another to others."""

    least: Sight
    cell: str
    other: str


Cell = str | Seen


def seen(cell: str, other: str = "404", least: Sight = Sight.METADATA) -> Seen:
    return Seen(least, cell, other)


class Row(Struct, frozen=True, kw_only=True):
    route: str
    ask: str = ""
    """The path, where the route's own will not do."""
    body: object = None
    scope: str = ""
    """Of a token; "" where anybody may call."""
    cells: Mapping[str, Cell]
    """By viewer."""
    scoped: str = "owner"
    """Who is let in at all, to be kept out for want of a scope."""

    @property
    def name(self) -> str:
        return f"{self.route} {self.ask} {self.body or ''}".strip()

    @property
    def path(self) -> str:
        return self.ask or self.route.partition(" ")[2].replace("_id}", "}")


def same(cell: Cell, stranger: Cell = "404") -> dict[str, Cell]:
    """To everybody in the team."""
    team = dict.fromkeys(("owner", "colleague", "partner", "admin"), cell)
    return {**team, "stranger": stranger}


def to(owner: Cell, colleague: Cell, partner: Cell, admin: Cell, stranger: Cell) -> dict[str, Cell]:
    return {
        "owner": owner,
        "colleague": colleague,
        "partner": partner,
        "admin": admin,
        "stranger": stranger,
    }


MAIL = "/mailboxes/{mailbox}"
DRAFTED = seen("200 draft", least=Sight.EVERYTHING)
TABLE = [
    # -- mailboxes: owner, colleague, partner, admin, stranger
    Row(
        route="POST /oauth_start",
        body={"provider": "google"},
        scope=MANAGE,
        cells=same("200", "200"),
    ),
    Row(
        route="POST /oauth_start",
        body={"provider": "google", "mailbox_id": "<mailbox>"},
        scope=MANAGE,
        cells=to("200", "404", "403", "200", "404"),
    ),
    Row(route="GET /oauth_callback", ask="/oauth_callback?state=x", cells=same("400", "400")),
    Row(
        route="POST /mailboxes",
        body={"connection": "<connection>", "visibility": "everything"},
        scope=MANAGE,
        cells=to("201/400", "403", "403", "403", "404"),
    ),
    Row(
        route="GET /mailboxes",
        scope=READ,
        cells=to("200 mailbox", "200", "200 counted", "200 mailbox", "200"),
    ),
    Row(
        route="GET /mailboxes/{mailbox_id}",
        scope=READ,
        cells=to("200 mailbox trouble", "404", "200 counted", "200 mailbox", "404"),
    ),
    Row(
        route="PATCH /mailboxes/{mailbox_id}",
        body={"name": "Sales"},
        scope=MANAGE,
        cells=to("200 mailbox trouble", "404", "403", "200 mailbox", "404"),
    ),
    Row(
        route="PATCH /mailboxes/{mailbox_id}",
        body={"shared": True},
        scope=MANAGE,
        cells=to("200 mailbox trouble", "404", "403", "403", "404"),
    ),
    Row(
        route="PATCH /mailboxes/{mailbox_id}",
        body={"visibility": "everything"},
        scope=MANAGE,
        cells=to("200/400 mailbox trouble", "404", "403", "403", "404"),
    ),
    Row(
        route="POST /mailboxes/{mailbox_id}/sync",
        scope=READ,
        cells=to("202 mailbox trouble", "404", "202 counted", "202 mailbox", "404"),
    ),
    Row(
        route="GET /mailboxes/{mailbox_id}/audit",
        scope=MANAGE,
        cells=to("200 trail", "404", "403", "200", "404"),
    ),
    Row(
        route="DELETE /mailboxes/{mailbox_id}",
        scope=MANAGE,
        cells=to("204", "404", "403", "204", "404"),
    ),
    # -- contacts are the team's; their mail is not
    Row(
        route="POST /contacts",
        body={"addresses": ["new@client.example"]},
        scope=MANAGE,
        cells=same("201", "201"),
    ),
    Row(
        route="POST /contacts",
        body={"addresses": ["bea@client.example"]},
        scope=MANAGE,
        cells=same("409 bea", "201"),
    ),
    Row(route="GET /contacts", scope=READ, cells=same("200 bea", "200")),
    Row(
        route="GET /contacts",
        ask="/contacts?address=bea@client.example",
        scope=READ,
        cells=same("200 bea", "200"),
    ),
    Row(route="GET /contacts/{contact_id}", ask="/contacts/{carl}", scope=READ, cells=same("200")),
    Row(
        route="GET /contacts/{contact_id}/timeline",
        ask="/contacts/{carl}/timeline",
        scope=READ,
        cells=same("200 line"),
    ),
    Row(
        route="GET /contacts/{contact_id}/timeline",
        ask="/contacts/{carl}/timeline?page_size=1",
        scope=READ,
        cells=same("200 line"),
    ),
    # -- mail
    Row(route="GET /messages/{message_id}", scope=READ, cells=same(seen("200 mail"))),
    Row(  # whoever is let through is told that this account has no token
        route="GET /messages/{message_id}/attachments/{number}",
        ask="/messages/{message}/attachments/0",
        scope=READ,
        cells=same(seen("409", least=Sight.EVERYTHING)),
    ),
    Row(
        route="GET /messages/{message_id}/images/{number}",
        ask="/messages/{message}/images/0?ticket=x",
        cells=same("404"),
    ),
    Row(route="GET /threads/{thread_id}", scope=READ, cells=same(seen("200 thread"))),
    Row(
        route="PATCH /threads/{thread_id}",
        body={"access": "shared"},
        scope=MANAGE,
        cells=same(seen("403")) | {"owner": "200 thread"},
    ),
    Row(
        route="GET /events",
        scope=READ,
        cells=to(
            "200 told mailbox_id", "200 told", "200 told mailbox_id", "200 told mailbox_id", "200"
        ),
    ),
    # -- destinations
    *(
        Row(
            route=f"{method} /destinations{path}",
            ask=f"/destinations{path}".replace("{destination_id}", "unknown").replace(
                "{letter_id}", "unknown"
            ),
            body=body,
            scope=scope,
            scoped="admin",
            cells=same("403", "403") | {"admin": "404"},
        )
        for method, path, body, scope in (
            ("GET", "/{destination_id}", None, READ),
            ("PATCH", "/{destination_id}", {"state": "paused"}, MANAGE),
            ("DELETE", "/{destination_id}", None, MANAGE),
            ("POST", "/{destination_id}/test", None, MANAGE),
            ("POST", "/{destination_id}/rotate", None, MANAGE),
            ("POST", "/{destination_id}/replay", {"since": "2026-11-20T09:00:00Z"}, MANAGE),
            ("GET", "/{destination_id}/dead-letters", None, READ),
            ("POST", "/{destination_id}/dead-letters/{letter_id}/send", None, MANAGE),
        )
    ),
    Row(
        route="GET /destinations",
        scope=READ,
        scoped="admin",
        cells=same("403", "403") | {"admin": "200"},
    ),
    Row(
        route="POST /destinations",
        body={"kind": "webhook", "address": "http://127.0.0.1:9/hook"},
        scope=MANAGE,
        scoped="admin",
        cells=same("403", "403") | {"admin": "201"},
    ),
    # -- the team
    Row(route="GET /team", scope=READ, cells=same("200", "200")),
    Row(
        route="PATCH /team",
        body={"own_domains": []},
        scope=MANAGE,
        scoped="admin",
        cells=same("403", "403") | {"admin": "200"},
    ),
    # -- emails
    Row(
        route="POST /emails",
        body={"mailbox_id": "<mailbox>", "draft": True, "subject": "Hi"},
        scope=DRAFT,
        cells=to("202", "404", "202", "403", "404"),
    ),
    Row(
        route="POST /emails",
        body={"mailbox_id": "<mailbox>", "to": ["carl@client.example"], "subject": "Hi"},
        scope=SEND,
        cells=to("202", "404", "202", "403", "404"),
    ),
    Row(
        route="POST /emails",
        body={"mailbox_id": "<bens>", "draft": True, "subject": "Hi", "in_reply_to": "<message>"},
        scope=DRAFT,
        scoped="colleague",
        cells=same(seen("202", "400", Sight.SUBJECT)) | {"owner": "404", "admin": "403"},
    ),
    Row(
        route="GET /emails",
        scope=READ,
        cells=to("200 draft", "200 message", "200 message", "200", "200"),
    ),
    Row(
        route="GET /emails",
        ask="/emails?mailbox_id={mailbox}",
        scope=READ,
        cells=to("200 draft", "404", seen("200 draft", "200", Sight.EVERYTHING), "200", "404"),
    ),
    Row(
        route="GET /emails/{email_id}",
        scope=READ,
        cells=to("200 draft", "404", DRAFTED, "404", "404"),
    ),
    Row(
        route="PATCH /emails/{email_id}",
        body={"subject": "Other"},
        scope=DRAFT,
        cells=to("200 draft", "404", DRAFTED, "404", "404"),
    ),
    Row(
        route="DELETE /emails/{email_id}",
        scope=DRAFT,
        cells=to("204", "404", seen("204", least=Sight.EVERYTHING), "404", "404"),
    ),
    Row(
        route="POST /emails/{email_id}/send",
        scope=SEND,
        cells=to(
            "202 draft answered",
            "404",
            seen("202 draft answered", least=Sight.EVERYTHING),
            "404",
            "404",
        ),
    ),
    Row(
        route="POST /emails/{email_id}/send",
        ask="/emails/{reply}/send",
        scope=SEND,
        scoped="colleague",
        cells=same("202 message answered") | {"owner": "404", "admin": "404", "stranger": "404"},
    ),
    Row(
        route="POST /emails/{email_id}/cancel",
        scope=SEND,
        cells=to("200 draft", "404", DRAFTED, "404", "404"),
    ),
    # -- the contract
    Row(route="GET /openapi", cells=same("200", "200")),
    Row(route="GET /openapi/reference", cells=same("200", "200")),
    Row(route="GET /openapi/{name}", ask="/openapi/nothing", cells=same("404", "404")),
]


def _shown(what: str, sight: Sight, of_mailbox: Sight) -> set[str]:
    """The canaries that a word of a cell stands for, to somebody who sees so much."""
    subject = {"subject"} if sight >= Sight.SUBJECT else set()
    rest = {"snippet"} if sight is Sight.EVERYTHING else set()
    told = {"message", "mailbox", "thread", "carl"} | subject
    whole = {"body", "file", "bcc", "bea", "rfc", "provider_thread"}
    return {
        "mailbox": {"mailbox", "count"},
        "counted": {"mailbox", "count"} if of_mailbox else {"mailbox"},
        "mailbox_id": {"mailbox"},
        "trouble": {"trouble"},
        "message": {"message"},
        "bea": {"bea"},
        "trail": {"message", "bea", "carl"},
        "told": {"bea", "carl"} | ({"line"} if sight else set()),
        "line": {"line", "mailbox", "message"} | subject | rest if sight else set(),
        "thread": {"thread", "mailbox", "message"} | subject | rest,
        "mail": told | whole if sight is Sight.EVERYTHING else told,
        "draft": {"draft", "email", "mailbox", "message"},
        "answered": subject,
    }[what]


NAMES_OF_OURS = {"carl", "bens", "reply", "connection"}
"""Canaries that are no secret within the team, and are looked at only where a cell names them."""


def violations(stage: Stage, rows: list[Row]) -> Iterator[str]:
    """What these rows say and the functions do not do."""
    for row in rows:
        yield from _scopes(stage, row)
    for name, situation in SITUATIONS.items():
        for shared in (False, True):
            stage.set(situation.visibility, situation.thread, situation.widest, shared=shared)
            for viewer, (claims, partner) in VIEWERS.items():
                if partner is shared:
                    for row in rows:
                        if wrong := _wrong(stage, row, viewer, claims, situation):
                            yield f"{row.name}, {viewer}, {name}: {wrong}"


def _wrong(
    stage: Stage, row: Row, viewer: str, claims: Mapping[str, object], situation: Situation
) -> str:
    owner, stranger = viewer == "owner", viewer == "stranger"
    sight = Sight.EVERYTHING if owner else Sight.NOTHING if stranger else situation.sight
    cell = row.cells[viewer]
    if isinstance(cell, Seen):
        cell = cell.cell if sight >= cell.least else cell.other
    status, *words = cell.split()
    if "/" in status:  # beyond what the team allows
        status = status.split("/")[situation.widest is not EVERYTHING]
        words = words if status[0] == "2" else []
    of_mailbox = Sight.EVERYTHING if owner else situation.of_mailbox
    wanted = {name for word in words for name in _shown(word, sight, of_mailbox)}
    method, path = row.route.split()[0], row.path
    got = stage.ask(claims, method, path, row.body)
    asked = {n for n, word in stage.canaries.items() if word in path.format_map(stage.canaries)}
    asked |= {name for name in stage.canaries if f"<{name}>" in str(row.body)}
    spared = asked | (set() if stranger else NAMES_OF_OURS)
    if (got.status, got.shown - spared) != (int(status), wanted - spared):
        shown, due = sorted(got.shown - spared), sorted(wanted - spared)
        return f"{got.status} {shown}, not {status} {due}: {got.text[:300]}"
    return ""


def _scopes(stage: Stage, row: Row) -> Iterator[str]:
    """Whoever is let in is kept out with a token that is good for everything else, or for nothing."""
    if not row.scope:
        return
    stage.set(EVERYTHING, AS_MAILBOX, EVERYTHING, shared=False)
    claims, _ = VIEWERS[row.scoped]
    others = " ".join(word for word in WORDS if word != row.scope)
    for scope, refused in ((row.scope, False), (others, True), ("", True)):
        got = stage.ask({**claims, "scope": scope}, row.route.split()[0], row.path, row.body)
        if refused is not (got.status == 403 and "missing_token_scope" in got.text):
            yield f"{row.name} with scope {scope!r}: {got.status} {got.text[:200]}"


# -- what no single request shows -------------------------------------------------------------------


def an_answer_names_what_its_authors_may_not_see(stage: Stage) -> str:
    stage.set(Visibility.NOTHING, AS_MAILBOX, EVERYTHING, shared=False)
    world = stage.world
    email = records.emails(world.documents, "acme").get(stage.canaries["reply"])
    mailbox = records.mailboxes(world.documents, "acme").get(email.mailbox_id)
    hidden = outgoing.build(world, email, mailbox)
    edited = structs.replace(email, user_id="ana", changed_by=("ben",))
    also = outgoing.build(world, edited, mailbox)
    return f"{hidden.in_reply_to}{hidden.references}{also.in_reply_to}".replace("()", "")


def a_thread_that_nobody_saw_is_told_of(stage: Stage) -> str:
    stage.set(EVERYTHING, AS_MAILBOX, Visibility.NOTHING, shared=False)
    change = threads.ThreadChange(ThreadAccess.PRIVATE)
    threads.change(stage.world, ANA, stage.canaries["thread"], change)
    page = log.read(stage.world, BEN, log.EventQuery(types="thread"))
    stage.journal.undo()
    return str(page.events or "")


def a_poll_tells_what_is_hidden(stage: Stage) -> str:
    stage.set(Visibility.NOTHING, AS_MAILBOX, EVERYTHING, shared=False)
    world, kept = stage.world, records.events(stage.world.documents, "acme")
    event = Event(
        id="x" * 26,
        team_id="acme",
        type="mailbox.connected",
        subject="/mailboxes/x",
        sequence=1,
        audience=Audience(copies={stage.canaries["mailbox"]: ""}),
        expires_at=world.clock.now() + KEPT,
    )
    after = log.read(world, BEN, log.EventQuery(after="latest")).after
    sleep = world.clock.sleep
    written: list[bool] = []

    def meanwhile(seconds: float) -> None:
        sleep(seconds)
        if not written:
            written.append(True)
            world.documents.write(kept.creating(event.id, event, stamped=("at",)))

    world.clock.sleep = meanwhile  # type: ignore[method-assign]
    try:
        page = log.read(world, BEN, log.EventQuery(after=after, wait=3))
    finally:
        world.clock.sleep = sleep  # type: ignore[method-assign]
        stage.journal.undo()
    return str(page.events or "")


def a_colleagues_address_shows_other_peoples_mail(stage: Stage) -> str:
    """Carl's address is a team's own from now on."""
    stage.set(EVERYTHING, AS_MAILBOX, EVERYTHING, shared=False)
    world = stage.world
    settings = records.team(world.documents, "acme")
    held = settings.get(records.TEAM)
    settings.put(records.TEAM, structs.replace(held, own_domains=("client.example",)))
    stage.journal.keep()
    found = [
        (path, answer.text)
        for path in (
            "/contacts/{carl}/timeline",
            "/messages/{message}",
            "/threads/{thread}",
            "/events",
        )
        if (answer := stage.ask(BENS, "GET", path)).shown & {"subject", "message", "line"}
    ]
    stage.set(EVERYTHING, AS_MAILBOX, EVERYTHING, shared=False)
    return str(found or "")


BESIDES: tuple[Callable[[Stage], str], ...] = (
    an_answer_names_what_its_authors_may_not_see,
    a_thread_that_nobody_saw_is_told_of,
    a_poll_tells_what_is_hidden,
    a_colleagues_address_shows_other_peoples_mail,
)
"""Each says what it found, "" when all is well."""
