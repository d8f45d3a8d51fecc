"""Two releases at work on the same documents, as during every deployment and after every way back.

`Email` here is a record as this release knows it, `NextEmail` the same one a release later.
"""

from datetime import UTC, datetime
from enum import Enum

import msgspec
import pytest
from msgspec import Struct, field

from shared.domain import ids
from shared.ports.documents import Data, Transaction, Write
from shared.records import Collection, schema
from tests.contracts.backends import Candidate

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Status(Enum):
    QUEUED = "queued"
    SENT = "sent"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, _value: object) -> "Status":
        return cls.UNKNOWN


class Attempt(Struct, kw_only=True):
    at: datetime
    outcome: str = ""


class Progress(Struct, kw_only=True):
    tried: int = 0


class Email(Struct, kw_only=True):
    id: str
    status: Status = Status.QUEUED
    subject: str = ""
    labels: dict[str, str] = {}
    attempts: tuple[Attempt, ...] = ()
    progress: Progress = field(default_factory=Progress)


class NextStatus(Enum):
    QUEUED = "queued"
    SENT = "sent"
    UNKNOWN = "unknown"
    BOUNCED = "bounced"


class NextAttempt(Struct, kw_only=True):
    at: datetime
    outcome: str = ""
    server: str = ""


class NextProgress(Struct, kw_only=True):
    tried: int = 0
    queue: tuple[str, ...] = ()


class NextEmail(Struct, kw_only=True):
    id: str
    status: NextStatus = NextStatus.QUEUED
    subject: str = ""
    labels: dict[str, str] = {}
    attempts: tuple[NextAttempt, ...] = ()
    progress: NextProgress = field(default_factory=NextProgress)
    priority: str = "normal"


def newer(id: str) -> NextEmail:
    """Everything that only the next release knows is in use."""
    return NextEmail(
        id=id,
        status=NextStatus.BOUNCED,
        subject="Hello",
        labels={"a": "1", "b": "2"},
        attempts=(NextAttempt(at=NOW, outcome="refused", server="mx1"),),
        progress=NextProgress(tried=1, queue=("x", "y")),
        priority="high",
    )


def prioritised(data: Data) -> Data:
    """Version 2 has a priority; what was urgent so far had it in its subject."""
    urgent = data["subject"].startswith("URGENT")
    return {"priority": "high" if urgent else "normal"} | data


@pytest.fixture
def path() -> str:
    return f"teams/{ids.random()}/emails"


@pytest.fixture
def ours(candidate: Candidate, path: str) -> Collection[Email]:
    return Collection(candidate.documents, path, Email)


@pytest.fixture
def theirs(
    candidate: Candidate, path: str, monkeypatch: pytest.MonkeyPatch
) -> Collection[NextEmail]:
    monkeypatch.setattr(schema, "UPGRADES", {NextEmail: (prioritised,)})
    return Collection(candidate.documents, path, NextEmail)


def stored(collection: Collection[NextEmail], id: str) -> Data:
    return collection.versioned(id).stored


def test_a_document_says_which_version_wrote_it(
    ours: Collection[Email], theirs: Collection[NextEmail]
) -> None:
    ours.create("old", Email(id="old"))
    theirs.create("new", newer("new"))
    assert ours.versioned("old").stored["schema"] == 1
    assert ours.versioned("new").stored["schema"] == 2


def test_what_a_newer_release_wrote_is_read(
    ours: Collection[Email], theirs: Collection[NextEmail]
) -> None:
    theirs.create("e", newer("e"))
    assert ours.get("e") == Email(
        id="e",
        status=Status.UNKNOWN,
        subject="Hello",
        labels={"a": "1", "b": "2"},
        attempts=(Attempt(at=NOW, outcome="refused"),),
        progress=Progress(tried=1),
    )


def test_an_older_release_that_changes_nothing_loses_nothing(
    ours: Collection[Email], theirs: Collection[NextEmail]
) -> None:
    theirs.create("e", newer("e"))
    before = stored(theirs, "e")
    held = ours.versioned("e")
    ours.replace("e", held, held.record)
    assert stored(theirs, "e") == before
    assert theirs.get("e") == newer("e")


def test_an_older_release_changes_only_what_it_means_to_change(
    ours: Collection[Email], theirs: Collection[NextEmail]
) -> None:
    theirs.create("e", newer("e"))
    held = ours.versioned("e")
    held.record.subject = "Hello again"
    held.record.progress.tried = 2
    held.record.labels = {"b": "2"}
    held.record.attempts += (Attempt(at=NOW, outcome="sent"),)
    ours.replace("e", held, held.record)
    wanted = newer("e")
    wanted.subject = "Hello again"
    wanted.progress.tried = 2
    wanted.labels = {"b": "2"}
    wanted.attempts += (NextAttempt(at=NOW, outcome="sent"),)
    assert theirs.get("e") == wanted
    assert stored(theirs, "e")["schema"] == 2


def test_naming_a_field_leaves_the_others_and_what_it_holds_beyond_our_knowledge(
    ours: Collection[Email], theirs: Collection[NextEmail], candidate: Candidate
) -> None:
    theirs.create("e", newer("e"))

    def work(transaction: Transaction) -> None:
        document = transaction.get(ours.path("e"))
        assert document is not None
        held = ours.read(document)
        transaction.write(ours.updating("e", held, progress=Progress(tried=7), subject="Bye"))

    candidate.documents.transaction(work)
    wanted = newer("e")
    wanted.subject = "Bye"
    wanted.progress.tried = 7
    assert theirs.get("e") == wanted


def test_a_change_of_state_is_a_change_whatever_the_newer_state_was(
    ours: Collection[Email], theirs: Collection[NextEmail]
) -> None:
    theirs.create("e", newer("e"))
    held = ours.versioned("e")
    held.record.status = Status.SENT
    ours.replace("e", held, held.record)
    assert theirs.get("e").status is NextStatus.SENT


def test_a_state_without_a_fallback_is_an_error_and_never_another_state(
    ours: Collection[Email], candidate: Candidate, path: str
) -> None:
    class Strict(Struct):
        status: NextStatus

    ours.create("e", Email(id="e"))
    ours.update("e", status="paused")
    with pytest.raises(msgspec.ValidationError):
        Collection(candidate.documents, path, Strict).get("e")


def test_what_an_older_release_wrote_is_brought_up_to_date(
    ours: Collection[Email], theirs: Collection[NextEmail]
) -> None:
    ours.create("calm", Email(id="calm", subject="Hello"))
    ours.create("urgent", Email(id="urgent", subject="URGENT hello"))
    assert theirs.get("calm").priority == "normal"
    assert theirs.get("urgent").priority == "high"
    held = theirs.versioned("urgent")
    held.record.subject = "Never mind"
    theirs.replace("urgent", held, held.record)
    assert theirs.get("urgent").priority == "high"
    assert ours.versioned("urgent").stored["schema"] == 2


def test_documents_from_before_there_were_versions_are_the_first(
    theirs: Collection[NextEmail], candidate: Candidate, path: str
) -> None:
    candidate.documents.write(
        Write("create", f"{path}/e", {"id": "e", "subject": "URGENT", "status": "queued"})
    )
    assert theirs.get("e") == NextEmail(id="e", subject="URGENT", priority="high")
    held = theirs.versioned("e")
    theirs.replace("e", held, held.record)
    assert stored(theirs, "e")["schema"] == 2


def test_the_newer_release_keeps_what_it_filled_in_while_the_older_one_goes_on(
    ours: Collection[Email], theirs: Collection[NextEmail]
) -> None:
    ours.create("e", Email(id="e", subject="URGENT"))
    theirs.update("e", priority="low")
    held = ours.versioned("e")
    held.record.progress.tried = 1
    ours.replace("e", held, held.record)
    assert theirs.get("e").priority == "low"
