"""Typed records over the embedded store."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.embedded import Embedded
from shared import records
from shared.domain.contacts import Contact
from shared.domain.errors import AlreadyExists, NotFound, PreconditionFailed
from shared.ports.documents import DocumentStore, Where
from shared.records.schema import to_data

NOW = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DocumentStore]:
    backend = Embedded(tmp_path)
    yield backend.documents
    backend.close()


def contact(id: str, team: str = "t") -> Contact:
    return Contact(id=id, team_id=team, addresses=("a@x.example",), created_at=NOW)


def test_a_record_comes_back_as_it_went_in(store: DocumentStore) -> None:
    contacts = records.contacts(store, "t")
    contacts.create("c1", contact("c1"))
    assert contacts.get("c1") == contact("c1")
    with pytest.raises(AlreadyExists):
        contacts.create("c1", contact("c1"))


def test_fields_a_newer_version_wrote_do_not_disturb_reading(store: DocumentStore) -> None:
    contacts = records.contacts(store, "t")
    contacts.put("c1", contact("c1"))
    contacts.update("c1", favourite_colour="green")
    assert contacts.get("c1") == contact("c1")


def test_a_careful_write_fails_when_somebody_wrote_since(store: DocumentStore) -> None:
    contacts = records.contacts(store, "t")
    contacts.put("c1", contact("c1"))
    held = contacts.versioned("c1")
    contacts.update("c1", name="Carl")
    with pytest.raises(PreconditionFailed):
        contacts.replace("c1", held, held.record)


@pytest.mark.parametrize("id", ["", "nobody", "a/b", "../x", "é", "a" * 300, "x/activities/y"])
def test_what_cannot_be_an_id_is_not_there(store: DocumentStore, id: str) -> None:
    contacts = records.contacts(store, "t")
    contacts.put("a", contact("a"))
    assert contacts.find(id) is None
    assert contacts.many([id, "a"]).keys() == {"a"}
    with pytest.raises(NotFound):
        contacts.get(id)


@given(st.text(min_size=1, max_size=200), st.text(min_size=1, max_size=200))
def test_no_team_can_name_itself_into_another(one: str, other: str) -> None:
    paths = {records.contacts(None, team).path("c") for team in (one, other)}  # type: ignore[arg-type]
    assert len(paths) == len({one, other})
    for path in paths:
        assert len(path) < 1_500
        teams, segment, contacts, id = path.split("/")
        assert (teams, contacts, id) == ("teams", "contacts", "c")
        assert segment not in {".", ".."}
        assert not segment.startswith("__")


@given(st.text(min_size=records.MAX_SEGMENT + 1, max_size=2_000))
def test_the_digest_of_a_long_team_is_no_other_teams_name(long: str) -> None:
    segment = records.contacts(None, long).path("c").split("/")[1]  # type: ignore[arg-type]
    for name in (segment, segment.strip("="), f"={segment}"):
        assert records.contacts(None, name).path("c").split("/")[1] != segment  # type: ignore[arg-type]


def test_pages_follow_each_other(store: DocumentStore) -> None:
    contacts = records.contacts(store, "t")
    for number in range(5):
        contacts.put(f"c{number}", contact(f"c{number}"))
    first, token = contacts.page(order_by=("created_at",), limit=3)
    second, end = contacts.page(order_by=("created_at",), limit=3, after=token)
    assert [one.id for one in first + second] == [f"c{number}" for number in range(5)]
    assert end == ""
    assert contacts.ids(Where("team_id", "==", "t"), limit=2) == ["c0", "c1"]


def test_times_stay_times() -> None:
    assert to_data(contact("c"))["created_at"] == NOW
