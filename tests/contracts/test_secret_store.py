"""The exam of `shared.ports.SecretStore`."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.domain import ids
from shared.domain.errors import InvalidRequest
from shared.ports.secrets import SecretStore
from tests.contracts.backends import Candidate


@pytest.fixture
def secrets(candidate: Candidate) -> SecretStore:
    return candidate.secrets


@pytest.fixture
def name() -> str:
    return f"test-{ids.random()}"


def test_an_unknown_secret_is_none(secrets: SecretStore, name: str) -> None:
    assert secrets.get(name) is None


@pytest.mark.parametrize(
    "value", [b"x", bytes(range(256)), b"\0", b"\xff" * 65536], ids=["short", "bytes", "nul", "64K"]
)
def test_a_secret_comes_back_as_it_went_in(secrets: SecretStore, name: str, value: bytes) -> None:
    secrets.put(name, value)
    assert secrets.get(name) == value


def test_the_newest_value_is_the_one_that_is_read(secrets: SecretStore, name: str) -> None:
    for value in (b"first", b"second", b"third"):
        secrets.put(name, value)
    assert secrets.get(name) == b"third"


def test_only_one_version_is_kept(candidate: Candidate, name: str) -> None:
    for value in (b"first", b"second", b"second"):
        candidate.secrets.put(name, value, labels={"mailbox": "m1"})
    assert candidate.versions_kept(name) == 1


def test_secrets_do_not_touch_each_other(secrets: SecretStore, name: str) -> None:
    secrets.put(name, b"mine")
    secrets.put(f"{name}-2", b"yours")
    secrets.delete(f"{name}-2")
    assert secrets.get(name) == b"mine"


def test_creating_keeps_the_older_value(secrets: SecretStore, name: str) -> None:
    assert secrets.create(name, b"first") == b"first"
    assert secrets.create(name, b"second") == b"first"
    assert secrets.get(name) == b"first"


def test_of_many_creators_at_once_all_get_the_value_of_one(secrets: SecretStore, name: str) -> None:
    offered = [f"value {n}".encode() for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        live = set(pool.map(lambda value: secrets.create(name, value), offered))
    assert len(live) == 1
    assert live == {secrets.get(name)}
    assert live <= set(offered)


def test_a_deleted_secret_is_gone_and_can_be_made_again(candidate: Candidate, name: str) -> None:
    candidate.secrets.put(name, b"old")
    candidate.secrets.delete(name)
    assert candidate.secrets.get(name) is None
    assert candidate.versions_kept(name) == 0
    assert candidate.secrets.create(name, b"new") == b"new"


def test_deleting_an_absent_secret_is_fine(secrets: SecretStore, name: str) -> None:
    secrets.delete(name)
    assert secrets.get(name) is None


def test_more_than_64_kib_are_refused(secrets: SecretStore, name: str) -> None:
    with pytest.raises(InvalidRequest):
        secrets.put(name, b"x" * 65537)
    with pytest.raises(InvalidRequest):
        secrets.create(name, b"x" * 65537)
    assert secrets.get(name) is None


@pytest.mark.parametrize("bad", ["", "a/b", "../key", "a b", "é", "a\n", "x" * 256, "a.b"])
def test_a_bad_name_is_refused(secrets: SecretStore, bad: str) -> None:
    with pytest.raises(InvalidRequest):
        secrets.put(bad, b"value")
    with pytest.raises(InvalidRequest):
        secrets.get(bad)
    with pytest.raises(InvalidRequest):
        secrets.create(bad, b"value")
    with pytest.raises(InvalidRequest):
        secrets.delete(bad)


def test_the_longest_name_is_taken(secrets: SecretStore) -> None:
    name = ("-_Z9" + ids.random() * 9)[:200]
    secrets.put(name, b"value")
    assert secrets.get(name) == b"value"
