"""The DocumentStore on Firestore."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from shared.domain.errors import AlreadyExists, NotFound, PreconditionFailed
from shared.gcp import queries, writes
from shared.gcp.calls import PATIENCE, TIMEOUT, ask
from shared.gcp.paths import Database
from shared.gcp.values import decode
from shared.ports import Document, Page, Query, Transaction, Write

if TYPE_CHECKING:
    from google.cloud.firestore_v1.services.firestore import FirestoreClient
    from google.cloud.firestore_v1.types import CommitRequest

T = TypeVar("T")

CHUNK = 300
"""Documents asked for at once, so that a request stays small and its answer timely."""
_SERVICE = "Firestore"


class Documents:
    """Implements `shared.ports.DocumentStore`.

    A write with a condition is tried again only when it certainly did not happen: a second try of one
    that did would be refused, and say that somebody else was first.
    """

    def __init__(self, client: Callable[[], "FirestoreClient"], project: str) -> None:
        self._client = client
        self._database = Database(f"projects/{project}/databases/(default)")

    def get(self, path: str) -> Document | None:
        return self.get_many([path]).get(path)

    def get_many(self, paths: Iterable[str]) -> dict[str, Document]:
        return self.snapshot(paths)[0]

    def snapshot(self, paths: Iterable[str], at: Any = None) -> tuple[dict[str, Document], Any]:
        """Those that exist, all as they were at one time, and that time. `at` is the time of an earlier
        snapshot, None means now."""
        names = [self._database.document(path) for path in dict.fromkeys(paths)]
        found: dict[str, Document] = {}
        for first in range(0, len(names), CHUNK):
            for answer in self._read(names[first : first + CHUNK], at):
                if answer.WhichOneof("result") == "found":
                    document = self._document(answer.found)
                    found[document.path] = document
                at = answer.read_time
        return found, at

    def write(self, *batch: Write) -> None:
        writes.check(batch)
        guarded = [(write, writes.guard(write)) for write in batch]
        request = writes.commit_request(self._database, guarded)
        if batch:
            careful = any(condition is not None for _, condition in guarded)
            self._ask(lambda client: self._write(client, request, batch), repeatable=not careful)

    def query(self, query: Query) -> Page:
        parent, structured = queries.structured(self._database, query)
        structured.limit = query.limit + 1  # one more, to see whether anything follows
        request = {"parent": parent, "structured_query": structured}
        answers = self._ask(lambda client: self._run(client, request, query))
        found = [
            self._document(answer.document) for answer in answers if answer.HasField("document")
        ]
        page = found[: query.limit]
        return Page(page, queries.cursor(query, page[-1]) if len(found) > len(page) else "")

    def count(self, query: Query) -> int:
        everything = Query(query.collection, query.where, query.order_by, group=query.group)
        parent, structured = queries.structured(self._database, everything)
        counted = {"structured_query": structured, "aggregations": [{"alias": "n", "count": {}}]}
        request = {"parent": parent, "structured_aggregation_query": counted}
        (answer,) = self._ask(
            lambda client: list(client.run_aggregation_query(request, **self._options))
        )
        return int(answer.result.aggregate_fields["n"].integer_value)

    def transaction(self, work: Callable[[Transaction], T]) -> T:
        from google.api_core.exceptions import RetryError
        from google.api_core.retry import Retry, if_exception_type

        def attempt() -> T:
            transaction = _Transaction(self)
            result = work(transaction)
            transaction.commit()
            return result

        retry = Retry(if_exception_type(_Overtaken), initial=0.02, maximum=1.0, timeout=PATIENCE)
        try:
            return retry(attempt)()
        except RetryError as error:
            raise PreconditionFailed("Other writers kept coming between.") from error

    def commit(self, guarded: Sequence[tuple[Write, writes.Guard]], verified: dict[str, int]) -> None:
        """Raises _Overtaken when a guard no longer holds."""
        from google.api_core import exceptions as google

        request = writes.commit_request(self._database, guarded, verified)

        def commit(client: "FirestoreClient") -> None:
            try:
                client.commit(request, **self._options)
            except (google.AlreadyExists, google.NotFound, google.FailedPrecondition) as error:
                raise _Overtaken from error

        self._ask(commit, repeatable=False)

    # -- one try each; see `ask` ------------------------------------------------------------------

    def _read(self, names: Sequence[str], at: Any) -> list[Any]:
        request: dict[str, Any] = {"database": self._database.name, "documents": names}
        if at is not None:
            request["read_time"] = at

        def read(client: "FirestoreClient") -> list[Any]:
            answers = client.batch_get_documents(request, **self._options)
            return [type(answer).pb(answer) for answer in answers]

        return self._ask(read)

    def _run(self, client: "FirestoreClient", request: dict[str, Any], query: Query) -> list[Any]:
        from google.api_core.exceptions import InvalidArgument

        try:
            answers = client.run_query(request, **self._options)
            return [type(answer).pb(answer) for answer in answers]
        except InvalidArgument as error:
            raise queries.bad_cursor() if query.after else error from error

    def _write(
        self, client: "FirestoreClient", request: "CommitRequest", batch: Sequence[Write]
    ) -> None:
        from google.api_core import exceptions as google

        paths = ", ".join(write.path for write in batch)
        try:
            client.commit(request, **self._options)
        except google.AlreadyExists as error:
            raise AlreadyExists(f"{paths}: exists.") from error
        except google.NotFound as error:
            raise NotFound(f"{paths}: does not exist.") from error
        except google.FailedPrecondition as error:
            raise PreconditionFailed(f"{paths}: changed since it was read.") from error

    def _ask(self, call: Callable[["FirestoreClient"], T], *, repeatable: bool = True) -> T:
        return ask(_SERVICE, lambda: call(self._client()), repeatable=repeatable)

    @property
    def _options(self) -> dict[str, Any]:
        """No retries below ours."""
        return {"retry": None, "timeout": TIMEOUT, "metadata": self._database.metadata}

    def _document(self, message: Any) -> Document:
        version = message.update_time.ToNanoseconds()
        return Document(self._database.path(message.name), decode(message.fields), version)


class _Overtaken(Exception):
    """Another writer came between."""


class _Transaction:
    """Reads at one time; commits if everything read is then still the same.

    That is how Google's own web client does it. A transaction of the server would lock what it reads:
    one that died would hold up everybody else for a minute.
    """

    def __init__(self, store: Documents) -> None:
        self._store = store
        self._versions: dict[str, int] = {}
        self._writes: list[Write] = []
        self._at: Any = None

    def get(self, path: str) -> Document | None:
        return self.get_many([path]).get(path)

    def get_many(self, paths: Sequence[str]) -> dict[str, Document]:
        if self._writes:
            raise ValueError("a transaction reads first, then writes")
        return self._read(paths)

    def write(self, *batch: Write) -> None:
        self._writes += batch

    def commit(self) -> None:
        writes.check(self._writes)
        if not self._writes:
            return
        unread = [write.path for write in self._writes if write.path not in self._versions]
        self._read(unread)
        ...

    def _read(self, paths: Sequence[str]) -> dict[str, Document]:
        found, self._at = self._store.snapshot(paths, self._at)
        for path in paths:
            self._versions[path] = found[path].version if path in found else writes.ABSENT
        return found
