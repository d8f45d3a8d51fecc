"""Firestore that does not answer, breaks off, or says no."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from google.api_core import exceptions as google
from msgspec.structs import replace

from shared.config import Settings
from shared.domain.errors import ConfigurationError, ProviderUnavailable
from shared.gcp import GoogleCloud, calls
from shared.gcp.firestore import Documents
from shared.ports.documents import Query, Where, Write
from tests.gcp.cloud import backend
from tests.gcp.test_firestore import HOME, field, put

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
    return Documents(lambda: client, settings)


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
