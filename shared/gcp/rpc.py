"""Firestore's calls, one method each, with retries and with our errors."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from shared.gcp import queries
from shared.gcp.calls import TIMEOUT, ask
from shared.gcp.paths import Database
from shared.gcp.values import decode
from shared.ports.documents import Document, Query

if TYPE_CHECKING:
    from google.cloud.firestore_v1.services.firestore import FirestoreClient
    from google.cloud.firestore_v1.types import CommitRequest

T = TypeVar("T")

CHUNK = 300
"""Documents asked for at once, so that a request stays small and its answer timely."""


class Rpc:
    def __init__(self, client: Callable[[], "FirestoreClient"], database: Database) -> None:
        self._client = client
        self.database = database

    def snapshot(self, paths: Iterable[str], at: Any = None) -> tuple[dict[str, Document], Any]:
        """Those that exist, all as they were at one time, and that time. `at` is the time of an earlier
        snapshot, at most an hour old; None means now."""
        names = [self.database.document(path) for path in dict.fromkeys(paths)]
        found: dict[str, Document] = {}
        for first in range(0, len(names), CHUNK):
            for answer in self._batch_get(names[first : first + CHUNK], at):
                if answer.WhichOneof("result") == "found":
                    document = self._document(answer.found)
                    found[document.path] = document
                at = answer.read_time
        return found, at

    def find(self, query: Query, limit: int) -> list[Document]:
        """The query's first `limit` documents, whatever its own limit."""
        from google.api_core.exceptions import InvalidArgument

        parent, structured = queries.structured(self.database, query)
        structured.limit = limit
        request = {"parent": parent, "structured_query": structured}

        def run(client: "FirestoreClient") -> list[Any]:
            try:
                return _raw(client.run_query(request, **self._options))
            except InvalidArgument as error:
                raise (queries.bad_cursor() if query.after else error) from error

        answers = self._ask(run)
        return [
            self._document(answer.document) for answer in answers if answer.HasField("document")
        ]

    def count(self, query: Query) -> int:
        parent, structured = queries.structured(self.database, query)
        counted = {"structured_query": structured, "aggregations": [{"alias": "n", "count": {}}]}
        request = {"parent": parent, "structured_aggregation_query": counted}

        def run(client: "FirestoreClient") -> list[Any]:
            return _raw(client.run_aggregation_query(request, **self._options))

        (answer,) = self._ask(run)
        return int(answer.result.aggregate_fields["n"].integer_value)

    def commit(self, request: "CommitRequest") -> None:
        """Of writes without conditions."""
        self._ask(lambda client: client.commit(request, **self._options))

    def commit_if(
        self, request: "CommitRequest", refused: Callable[[Exception], Exception]
    ) -> None:
        """Of writes with conditions; `refused` makes the error to raise when one does not hold.

        Tried again only when it certainly did not happen: a second try of one that did would be refused,
        and say that somebody else was first.
        """
        from google.api_core import exceptions as google

        def commit(client: "FirestoreClient") -> None:
            try:
                client.commit(request, **self._options)
            except (google.AlreadyExists, google.NotFound, google.FailedPrecondition) as error:
                raise refused(error) from error

        self._ask(commit, repeatable=False)

    def _batch_get(self, names: Sequence[str], at: Any) -> list[Any]:
        request = {"database": self.database.name, "documents": names, "read_time": at}
        return self._ask(lambda client: _raw(client.batch_get_documents(request, **self._options)))

    def _ask(self, call: Callable[["FirestoreClient"], T], *, repeatable: bool = True) -> T:
        return ask("Firestore", lambda: call(self._client()), repeatable=repeatable)

    @property
    def _options(self) -> dict[str, Any]:
        """The library's own retries are off: they do not cover the middle of a stream."""
        return {"retry": None, "timeout": TIMEOUT, "metadata": self.database.metadata}

    def _document(self, message: Any) -> Document:
        version = message.update_time.ToNanoseconds()
        return Document(self.database.path(message.name), decode(message.fields), version)


def _raw(stream: Iterable[Any]) -> list[Any]:
    return [type(answer).pb(answer) for answer in stream]
