"""A whole Mailbridge in one process: the embedded backend, the real providers, the simulator, and a
clock that moves only when told."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from urllib.parse import parse_qs, urlsplit

import requests

from infra.embedded import Embedded
from infra.embedded.documents import Documents
from infra.embedded.tasks import Tasks
from infra.simulator import (
    CLIENT_ID,
    CLIENT_SECRET,
    MICROSOFT_CLIENT_ID,
    MICROSOFT_CLIENT_SECRET,
    Simulator,
)
from shared import bootstrap, records
from shared.config import Settings
from shared.domain.caller import Caller
from shared.domain.mailboxes import History, Visibility
from shared.ports.clock import Clock
from shared.ports.world import World
from shared.providers.google.declaration import GoogleSettings
from shared.providers.microsoft.declaration import MicrosoftSettings
from shared.providers.microsoft.provider import Microsoft
from shared.services import schedule, sweep
from shared.services.accounts import confirming, connecting, disconnecting, mailboxes, validation
from shared.services.events import relay
from shared.services.paging import PageQuery
from shared.services.sending import delivery
from shared.services.syncing import engine
from shared.services.timelines import contacts

ANA = Caller("ana", "acme")
BEN = Caller("ben", "acme")
EVE = Caller("eve", "evil-corp")
EVER = datetime.min.replace(tzinfo=UTC)

TASKS: dict[str, Callable[[World, dict[str, str]], None]] = {
    "sync_mailbox": lambda world, body: engine.run(
        world, body["mailbox_id"], body.get("feed", "mail")
    ),
    "deliver_email": lambda world, body: delivery.run(world, body["team_id"], body["email_id"]),
    "relay_events": lambda world, body: relay.run(world, relay.RelayTask(**body)),
    "check_mailbox": lambda world, body: validation.check(world, body["mailbox_id"]),
    "disconnect_mailbox": lambda world, body: disconnecting.run(
        world, body["team_id"], body["mailbox_id"]
    ),
}


class FakeClock:
    """Starts now, since id tokens are checked against the real time, and moves by being slept on."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC)
        self._lock = Lock()

    def now(self) -> datetime:
        return self._now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._now += timedelta(seconds=seconds)


class LocalWorld(bootstrap.World):
    """The World of a function instance on `folder`; several of them are several processes."""

    backend: Embedded
    clock: Clock

    def __init__(self, folder: Path, simulator: Simulator, clock: Clock) -> None:
        super().__init__(settings(simulator))
        self.folder = folder
        self.simulator = simulator
        self.clock = clock
        self.backend = Embedded(folder)
        self.backend.tasks = Tasks(folder, clock, durable=False)
        self.backend.documents = Documents(folder, clock)
        microsoft = self.providers.get("microsoft")
        assert isinstance(microsoft, Microsoft)
        microsoft.oauth.now = lambda: clock.now().timestamp()


def settings(simulator: Simulator) -> Settings:
    return Settings(
        backend="infra.embedded",
        public_url="http://127.0.0.1:8080",
        allowed_origins=("https://crm.example.com",),
        vendors=(
            GoogleSettings(
                google_client_id=CLIENT_ID,
                google_client_secret=CLIENT_SECRET,
                google_accounts_url=simulator.url,
                google_oauth_url=simulator.url,
                gmail_url=simulator.url,
                calendar_url=simulator.url,
            ),
            MicrosoftSettings(
                microsoft_client_id=MICROSOFT_CLIENT_ID,
                microsoft_client_secret=MICROSOFT_CLIENT_SECRET,
                microsoft_login_url=simulator.url,
                graph_url=simulator.url,
            ),
        ),
    )


# -- people -----------------------------------------------------------------------------------------


def consent(
    url: str, account: str, *, untick: tuple[str, ...] = (), deny: bool = False
) -> dict[str, str]:
    """What a person does on the consent page; the query that the browser comes back with."""
    asked = parse_qs(urlsplit(url).query)["scope"][0].split()
    scopes = [scope for scope in asked if not scope.endswith(untick)] if untick else asked
    form = {"account": account, "scope": scopes, "decision": "deny" if deny else "allow"}
    answer = requests.post(url, data=form, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    back = parse_qs(urlsplit(answer.headers["Location"]).query)
    return {name: values[0] for name, values in back.items()}


def disconnect(
    world: World, caller: Caller, mailbox_id: str, history: History = History.KEEP
) -> None:
    query = disconnecting.DisconnectQuery(history=history)
    disconnecting.disconnect(world, caller, mailbox_id, query)


def provider_of(world: LocalWorld, account: str) -> str:
    return world.simulator.office.mailbox(account).account.provider


def confirm(
    world: World,
    caller: Caller,
    connection: str,
    visibility: Visibility = Visibility.EVERYTHING,
) -> mailboxes.MailboxView:
    return confirming.confirm(world, caller, confirming.ConfirmConnection(connection, visibility))


def connect_account(
    world: LocalWorld,
    caller: Caller,
    account: str,
    *,
    untick: tuple[str, ...] = (),
    visibility: Visibility = Visibility.EVERYTHING,
) -> mailboxes.MailboxView:
    """From nothing to a mailbox whose first sync is due."""
    asked = connecting.StartConsent(provider_of(world, account))
    started = connecting.start(world, caller, asked)
    ended = connecting.finish(world, consent(started.authorization_url, account, untick=untick))
    return confirm(world, caller, ended.connection, visibility)


def add_contact(world: World, caller: Caller, *addresses: str) -> str:
    return contacts.create(world, caller, contacts.NewContact(addresses)).id


def timeline(world: World, caller: Caller, contact_id: str) -> list[contacts.ActivityView]:
    """All of it, page by page."""
    lines: list[contacts.ActivityView] = []
    token = ""
    while True:
        page = contacts.timeline(world, caller, contact_id, PageQuery(50, token))
        lines += page.activities
        if not (token := page.next_page_token):
            return lines


# -- machines ---------------------------------------------------------------------------------------


def work(world: LocalWorld) -> int:
    """Runs the tasks that are due until none is; how many ran. A failing one is tried again later."""
    ran = 0
    while claimed := world.backend.tasks.claim(list(TASKS), 1, timedelta(minutes=10)):
        task = claimed[0]
        try:
            TASKS[task.function](world, task.body)
        except Exception:  # as the queue sees it: not a 2xx
            world.backend.tasks.retry(task, timedelta(seconds=5 * 2**task.attempt))
        else:
            world.backend.tasks.finish(task)
        ran += 1
        assert ran < 1_000, "tasks make tasks without end"
    return ran


def settle(world: LocalWorld, *, hours: int = 2) -> None:
    """Lets time pass, with everything that is scheduled, until nothing is left to do."""
    end = world.clock.now() + timedelta(hours=hours)
    while work(world) or world.backend.tasks.counts().later or _lost_tasks(world):
        world.clock.sleep(20)
        sweep.run(world)
        schedule.dispatch(world)
        assert world.clock.now() < end, f"still busy: {world.backend.tasks.counts()}"


def _lost_tasks(world: LocalWorld) -> bool:
    """Whether a feed waits for a task that was never enqueued: the schedule is to find out."""
    states, _ = records.syncs(world.documents).page(limit=200)
    return any(
        state.next_sync_at and state.queued_at and state.queued_at > (state.started_at or EVER)
        for state in states
    )


def mail(
    sender: str,
    to: str,
    subject: str = "Hello",
    body: str = "How are you?",
    *,
    message_id: str = "",
    at: datetime | None = None,
    headers: str = "",
) -> bytes:
    """A plain mail as it travels."""
    date = (at or datetime(2026, 11, 20, 9, tzinfo=UTC)).strftime("%a, %d %b %Y %H:%M:%S +0000")
    message_id = message_id or f"<{abs(hash((sender, to, subject, body)))}@example.org>"
    lines = [f"From: {sender}", f"To: {to}", f"Subject: {subject}", f"Date: {date}"]
    lines += [f"Message-ID: {message_id}", *headers.splitlines(), "", body]
    return "\r\n".join(lines).encode()
