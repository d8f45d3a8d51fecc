"""What is special to the documents of one machine: the file, and what Firestore would refuse."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from infra.embedded.documents import Documents, page_statement
from infra.embedded.indexes import plan
from shared.domain.errors import ProviderUnavailable
from shared.ports.documents import Query, Where, Write


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Documents]:
    made = Documents(tmp_path)
    yield made
    made.close()


# -- The file -------------------------------------------------------------------------------------


def test_documents_and_indexes_survive_a_restart(tmp_path: Path) -> None:
    query = Query("teams/t/things", (Where("k", "==", 1),), ("-n",))
    first = Documents(tmp_path)
    first.write(*(Write("put", f"teams/t/things/{n}", {"n": n, "k": n % 2}) for n in range(5)))
    before = first.query(query)
    first.close()
    second = Documents(tmp_path)
    second.write(Write("put", "teams/t/things/7", {"n": 7, "k": 1}))
    after = second.query(query)
    second.close()
    assert [document.data["n"] for document in after.documents] == [7, 3, 1]
    assert after.documents[1:] == before.documents


def test_a_version_is_not_given_again_after_a_restart(tmp_path: Path) -> None:
    versions = []
    for kind in ("put", "delete", "put"):
        store = Documents(tmp_path)
        store.write(Write(kind, "a/b", {}))
        found = store.get("a/b")
        versions.append(found.version if found else None)
        store.close()
    assert versions[0] != versions[2]


def test_two_stores_of_one_folder_follow_each_others_indexes(tmp_path: Path) -> None:
    one, other = Documents(tmp_path), Documents(tmp_path)
    query = Query("things", (Where("n", ">=", 1),), ("n",))
    other.write(Write("put", "things/a", {"n": 1}))
    assert one.count(query) == 1  # the index is made here
    other.write(Write("put", "things/b", {"n": 2}))
    assert (one.count(query), other.count(query)) == (2, 2)
    one.close()
    other.close()


def test_the_data_is_for_its_owner_alone(tmp_path: Path) -> None:
    store = Documents(tmp_path / "new" / "folder")
    store.write(Write("put", "a/b", {"n": 1}))
    modes = {file.name: file.stat().st_mode & 0o077 for file in tmp_path.rglob("*")}
    store.close()
    assert "documents.sqlite3-wal" in modes
    del modes["new"]  # a parent made on the way is none of our business
    assert set(modes.values()) == {0}


def test_a_file_that_cannot_be_used_is_an_outage(tmp_path: Path) -> None:
    store = Documents(tmp_path)
    (tmp_path / "documents.sqlite3").mkdir()
    with pytest.raises(ProviderUnavailable):
        store.get("a/b")


def test_a_page_is_found_through_the_index_alone(store: Documents, tmp_path: Path) -> None:
    """However many documents there are, and however large: nothing is scanned."""
    query = Query("t/a/things", (Where("k", "in", [1, 2]), Where("n", ">", 1)), ("-n",), limit=5)
    store.query(query)
    sql, values = page_statement(plan(query), index=1, limit=6)
    connection = sqlite3.connect(tmp_path / "documents.sqlite3")
    seen = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    connection.close()
    reads = [step for step in seen if "entries" in step or "documents" in step]
    assert len(reads) == 3
    assert all(step.startswith("SEARCH") for step in reads)


def test_a_write_inside_a_transaction_is_refused_instead_of_waiting_for_itself(
    store: Documents,
) -> None:
    with pytest.raises(RuntimeError, match="within a transaction"):
        store.transaction(lambda _: store.write(Write("put", "a/b", {})))
    store.write(Write("put", "a/b", {}))


# -- What Firestore would refuse ------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        b"bytes",
        2**63,
        -(2**63) - 1,
        datetime(2026, 5, 1),  # the missing zone is the point
        {1: "a key that is no text"},
        [[1]],
        {"a": [{"b": [[1]]}]},
        {1, 2},
        1j,
        "\ud800",
        {"\udfff": 1},
        object(),
    ],
)
def test_a_value_that_documents_do_not_hold_is_refused(store: Documents, value: Any) -> None:
    with pytest.raises(ValueError, match="a/b"):
        store.write(Write("put", "a/b", {"field": value}))
    assert store.get("a/b") is None


def test_the_field_at_fault_is_named(store: Documents) -> None:
    with pytest.raises(ValueError, match=r"a/b: field 'wrong' holds an int of more than 64 bits"):
        store.write(Write("put", "a/b", {"right": 1, "wrong": 2**64}))


def test_a_document_of_more_than_a_mebibyte_is_refused(store: Documents) -> None:
    with pytest.raises(ValueError, match="a/b"):
        store.write(Write("put", "a/b", {"body": "x" * 1024 * 1024}))
    store.write(Write("put", "a/b", {"body": "x" * 600_000}))
    with pytest.raises(ValueError, match="a/b"):
        store.write(Write("update", "a/b", {"more": "x" * 600_000}))


def test_a_time_of_another_zone_comes_back_in_utc(store: Documents) -> None:
    at = datetime(2026, 5, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    store.write(Write("put", "a/b", {"at": at}))
    found = store.get("a/b")
    assert found is not None
    assert found.data["at"] == at
    assert found.data["at"].tzinfo == UTC


def test_a_tuple_comes_back_as_a_list(store: Documents) -> None:
    store.write(Write("put", "a/b", {"items": ({"x": (1, 2)},)}))
    found = store.get("a/b")
    assert found is not None
    assert found.data == {"items": [{"x": [1, 2]}]}


def test_nan_equals_itself_and_is_in_no_range(store: Documents) -> None:
    store.write(Write("put", "t/a", {"n": float("nan")}), Write("put", "t/b", {"n": 1.0}))
    same = store.query(Query("t", (Where("n", "==", float("nan")),)))
    less = store.query(Query("t", (Where("n", "<", 5),), ("n",)))
    assert [document.path for document in same.documents] == ["t/a"]
    assert [document.path for document in less.documents] == ["t/b"]
