"""Erased is erased: what was deleted can be read in no file of this machine any more."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.simulator import Simulator
from shared.domain.mailboxes import History
from shared.services.timelines import messages
from tests.world import (
    ANA,
    LocalWorld,
    add_contact,
    connect_account,
    disconnect,
    mail,
    settle,
    timeline,
)

CARL = "carl@client.example"


def files(folder: Path) -> Iterator[bytes]:
    return (file.read_bytes() for file in folder.rglob("*") if file.is_file())


def kept_secrets(folder: Path) -> list[bytes]:
    """As they lie there: whoever has the folder has the key too."""
    with sqlite3.connect(folder / "secrets.sqlite3") as connection:
        rows = connection.execute(
            "SELECT sealed FROM versions WHERE name LIKE 'mailbox-%'"
        ).fetchall()
    connection.close()
    return [sealed.encode() for (sealed,) in rows]


def test_an_erased_mailbox_leaves_nothing_in_the_files(
    world: LocalWorld, simulator: Simulator
) -> None:
    simulator.add_account("ana@example.com")
    carl = add_contact(world, ANA, CARL)
    mailbox = connect_account(world, ANA, "ana@example.com")
    for number in range(40):
        body = f"secret-body-{number} " * (20_000 if number % 10 == 0 else 100)
        raw = mail(CARL, "ana@example.com", f"secret-subject-{number}", body)
        simulator.deliver(raw, to="ana@example.com")
    settle(world)
    assert len(timeline(world, ANA, carl)) == 40
    messages.show(world, ANA, timeline(world, ANA, carl)[0].message_id)
    tokens = kept_secrets(world.folder)
    assert tokens
    assert any(b"secret-body" in data for data in files(world.folder))

    disconnect(world, ANA, mailbox.id, History.ERASE)
    settle(world)

    gone = [b"secret-body", b"secret-subject", *tokens]
    assert not [word for word in gone if any(word in data for data in files(world.folder))]


@pytest.mark.parametrize("reading", [False, True])
def test_a_reader_only_delays_it(world: LocalWorld, simulator: Simulator, *, reading: bool) -> None:
    simulator.add_account("ana@example.com")
    mailbox = connect_account(world, ANA, "ana@example.com")
    settle(world)
    tokens = kept_secrets(world.folder)
    other = sqlite3.connect(world.folder / "secrets.sqlite3")
    if reading:
        other.execute("BEGIN")
        other.execute("SELECT * FROM versions").fetchone()
    disconnect(world, ANA, mailbox.id)
    settle(world)
    other.close()
    world.secrets.put("another", b"x")
    assert not [token for token in tokens if any(token in data for data in files(world.folder))]
