"""What the contract suite does not ask of the DocumentStore on Firestore."""

import base64
import itertools
import multiprocessing
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import msgspec
import pytest
from google.api_core import exceptions as google
from hypothesis import HealthCheck, given
from hypothesis import settings as trying
from hypothesis import strategies as st
from msgspec.structs import replace

from shared.config import Settings
from shared.domain.errors import (
    AlreadyExists,
    ConfigurationError,
    InvalidRequest,
    NotFound,
    PreconditionFailed,
    ProviderUnavailable,
)
from shared.gcp import GoogleCloud, calls
from shared.gcp.firestore import Documents
from shared.ports import Query, Transaction, Where, Write
from tests.gcp.cloud import backend

HOME = "teams/t1/things"


def put(store: Documents, id: str, **data: Any) -> None:
    store.write(Write("put", f"{HOME}/{id}", data))


def field(store: Documents, id: str, name: str = "n") -> Any:
    found = store.get(f"{HOME}/{id}")
    return found.data[name] if found else None


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


# -- trouble --------------------------------------------------------------------------------------


GONE = google.ServiceUnavailable("gone")  # type: ignore[no-untyped-call]
CONTENTION = google.Aborted("contention")  # type: ignore[no-untyped-call]
NO_INDEX = google.FailedPrecondition("needs an index")  # type: ignore[no-untyped-call]


class Unsteady:
    """Google's client. The first call of one method fails, before its effect or after it; an answer
    that comes in parts breaks off after the first."""

    def __init__(
        self,
        client: Any,
        method: str,
        *,
        early: Exception | None = None,
        late: Exception | None = None,
    ) -> None:
        self._client = client
        self._method = method
        self._early = early
        self._late = late
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        return self._call if name == self._method else getattr(self._client, name)

    def _call(self, *args: Any, **options: Any) -> Any:
        self.asked += 1
        if self._early and self.asked == 1:
            raise self._early
        answer = getattr(self._client, self._method)(*args, **options)
        if not self._late or self.asked > 1:
            return answer
        if isinstance(answer, Iterable):
            return _broken(answer, self._late)
        raise self._late


def _broken(answers: Iterable[Any], error: Exception) -> Iterator[Any]:
    yield next(iter(answers))
    raise error


def using(client: Any, settings: Settings) -> Documents:
    return Documents(lambda: client, settings.google_cloud_project)


def test_an_answer_that_breaks_off_is_asked_for_again(
    cloud: GoogleCloud, cloud_settings: Settings
) -> None:
    for id in "abc":
        put(cloud.documents, id, n=1)
    client = Unsteady(cloud.clients.firestore(), "run_query", late=GONE)
    page = using(client, cloud_settings).query(Query(HOME))
    assert [document.path[-1] for document in page.documents] == ["a", "b", "c"]
    assert client.asked == 2


def test_a_write_that_cannot_hurt_is_tried_again(
    cloud: GoogleCloud, cloud_settings: Settings
) -> None:
    client = Unsteady(cloud.clients.firestore(), "commit", late=GONE)
    put(using(client, cloud_settings), "a", n=1)
    assert (client.asked, field(cloud.documents, "a")) == (2, 1)


def test_nobody_is_told_to_be_second_to_himself(
    cloud: GoogleCloud, cloud_settings: Settings
) -> None:
    """The create happened and its answer was lost: asking again would say AlreadyExists."""
    client = Unsteady(cloud.clients.firestore(), "commit", late=GONE)
    with pytest.raises(ProviderUnavailable):
        using(client, cloud_settings).write(Write("create", f"{HOME}/a", {"n": 1}))
    assert (client.asked, field(cloud.documents, "a")) == (1, 1)


def test_a_write_that_was_turned_away_by_contention_is_tried_again(
    cloud: GoogleCloud, cloud_settings: Settings
) -> None:
    client = Unsteady(cloud.clients.firestore(), "commit", early=CONTENTION)
    using(client, cloud_settings).write(Write("create", f"{HOME}/a", {"n": 1}))
    assert (client.asked, field(cloud.documents, "a")) == (2, 1)


def test_an_outage_is_named(cloud_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "PATIENCE", 0.3)
    nowhere = replace(cloud_settings, firestore_emulator_host="127.0.0.1:1")
    with backend(nowhere) as cloud, pytest.raises(ProviderUnavailable, match="Firestore"):
        cloud.documents.get(f"{HOME}/a")


def test_a_refusal_is_our_own_fault(cloud: GoogleCloud, cloud_settings: Settings) -> None:
    client = Unsteady(cloud.clients.firestore(), "run_query", early=NO_INDEX)
    with pytest.raises(ConfigurationError, match="needs an index"):
        using(client, cloud_settings).query(Query(HOME, (Where("x", "==", 1),), ("y",)))


# -- cursors --------------------------------------------------------------------------------------


def test_a_cursor_tells_nobody_whose_it_is(store: Documents) -> None:
    for id in "abc":
        put(store, id, n=1)
    cursor = store.query(Query(HOME, order_by=("n",), limit=1)).next
    plain = base64.urlsafe_b64decode(cursor + "==")
    assert b"teams" not in plain
    assert b"test-" not in plain


def forged(*parts: Any) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(parts)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "cursor",
    [
        forged([1], "../../t2/things/x"),
        forged([1], "a/b/c"),
        forged([1], ""),
        forged([1], 7),
        forged([], "a"),
        forged([1, 2], "a"),
        forged([b"bytes"], "a"),
        forged([2**64 - 1], "a"),
        forged([1], "__a__"),
        forged([1]),
        forged("1", "a"),
        base64.urlsafe_b64encode(b"\x91" * 5000).rstrip(b"=").decode(),
    ],
)
def test_a_forged_cursor_is_refused(store: Documents, cursor: str) -> None:
    put(store, "a", n=1)
    with pytest.raises(InvalidRequest):
        store.query(Query(HOME, order_by=("n",), after=cursor))


@trying(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(
        st.none() | st.integers() | st.text(max_size=5) | st.lists(st.none()), max_size=2
    ),
    path=st.text(max_size=8),
)
def test_whatever_a_cursor_says_a_query_stays_where_it_is(
    store: Documents, values: list[Any], path: str
) -> None:
    put(store, "mine", n=1)
    store.write(Write("put", "teams/t2/things/theirs", {"n": 1}))
    try:
        page = store.query(Query(HOME, order_by=("n",), after=forged(values, path)))
    except InvalidRequest:
        return
    assert {document.path for document in page.documents} <= {f"{HOME}/mine"}


# -- processes ------------------------------------------------------------------------------------

_IDLE = """
import sys
from shared.config import Settings
from shared.gcp import backend
backend(Settings(google_cloud_project="p"))
print({"grpc", "google.api_core", "google.protobuf", "google.auth", "requests"} & {*sys.modules})
"""


def test_nothing_of_google_is_loaded_before_it_is_used() -> None:
    command = [sys.executable, "-c", _IDLE]
    answer = subprocess.run(command, capture_output=True, check=True)  # noqa: S603
    assert answer.stdout.strip() == b"set()"


def test_without_a_project_it_says_which_setting_is_missing() -> None:
    with pytest.raises(ConfigurationError, match="GOOGLE_CLOUD_PROJECT"):
        GoogleCloud(Settings())
