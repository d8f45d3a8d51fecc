"""Each function keeps to the roles that terraform/functions.yaml gives it: in the cloud its account could
do no more, and here nothing would stop it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TypeVar

import pytest
from msgspec import Struct

from infra.functions_map import load
from infra.simulator import Simulator
from shared import records
from shared.domain import ids
from shared.domain.errors import ProviderUnavailable
from shared.domain.mailboxes import Visibility
from shared.ports.secrets import SecretStore
from shared.ports.tasks import Task, TaskQueue
from shared.services import files, schedule, sweep
from shared.services.accounts import audit, confirming, connecting, keys, team, validation
from shared.services.accounts.confirming import ConfirmConnection
from shared.services.accounts.connecting import StartConsent
from shared.services.events import destinations, log
from shared.services.paging import PageQuery
from shared.services.sending import emails
from shared.services.timelines import contacts, messages, threads
from tests.events.receiving import ADMIN, a_destination, installed
from tests.files import mail_with_files
from tests.world import (
    ANA,
    TASKS,
    LocalWorld,
    add_contact,
    consent,
    disconnect,
    provider_of,
    timeline,
)

T = TypeVar("T")

FUNCTIONS = load().functions
ACCOUNT = "ana@example.com"


class Use(Struct, frozen=True):
    function: str
    what: str
    """get, put, create, delete or enqueue."""
    name: str = ""


class Watch:
    """Knows which function runs, and notes what it uses."""

    def __init__(self, secrets: SecretStore, tasks: TaskQueue) -> None:
        self.uses: set[Use] = set()
        self.ran: set[str] = set()
        self.down = False
        """The request that disconnects then leaves the rest to its task."""
        self._secrets, self._enqueue = secrets, tasks.enqueue
        self._function = ""

    @contextmanager
    def of(self, function: str) -> Iterator[None]:
        self._function = function
        self.ran.add(function)
        yield
        self._function = ""

    def enqueue(self, *tasks: Task) -> None:
        for task in tasks:
            self._note("enqueue", task.function)
        self._enqueue(*tasks)

    def get(self, name: str) -> bytes | None:
        self._note("get", name)
        if self.down:
            raise ProviderUnavailable("Secrets are away.", reason="backend")
        return self._secrets.get(name)

    def put(self, name: str, value: bytes, *, labels: Mapping[str, str] | None = None) -> None:
        self._note("put", name)
        self._secrets.put(name, value, labels=labels)

    def create(self, name: str, value: bytes, *, labels: Mapping[str, str] | None = None) -> bytes:
        self._note("create", name)
        return self._secrets.create(name, value, labels=labels)

    def delete(self, name: str) -> None:
        self._note("delete", name)
        self._secrets.delete(name)

    def _note(self, what: str, name: str = "") -> None:
        if self._function:
            self.uses.add(Use(self._function, what, name))


@pytest.fixture
def watch(
    world: LocalWorld, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Watch]:
    simulator.add_account(ACCOUNT)
    watch = Watch(world.backend.secrets, world.backend.tasks)
    with monkeypatch.context() as watched:
        watched.setattr(world.backend, "secrets", watch)
        watched.setattr(world.backend.tasks, "enqueue", watch.enqueue)
        yield watch


@pytest.fixture
def uses(world: LocalWorld, simulator: Simulator, watch: Watch) -> set[Use]:
    """Of a life in which every function has something to do."""
    as_function = partial(_as, watch)
    installed(world)
    destination = as_function("destinations", lambda: a_destination(world))
    carl = as_function("contacts", lambda: add_contact(world, ANA, "carl@client.example"))
    mailbox_id = _connected(world, as_function)
    simulator.deliver(mail_with_files(), to=ACCOUNT)
    _work(world, watch)
    (line,) = as_function("contacts", lambda: timeline(world, ANA, carl))
    as_function("messages", lambda: messages.show(world, ANA, line.message_id))
    as_function("messages", lambda: files.read(world, ANA, line.message_id, "0"))
    new = emails.NewEmail(mailbox_id, to=("carl@client.example",), subject="Hi", html="<p>Hi</p>")
    as_function("emails", lambda: emails.create(world, ANA, new))
    _work(world, watch)
    as_function("team", lambda: team.show(world, ANA))
    stored = records.messages(world.documents, "acme").get(line.message_id)
    as_function("threads", lambda: threads.show(world, ANA, stored.thread))
    for _ in range(2):  # so that a page of one has a next one
        as_function("contacts", lambda: add_contact(world, ANA, f"{ids.random()}@x.example"))
        as_function(
            "emails", lambda: emails.create(world, ANA, emails.NewEmail(mailbox_id, draft=True))
        )
    lists: dict[str, Callable[[], object]] = {
        "mailboxes": lambda: audit.list_(world, ANA, mailbox_id, PageQuery(1)),
        "contacts": lambda: contacts.list_(world, ANA, contacts.ContactQuery(1)),
        "emails": lambda: emails.list_(world, ANA, emails.EmailQuery(1)),
        "destinations": lambda: destinations.rotate(world, ADMIN, destination),
        "events": lambda: log.read(world, ANA, log.EventQuery()),
    }
    for name, read in lists.items():
        world.clock.sleep(keys.READ_EVERY.total_seconds())  # what it knew of the keys is too old
        as_function(name, read)
    as_function("check_mailbox", lambda: validation.check(world, mailbox_id))
    _answered(world, as_function)  # and never confirmed
    world.clock.sleep((keys.KEY_AGE + timedelta(days=1)).total_seconds())
    as_function("dispatch_syncs", lambda: schedule.dispatch(world))
    as_function("check_grants", lambda: validation.dispatch(world))
    as_function("sweep", lambda: sweep.run(world))
    world.clock.sleep(3 * 3600)
    _work(world, watch)
    watch.down = True
    as_function("mailboxes", lambda: disconnect(world, ANA, mailbox_id))
    watch.down = False
    world.clock.sleep(3600)
    _work(world, watch)
    return watch.uses


def test_every_function_had_something_to_do(watch: Watch, uses: set[Use]) -> None:
    assert watch.ran == {name for name, one in FUNCTIONS.items() if one.granted}
    assert {"get", "put", "create", "delete", "enqueue"} == {use.what for use in uses}


def test_secrets_are_used_by_those_whose_roles_allow_it(uses: set[Use]) -> None:
    secrets = [use for use in uses if use.what != "enqueue"]
    assert [use for use in secrets if not _allowed(use)] == []


def test_tasks_are_made_by_those_whose_roles_allow_it(uses: set[Use]) -> None:
    made = {(use.function, FUNCTIONS[use.name].queue) for use in uses if use.what == "enqueue"}
    assert made <= {(name, queue) for name, one in FUNCTIONS.items() for queue in one.enqueue}


def test_a_role_for_secrets_is_given_to_nobody_who_has_no_use_for_it(uses: set[Use]) -> None:
    users = {use.function for use in uses if use.what != "enqueue"}
    assert users == {
        name for name, one in FUNCTIONS.items() if {"keys", "secrets", "erase"} & {*one.granted}
    }


def _allowed(use: Use) -> bool:
    """As terraform/roles.yaml has it, by the start of the name."""
    roles, rings = FUNCTIONS[use.function].roles, FUNCTIONS[use.function].keys
    ring = use.name.removeprefix("sealing-keys-")
    token = use.name.startswith(("mailbox-", "connection-"))
    return (
        (token and ("secrets" in roles or ("erase" in roles and use.what == "delete")))
        or (use.name.startswith("sealing-keys-") and ring in rings)
    )  # fmt: skip


def _as(watch: Watch, function: str, work: Callable[[], T]) -> T:
    with watch.of(function):
        return work()


def _work(world: LocalWorld, watch: Watch) -> None:
    """Runs what is due, at a time when what an instance knew of the keys is too old."""
    world.clock.sleep(keys.READ_EVERY.total_seconds())
    queue = world.backend.tasks
    while claimed := queue.claim(list(TASKS), 1, timedelta(minutes=10)):
        (task,) = claimed
        with watch.of(task.function):
            TASKS[task.function](world, task.body)
        queue.finish(task)


def _answered(world: LocalWorld, as_function: Callable[..., T]) -> T:
    """A consent that came back; what `finish` returned."""
    asked = StartConsent(provider_of(world, ACCOUNT))
    started = as_function("oauth_start", lambda: connecting.start(world, ANA, asked))
    answer = consent(started.authorization_url, ACCOUNT)  # type: ignore[attr-defined]
    return as_function("oauth_callback", lambda: connecting.finish(world, answer))


def _connected(world: LocalWorld, as_function: Callable[..., T]) -> str:
    ended = _answered(world, as_function)
    request = ConfirmConnection(ended.connection, Visibility.EVERYTHING)  # type: ignore[attr-defined]
    made = as_function("mailboxes", lambda: confirming.confirm(world, ANA, request))
    return str(made.id)  # type: ignore[attr-defined]
