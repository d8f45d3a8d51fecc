"""What is special to the secrets of one machine: the key file, and what lies on disk."""

import multiprocessing
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.embedded.secrets import Secrets
from shared.domain.errors import ConfigurationError


@pytest.fixture
def secrets(tmp_path: Path) -> Iterator[Secrets]:
    made = Secrets(tmp_path)
    yield made
    made.close()


def change(folder: Path, sql: str) -> None:
    connection = sqlite3.connect(folder / "secrets.sqlite3")
    connection.execute(sql)
    connection.commit()
    connection.close()


def test_secrets_survive_a_restart(secrets: Secrets, tmp_path: Path) -> None:
    secrets.put("token", b"value")
    secrets.close()
    again = Secrets(tmp_path)
    assert again.get("token") == b"value"
    again.close()


def test_no_value_lies_readable_on_disk(secrets: Secrets, tmp_path: Path) -> None:
    secrets.put("token", b"1//very-secret-refresh-token")
    assert all(b"very-secret" not in file.read_bytes() for file in tmp_path.iterdir())


def test_the_key_is_for_its_owner_alone(secrets: Secrets, tmp_path: Path) -> None:
    before = os.umask(0)  # the most permissive one
    try:
        secrets.put("token", b"value")
    finally:
        os.umask(before)
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}


def test_of_many_processes_that_make_the_key_one_does(tmp_path: Path) -> None:
    spawned = multiprocessing.get_context("spawn")
    with spawned.Pool(4) as pool:
        pool.starmap(_put, [(tmp_path, f"s{n}") for n in range(8)])
        pool.close()
        pool.join()
    secrets = Secrets(tmp_path)
    assert [secrets.get(f"s{n}") for n in range(8)] == [f"s{n}".encode() for n in range(8)]
    secrets.close()
    assert [file.name for file in tmp_path.glob("secrets.key*")] == ["secrets.key"]


def _put(folder: Path, name: str) -> None:
    secrets = Secrets(folder)
    secrets.put(name, name.encode())
    secrets.close()


def test_a_crash_before_the_old_version_is_destroyed_is_mended_by_the_next_put(
    secrets: Secrets, tmp_path: Path
) -> None:
    secrets.put("token", b"old")
    change(
        tmp_path,
        "INSERT INTO versions (name, sealed, labels) SELECT name, sealed, labels FROM versions",
    )
    assert secrets.get("token") == b"old"
    secrets.put("token", b"new")
    assert secrets.get("token") == b"new"
    connection = sqlite3.connect(tmp_path / "secrets.sqlite3")
    assert connection.execute("SELECT count(*) FROM versions").fetchone() == (1,)
    connection.close()


def test_a_value_moved_to_another_name_does_not_open(secrets: Secrets, tmp_path: Path) -> None:
    secrets.put("mine", b"value")
    change(tmp_path, "UPDATE versions SET name = 'yours'")
    with pytest.raises(ConfigurationError, match="yours"):
        secrets.get("yours")


def test_a_lost_key_is_our_own_trouble_and_says_which_file(
    secrets: Secrets, tmp_path: Path
) -> None:
    secrets.put("token", b"value")
    secrets.close()
    (tmp_path / "secrets.key").unlink()
    other = Secrets(tmp_path)
    with pytest.raises(ConfigurationError, match=r"secrets\.key"):
        other.get("token")
    other.close()


def test_a_damaged_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secrets.key").write_bytes(b"short")
    secrets = Secrets(tmp_path)
    with pytest.raises(ConfigurationError, match=r"secrets\.key"):
        secrets.put("token", b"value")
    secrets.close()
