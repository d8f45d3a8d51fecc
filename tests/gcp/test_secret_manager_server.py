"""Our own Secret Manager answers Google's client as Google's does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import google_crc32c
import pytest
from google.api_core import exceptions as google
from google.cloud.secretmanager_v1 import Secret, SecretManagerServiceClient, SecretPayload

from infra.cloud.secret_manager_server import SecretManager
from shared.config import Settings
from shared.gcp.clients import Clients

PARENT = "projects/p"
SECRET = f"{PARENT}/secrets/s"


@pytest.fixture
def client() -> Iterator[SecretManagerServiceClient]:
    with SecretManager().serving() as host:
        clients = Clients(Settings(secret_manager_emulator_host=host))
        yield clients.secret_manager()
        clients.close()


def create(client: SecretManagerServiceClient, id: str = "s", **fields: Any) -> Any:
    secret = {"replication": {"automatic": {}}} | fields
    return client.create_secret(parent=PARENT, secret_id=id, secret=Secret(secret))


def add(client: SecretManagerServiceClient, data: bytes = b"x") -> str:
    return client.add_secret_version(parent=SECRET, payload=SecretPayload(data=data)).name


def read(client: SecretManagerServiceClient, version: str) -> bytes:
    name = f"{SECRET}/versions/{version}"
    return client.access_secret_version(name=name).payload.data


def test_a_secret_exists_once(client: SecretManagerServiceClient) -> None:
    create(client)
    with pytest.raises(google.AlreadyExists):
        create(client)
    client.delete_secret(name=SECRET)
    with pytest.raises(google.NotFound):
        client.delete_secret(name=SECRET)
    create(client)


def test_versions_are_numbered_and_latest_is_the_newest_even_when_disabled(
    client: SecretManagerServiceClient,
) -> None:
    create(client)
    with pytest.raises(google.NotFound):
        read(client, "latest")
    assert [add(client, b"one"), add(client, b"two")] == [f"{SECRET}/versions/{n}" for n in (1, 2)]
    assert (read(client, "1"), read(client, "latest")) == (b"one", b"two")
    client.disable_secret_version(name=f"{SECRET}/versions/2")
    with pytest.raises(google.FailedPrecondition):
        read(client, "latest")
    client.enable_secret_version(name=f"{SECRET}/versions/2")
    assert read(client, "latest") == b"two"


def test_a_destroyed_version_stays_so(client: SecretManagerServiceClient) -> None:
    create(client)
    version = add(client)
    client.destroy_secret_version(name=version)
    for refused in (
        client.access_secret_version,
        client.enable_secret_version,
        client.destroy_secret_version,
    ):
        with pytest.raises(google.FailedPrecondition):
            refused(name=version)
    assert client.get_secret_version(name=version).destroy_time is not None


def test_checksums_are_checked_and_sent(client: SecretManagerServiceClient) -> None:
    create(client)
    right = google_crc32c.value(b"x")
    client.add_secret_version(parent=SECRET, payload=SecretPayload(data=b"x", data_crc32c=right))
    with pytest.raises(google.InvalidArgument):
        client.add_secret_version(parent=SECRET, payload=SecretPayload(data=b"x", data_crc32c=1))
    answer = client.access_secret_version(name=f"{SECRET}/versions/1")
    assert answer.payload.data_crc32c == right


def test_64_kib_are_taken_and_no_more(client: SecretManagerServiceClient) -> None:
    create(client)
    add(client, b"x" * 65536)
    with pytest.raises(google.InvalidArgument):
        add(client, b"x" * 65537)


def test_an_outdated_etag_is_refused(client: SecretManagerServiceClient) -> None:
    first = create(client)
    first.labels["team"] = "a"
    client.update_secret(secret=first, update_mask={"paths": ["labels"]})
    first.labels["team"] = "b"
    with pytest.raises(google.FailedPrecondition):
        client.update_secret(secret=first, update_mask={"paths": ["labels"]})
    assert client.get_secret(name=SECRET).labels["team"] == "a"


@pytest.mark.parametrize("label", [("Team", "a"), ("team", "A"), ("1", "a"), ("a", "x" * 64)])
def test_labels_are_lower_case_and_short(
    client: SecretManagerServiceClient, label: tuple[str, str]
) -> None:
    with pytest.raises(google.InvalidArgument):
        create(client, labels=dict([label]))


def test_lists_come_newest_first_in_pages_and_filtered(client: SecretManagerServiceClient) -> None:
    for n in range(5):
        create(client, f"s{n}", labels={"team": "even" if n % 2 == 0 else "odd"})
    request = {"parent": PARENT, "page_size": 2}
    names = [secret.name[-2:] for secret in client.list_secrets(request)]
    assert names == ["s4", "s3", "s2", "s1", "s0"]
    found = client.list_secrets({"parent": PARENT, "filter": "labels.team=odd"})
    assert [secret.name[-2:] for secret in found] == ["s3", "s1"]


def test_versions_are_listed_by_state(client: SecretManagerServiceClient) -> None:
    create(client)
    for _ in range(3):
        add(client)
    client.destroy_secret_version(name=f"{SECRET}/versions/2")
    found = client.list_secret_versions({"parent": SECRET, "filter": "state:ENABLED"})
    assert [version.name[-1] for version in found] == ["3", "1"]


def test_an_expired_secret_is_gone(client: SecretManagerServiceClient) -> None:
    create(client, "s", expire_time=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(google.NotFound):
        client.get_secret(name=SECRET)
    lasting = create(client, "s", ttl=timedelta(hours=1))
    assert lasting.expire_time > datetime.now(UTC)
