"""What the contract suite does not ask of the DocumentStore on Firestore."""

import itertools
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from msgspec.structs import replace

from shared.config import Settings
from shared.domain.errors import AlreadyExists, NotFound, PreconditionFailed
from shared.gcp import GoogleCloud
from shared.gcp.firestore import Documents
from shared.ports.documents import Transaction, Write
from tests.gcp.cloud import backend

HOME = "teams/t1/things"


def put(store: Documents, id: str, **data: Any) -> None:
    store.write(Write("put", f"{HOME}/{id}", data))


def field(store: Documents, id: str, name: str = "n") -> Any:
    found = store.get(f"{HOME}/{id}")
    return found.data[name] if found else None


# -- whose it is ----------------------------------------------------------------------------------


def test_two_databases_of_one_project_do_not_see_each_others_documents(
    cloud: GoogleCloud, cloud_settings: Settings
) -> None:
    put(cloud.documents, "a", n=1)
    with backend(replace(cloud_settings, firestore_database="staging")) as staging:
        assert field(staging.documents, "a") is None
        put(staging.documents, "a", n=2)
    assert field(cloud.documents, "a") == 1


# -- what is refused before it is sent ------------------------------------------------------------


def test_a_document_of_more_than_900_kib_is_refused(store: Documents) -> None:
    with pytest.raises(ValueError, match="bytes, more than"):
        put(store, "a", body="x" * (900 * 1024 + 1))
    assert store.get(f"{HOME}/a") is None


def test_a_document_that_grows_too_large_by_an_update_is_refused(store: Documents) -> None:
    put(store, "a", one="x" * 800_000)
    with pytest.raises(ValueError, match="Firestore"):
        store.write(Write("update", f"{HOME}/a", {"two": "x" * 800_000}))


@pytest.mark.parametrize(
    "value", [b"x", datetime(2026, 5, 1), [[1]], {1: "x"}, 2**63, {"x"}, "\ud800", object()]
)
def test_a_value_that_documents_cannot_hold_is_refused_by_its_field(
    store: Documents, value: Any
) -> None:
    with pytest.raises(ValueError, match=f"{HOME}/a: field 'wrong'"):
        put(store, "a", fine=1, wrong=value)


def test_what_firestore_itself_refuses_is_a_value_error(store: Documents) -> None:
    with pytest.raises(ValueError, match="reserved"):
        put(store, "__a__", n=1)


# -- many at once ---------------------------------------------------------------------------------


def test_of_200_creators_at_once_one_wins(store: Documents) -> None:
    def create(n: int) -> bool:
        try:
            store.write(Write("create", f"{HOME}/a", {"n": n}))
        except AlreadyExists:
            return False
        return True

    with ThreadPoolExecutor(50) as pool:
        won = list(pool.map(create, range(200)))
    assert won.count(True) == 1
    assert field(store, "a") == won.index(True)


def increment(store: Documents) -> None:
    """By a write that asks for the version that was read."""
    while True:
        found = store.get(f"{HOME}/a")
        assert found
        new = {"n": found.data["n"] + 1}
        try:
            return store.write(Write("update", f"{HOME}/a", new, found.version))
        except PreconditionFailed:
            continue


def increment_often(settings: Settings) -> None:
    with backend(settings) as cloud:
        for _ in range(25):
            increment(cloud.documents)


def test_two_processes_lose_no_increment(store: Documents, cloud_settings: Settings) -> None:
    put(store, "a", n=0)
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=increment_often, args=(cloud_settings,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert field(store, "a") == 50


def test_contending_transactions_all_get_their_turn(store: Documents) -> None:
    put(store, "a", n=0)

    def work(transaction: Transaction) -> None:
        found = transaction.get(f"{HOME}/a")
        assert found
        transaction.write(Write("update", f"{HOME}/a", {"n": found.data["n"] + 1}))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: store.transaction(work), range(40)))
    assert field(store, "a") == 40


# -- transactions ---------------------------------------------------------------------------------


class Rival:
    """Writes in the middle of somebody's transaction, the first time it runs."""

    def __init__(self, strike: Callable[[], None]) -> None:
        self._strike = strike
        self.runs = 0

    def come(self) -> None:
        self.runs += 1
        if self.runs == 1:
            self._strike()


def test_a_transaction_runs_again_when_what_it_read_was_written(store: Documents) -> None:
    put(store, "a", n=1)
    rival = Rival(lambda: put(store, "a", n=2))

    def work(transaction: Transaction) -> None:
        found = transaction.get(f"{HOME}/a")
        assert found
        rival.come()
        transaction.write(Write("put", f"{HOME}/a", {"n": found.data["n"] * 10}))

    store.transaction(work)
    assert (field(store, "a"), rival.runs) == (20, 2)


@pytest.mark.parametrize("there", [True, False])
def test_also_when_it_read_it_only_to_decide(store: Documents, there: bool) -> None:
    if there:
        put(store, "a", n=1)
    rival = Rival(lambda: put(store, "a", n=2))

    def work(transaction: Transaction) -> None:
        found = transaction.get(f"{HOME}/a")
        rival.come()
        transaction.write(Write("put", f"{HOME}/b", {"n": found.data["n"] if found else None}))

    store.transaction(work)
    assert (field(store, "b"), rival.runs) == (2, 2)


def test_reading_only_to_decide_changes_nothing(store: Documents) -> None:
    put(store, "a", n=1)
    before = store.get(f"{HOME}/a")

    def work(transaction: Transaction) -> None:
        transaction.get_many([f"{HOME}/a", f"{HOME}/none"])
        transaction.write(Write("put", f"{HOME}/b", {"n": 1}))

    store.transaction(work)
    assert store.get(f"{HOME}/a") == before
    assert store.get(f"{HOME}/none") is None


def test_all_that_a_transaction_reads_is_of_one_moment(store: Documents) -> None:
    put(store, "a", n=1)
    put(store, "b", n=1)

    def both() -> None:
        store.write(*(Write("put", f"{HOME}/{id}", {"n": 2}) for id in "ab"))

    def work(transaction: Transaction) -> tuple[Any, Any]:
        one = transaction.get(f"{HOME}/a")
        both()
        other = transaction.get(f"{HOME}/b")
        assert one
        assert other
        return one.data["n"], other.data["n"]

    assert store.transaction(work) == (1, 1)


@pytest.mark.parametrize("read", [True, False])
def test_a_write_that_what_is_there_does_not_allow_is_refused(store: Documents, read: bool) -> None:
    put(store, "a", n=1)
    outdated = store.get(f"{HOME}/a")
    put(store, "a", n=2)
    assert outdated

    def attempt(*writes: Write) -> None:
        def work(transaction: Transaction) -> None:
            if read:
                transaction.get_many([write.path for write in writes])
            transaction.write(Write("put", f"{HOME}/b", {}), *writes)

        store.transaction(work)

    with pytest.raises(AlreadyExists):
        attempt(Write("create", f"{HOME}/a"))
    with pytest.raises(NotFound):
        attempt(Write("update", f"{HOME}/none", {"n": 1}))
    with pytest.raises(PreconditionFailed):
        attempt(Write("put", f"{HOME}/a", {}, outdated.version))
    assert store.get(f"{HOME}/b") is None


def test_one_that_keeps_losing_says_so(store: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.gcp.firestore.PATIENCE", 0.3)
    rivals = itertools.count()

    def work(transaction: Transaction) -> None:
        transaction.get(f"{HOME}/a")
        put(store, "a", n=next(rivals))
        transaction.write(Write("put", f"{HOME}/a", {"n": "mine"}))

    with pytest.raises(PreconditionFailed, match="coming between"):
        store.transaction(work)
    assert field(store, "a") == next(rivals) - 1


def test_a_dead_transaction_holds_nobody_up(store: Documents) -> None:
    put(store, "a", n=1)

    def work(transaction: Transaction) -> None:
        transaction.get(f"{HOME}/a")
        raise LookupError("dies")

    with pytest.raises(LookupError):
        store.transaction(work)
    put(store, "a", n=2)
    assert field(store, "a") == 2
