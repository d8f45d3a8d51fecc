"""What the contract suite does not ask of the SecretStore on Secret Manager."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import google_crc32c
import pytest
from google.api_core import exceptions as google
from google.cloud.secretmanager_v1 import SecretManagerServiceClient, types
from msgspec.structs import replace

from infra.cloud.secret_manager_server import SecretManager, State
from shared.config import Settings
from shared.domain.errors import ConfigurationError, ProviderUnavailable
from shared.gcp import GoogleCloud, calls
from shared.gcp.secret_manager import Secrets
from tests.gcp.cloud import backend, servers

NAME = "mailbox-m1"


@pytest.fixture
def secrets(cloud: GoogleCloud) -> Secrets:
    return cloud.secrets


@pytest.fixture
def client(cloud: GoogleCloud) -> SecretManagerServiceClient:
    return cloud.clients.secret_manager()


@pytest.fixture
def server() -> Iterator[SecretManager]:
    server = servers().secret_manager
    yield server
    server.lag(False)


@pytest.fixture
def path(cloud_settings: Settings) -> str:
    return f"projects/{cloud_settings.google_cloud_project}/secrets/mailbridge-{NAME}"


def states(server: SecretManager, path: str) -> list[str]:
    """Of its versions, the first made first."""
    return [State(version.state).name for version in server.versions(path)]


# -- whose it is ----------------------------------------------------------------------------------


def test_two_deployments_in_one_project_do_not_see_each_others_secrets(
    cloud: GoogleCloud, cloud_settings: Settings
) -> None:
    staging = Secrets(
        cloud.clients.secret_manager,
        replace(cloud_settings, deployment="staging", firestore_database="staging"),
        cloud.documents,
    )
    staging.put(f"{NAME}-staging", b"theirs")
    cloud.secrets.delete(f"{NAME}-staging")  # its secret would be another one; the pointer goes
    parent = f"projects/{cloud_settings.google_cloud_project}"
    kept = cloud.clients.secret_manager().list_secrets(parent=parent)
    assert [one.name.rpartition("/")[2] for one in kept] == [f"staging-{NAME}-staging"]


# -- one secret, one live version -----------------------------------------------------------------


def test_labels_say_whose_it_is_within_what_labels_may_hold(
    secrets: Secrets, client: SecretManagerServiceClient, path: str
) -> None:
    labels = {"team": "Acme & Söhne/1", "mailbox": "m1", "provider": "x" * 80}
    secrets.put(NAME, b"token", labels=labels)
    kept = dict(client.get_secret(name=path).labels)
    assert kept == {"team": "acme___s_hne_1", "mailbox": "m1", "provider": "x" * 63}


def test_the_old_version_is_destroyed_only_after_the_new_one_was_read_back(
    secrets: Secrets, server: SecretManager, path: str
) -> None:
    secrets.put(NAME, b"old")
    server.calls.clear()
    secrets.put(NAME, b"new")
    assert server.calls == [
        "add_secret_version",
        "access_secret_version",
        "list_secret_versions",
        "to DESTROYED",
    ]
    assert states(server, path) == ["DESTROYED", "ENABLED"]


def test_what_a_dead_worker_left_is_destroyed_by_the_next(
    secrets: Secrets, client: SecretManagerServiceClient, server: SecretManager, path: str
) -> None:
    secrets.put(NAME, b"old")
    for _ in range(3):
        client.add_secret_version(
            parent=path, payload=types.SecretPayload(data=b"died before it was live")
        )
    assert secrets.get(NAME) == b"old"
    secrets.put(NAME, b"new")
    assert secrets.get(NAME) == b"new"
    assert states(server, path) == ["DESTROYED"] * 4 + ["ENABLED"]


def test_of_writers_at_once_one_stays_and_no_other_version_is_left(
    secrets: Secrets, server: SecretManager, path: str
) -> None:
    values = [f"value {n}".encode() for n in range(12)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda value: secrets.put(NAME, value), values))
    assert secrets.get(NAME) in values
    secrets.put(NAME, b"last")
    assert states(server, path).count("ENABLED") == 1


def test_readers_always_find_a_value_while_it_is_replaced(secrets: Secrets) -> None:
    secrets.put(NAME, b"0")

    def read(_: int) -> bytes | None:
        return secrets.get(NAME)

    def write() -> None:
        for n in range(1, 15):
            secrets.put(NAME, str(n).encode())

    with ThreadPoolExecutor(5) as pool:
        writing = pool.submit(write)
        seen = list(pool.map(read, range(100)))
        writing.result()
    assert None not in seen


def test_deleting_leaves_nothing_anywhere(
    secrets: Secrets, cloud: GoogleCloud, server: SecretManager, path: str
) -> None:
    secrets.put(NAME, b"token")
    secrets.delete(NAME)
    assert server.versions(path) == []
    assert cloud.documents.get(f"secrets/live-{NAME}") is None


def test_a_deletion_cut_off_in_the_middle_is_finished_by_the_next(
    secrets: Secrets, cloud: GoogleCloud, server: SecretManager, path: str
) -> None:
    secrets.put(NAME, b"token")
    client = cloud.clients.secret_manager()
    assert secrets.get(NAME) == b"token"
    client.delete_secret(name=path)
    assert secrets.get(NAME) is None
    secrets.put(NAME, b"again")
    assert secrets.get(NAME) == b"again"
    secrets.delete(NAME)
    assert server.versions(path) == []


def test_no_document_holds_the_value(secrets: Secrets, cloud: GoogleCloud) -> None:
    secrets.put(NAME, b"the token itself")
    pointer = cloud.documents.get(f"secrets/live-{NAME}")
    assert pointer
    assert set(pointer.data) == {"number", "at"}


# -- what Google does not promise -----------------------------------------------------------------


def test_a_new_value_is_read_though_latest_and_the_lists_lag_behind(
    secrets: Secrets, server: SecretManager, path: str
) -> None:
    secrets.put(NAME, b"old")
    server.lag(True)
    for value in (b"new", b"newer"):
        secrets.put(NAME, value)
        assert secrets.get(NAME) == value
    assert states(server, path) == ["DESTROYED", "DESTROYED", "ENABLED"]


def test_creators_at_once_agree_though_latest_and_the_lists_lag_behind(
    secrets: Secrets, server: SecretManager
) -> None:
    server.lag(True)
    offered = [f"key {n}".encode() for n in range(10)]
    with ThreadPoolExecutor(10) as pool:
        live = set(pool.map(lambda value: secrets.create(NAME, value), offered))
    assert live == {secrets.get(NAME)}


def test_a_disabled_version_is_our_fault_and_no_missing_token(
    secrets: Secrets, client: SecretManagerServiceClient, path: str
) -> None:
    """A mailbox is not disconnected because somebody pressed a button in the console."""
    secrets.put(NAME, b"token")
    client.disable_secret_version(name=f"{path}/versions/1")
    with pytest.raises(ConfigurationError, match="DISABLED"):
        secrets.get(NAME)
    client.enable_secret_version(name=f"{path}/versions/1")
    assert secrets.get(NAME) == b"token"


class Interrupted:
    """Google's client; `interrupt` happens just before the first call of one method."""

    def __init__(self, client: Any, method: str, interrupt: Callable[[], object]) -> None:
        self._client = client
        self._method = method
        self._interrupts = [interrupt]

    def __getattr__(self, name: str) -> Any:
        if name == self._method and self._interrupts:
            self._interrupts.pop()()
        return getattr(self._client, name)


def test_a_secret_may_be_deleted_while_it_is_written(
    cloud: GoogleCloud, cloud_settings: Settings
) -> None:
    cloud.secrets.put(NAME, b"old")
    client: Any = Interrupted(
        cloud.clients.secret_manager(), "list_secret_versions", lambda: cloud.secrets.delete(NAME)
    )
    using(client, cloud, cloud_settings).put(NAME, b"new")
    assert cloud.secrets.get(NAME) is None


def test_a_secret_that_cannot_be_seen_at_once_is_waited_for(
    cloud: GoogleCloud, cloud_settings: Settings
) -> None:
    class Blind(Interrupted):
        unseen = 3

        def add_secret_version(self, *request: Any, **options: Any) -> Any:
            self.unseen -= 1
            if self.unseen >= 0:
                raise google.NotFound("not yet")  # type: ignore[no-untyped-call]
            return self._client.add_secret_version(*request, **options)

    client = Blind(cloud.clients.secret_manager(), "", lambda: None)
    using(client, cloud, cloud_settings).put(NAME, b"token")
    assert cloud.secrets.get(NAME) == b"token"


def using(client: Any, cloud: GoogleCloud, settings: Settings) -> Secrets:
    return Secrets(lambda: client, settings, cloud.documents)


class Damaging:
    """Google's client, whose answers arrive with a flipped bit the first `times` times."""

    def __init__(self, client: SecretManagerServiceClient, times: int) -> None:
        self._client = client
        self._times = times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def access_secret_version(self, **asked: Any) -> types.AccessSecretVersionResponse:
        answer = self._client.access_secret_version(**asked)
        if self._times > 0:
            self._times -= 1
            answer.payload.data = bytes([answer.payload.data[0] ^ 1]) + answer.payload.data[1:]
        return answer


def damaged(cloud: GoogleCloud, settings: Settings, times: int) -> Secrets:
    return using(Damaging(cloud.clients.secret_manager(), times), cloud, settings)


def test_a_value_that_arrives_damaged_is_read_again(
    cloud: GoogleCloud, cloud_settings: Settings
) -> None:
    cloud.secrets.put(NAME, b"token")
    assert damaged(cloud, cloud_settings, times=2).get(NAME) == b"token"


def test_a_value_that_cannot_be_read_back_never_becomes_the_live_one(
    cloud: GoogleCloud, cloud_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "PATIENCE", 0.3)
    cloud.secrets.put(NAME, b"old")
    with pytest.raises(ProviderUnavailable, match="damaged"):
        damaged(cloud, cloud_settings, times=10_000).put(NAME, b"new")
    assert cloud.secrets.get(NAME) == b"old"


def test_the_checksum_is_sent_along(
    secrets: Secrets, client: SecretManagerServiceClient, path: str
) -> None:
    secrets.put(NAME, b"token")
    assert client.get_secret_version(name=f"{path}/versions/1").client_specified_payload_checksum
    assert google_crc32c.value(b"123456789") == 0xE3069283


def test_an_outage_is_named(
    cloud: GoogleCloud, cloud_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "PATIENCE", 0.3)
    cloud.secrets.put(NAME, b"token")
    nowhere = replace(cloud_settings, secret_manager_emulator_host="127.0.0.1:1")
    with backend(nowhere) as cut_off, pytest.raises(ProviderUnavailable, match="Secret Manager"):
        cut_off.secrets.get(NAME)
