"""Bringing in a mailbox: our sync, and what a program with Google's client library would do.

Each contender runs in a fresh process, is set up before the clocks start, and fetches whole messages
(format=full). Ours also matches and stores them; the others throw them away.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from infra.simulator import CLIENT_ID, CLIENT_SECRET
from shared import bootstrap, metering, records
from shared.config import Settings
from shared.domain.caller import Caller
from shared.domain.mailboxes import Visibility
from shared.providers.google.declaration import GoogleSettings
from shared.services.accounts import confirming, connecting, mailboxes, tokens
from shared.services.syncing import engine
from tests.bench.simulated import ACCOUNT
from tests.world import add_contact, consent

_CALLER = Caller("ana", "acme")


class Reading(Struct, frozen=True):
    """What one run took."""

    messages: int
    seconds: float
    cpu_seconds: float
    """Of the contender's own process, all its threads together."""
    store_writes: int = 0

    @property
    def per_second(self) -> float:
        return self.messages / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Per message."""
        return 1_000 * self.cpu_seconds / self.messages


def ours(
    url: str, folder: Path, contacts: Sequence[str], *, cloud: Settings | None = None
) -> Reading:
    """One sync task of a mailbox that was just connected; counts what it stored. Stored in the folder,
    or where the settings of a `cloud` say."""
    world = _world(url, cloud or _embedded(folder))
    for address in contacts:
        add_contact(world, _CALLER, address)
    mailbox = _connected(world)

    def run() -> int:
        engine.run(world, mailbox.id)
        state = mailboxes.show(world, _CALLER, mailbox.id).sync
        assert state.phase is mailboxes.SyncPhase.UP_TO_DATE, state
        return state.stored

    return _timed(run)


def one_by_one(url: str, folder: Path, limit: int) -> Reading:
    """The first `limit` messages, each in a request of its own."""
    service = _service(url, folder)

    def run() -> int:
        messages = [_get(service, id_).execute() for id_ in _listed(service, limit)]
        return len(messages)

    return _timed(run)


def batches(url: str, folder: Path, limit: int) -> Reading:
    """The first `limit` messages, 100 in each request."""
    from googleapiclient.http import BatchHttpRequest  # type: ignore[import-untyped]

    service = _service(url, folder)

    def run() -> int:
        messages = list[Any]()
        ids = list(_listed(service, limit))
        for start in range(0, len(ids), 100):
            batch = BatchHttpRequest(
                callback=lambda _id, message, error: messages.append(error or message),
                batch_uri=f"{url}/batch/gmail/v1",
            )
            for id_ in ids[start : start + 100]:
                batch.add(_get(service, id_))
            batch.execute()
        assert all("payload" in message for message in messages)
        return len(messages)

    return _timed(run)


def _timed(run: Callable[[], int]) -> Reading:
    wall, cpu = time.perf_counter(), time.process_time()
    with metering.measured() as meter:
        messages = run()
    seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    return Reading(messages, seconds, cpu_seconds, meter.store_writes)


def _embedded(folder: Path) -> Settings:
    return Settings(backend="infra.embedded", embedded_data=str(folder))


def _world(url: str, backend: Settings) -> bootstrap.World:
    return bootstrap.World(
        replace(
            backend,
            public_url="http://127.0.0.1:8080",
            vendors=(
                GoogleSettings(
                    google_client_id=CLIENT_ID,
                    google_client_secret=CLIENT_SECRET,
                    google_accounts_url=url,
                    google_oauth_url=url,
                    gmail_url=url,
                ),
            ),
        )
    )


def _connected(world: bootstrap.World) -> mailboxes.MailboxView:
    """From nothing to a mailbox whose first sync is due."""
    started = connecting.start(world, _CALLER, connecting.StartConsent(provider="google"))
    ended = connecting.finish(world, consent(started.authorization_url, ACCOUNT))
    return confirming.confirm(
        world, _CALLER, confirming.ConfirmConnection(ended.connection, Visibility.EVERYTHING)
    )


# -- Google's client library ------------------------------------------------------------------------


def _service(url: str, folder: Path) -> Any:
    import google_auth_httplib2  # type: ignore[import-untyped]
    import httplib2  # type: ignore[import-untyped]
    from google.oauth2.credentials import Credentials
    from googleapiclient.discovery import build  # type: ignore[import-untyped]

    credentials = Credentials(_access_token(url, folder))  # type: ignore[no-untyped-call]
    http = google_auth_httplib2.AuthorizedHttp(credentials, http=httplib2.Http())
    options = {"api_endpoint": url}
    return build("gmail", "v1", http=http, static_discovery=True, client_options=options)


def _access_token(url: str, folder: Path) -> str:
    world = _world(url, _embedded(folder))
    connected = _connected(world)
    mailbox = records.mailboxes(world.documents, _CALLER.team_id).get(connected.id)
    return tokens.Tokens(world, mailbox).token()


def _listed(service: Any, limit: int) -> Iterator[str]:
    messages = service.users().messages()
    request = messages.list(userId="me", maxResults=min(limit, 500))
    while request is not None and limit > 0:
        page = request.execute()
        yield from (message["id"] for message in page["messages"][:limit])
        limit -= len(page["messages"])
        request = messages.list_next(request, page)


def _get(service: Any, id_: str) -> Any:
    return service.users().messages().get(userId="me", id=id_, format="full")
