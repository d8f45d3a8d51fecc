"""The DocumentStore on Firestore."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from shared.config import Settings
from shared.domain.errors import AlreadyExists, MailbridgeError, NotFound, PreconditionFailed
from shared.gcp import queries, writes
from shared.gcp.calls import PATIENCE
from shared.gcp.paths import Database
from shared.gcp.rpc import Rpc
from shared.ports.documents import Document, Page, Query, Transaction, Write

if TYPE_CHECKING:
    from google.cloud.firestore_v1.services.firestore import FirestoreClient

T = TypeVar("T")


class Documents:
    """Implements `shared.ports.DocumentStore`. A document's version is its update time."""

    def __init__(self, client: Callable[[], "FirestoreClient"], settings: Settings) -> None:
        project, database = settings.google_cloud_project, settings.firestore_database
        self._rpc = Rpc(client, Database(f"projects/{project}/databases/{database}"))

    def get(self, path: str) -> Document | None:
        return self.get_many([path]).get(path)

    def get_many(self, paths: Iterable[str]) -> dict[str, Document]:
        return self._rpc.snapshot(paths)[0]

    def write(self, *batch: Write) -> None:
        writes.check(batch)
        guarded = [(write, writes.guard(write)) for write in batch]
        request = writes.commit_request(self._rpc.database, guarded)
        if any(guard is not None for _, guard in guarded):
            self._rpc.commit_if(request, lambda error: _refusal(error, batch))
        elif batch:
            self._rpc.commit(request)

    def query(self, query: Query) -> Page:
        found = self._rpc.find(query, query.limit + 1)  # one more, to see whether anything follows
        page = found[: query.limit]
        return Page(page, queries.cursor(query, page[-1]) if len(found) > len(page) else "")

    def count(self, query: Query) -> int:
        where, order_by = query.where, query.order_by
        return self._rpc.count(Query(query.collection, where, order_by, group=query.group))

    def transaction(self, work: Callable[[Transaction], T]) -> T:
        from google.api_core.exceptions import RetryError
        from google.api_core.retry import Retry, if_exception_type

        def attempt() -> T:
            transaction = _Transaction(self._rpc)
            result = work(transaction)
            transaction.commit()
            return result

        retry = Retry(if_exception_type(_Overtaken), initial=0.05, maximum=1.0, timeout=PATIENCE)
        try:
            return retry(attempt)()
        except RetryError as error:
            raise PreconditionFailed("Other writers kept coming between.") from error


class _Overtaken(Exception):
    """Another writer came between."""


class _Transaction:
    """Reads as of one time, and commits if all that was read is then still the same.

    A transaction of the server locks what it reads, and one that died in the middle holds everybody
    else up for a minute.
    """

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self._at: Any = None
        self._read: dict[str, int] = {}
        self._writes: list[Write] = []

    def get(self, path: str) -> Document | None:
        return self.get_many([path]).get(path)

    def get_many(self, paths: Sequence[str]) -> dict[str, Document]:
        if self._writes:
            raise ValueError("a transaction reads first, then writes")
        found, self._at = self._rpc.snapshot(paths, self._at)
        for path in paths:
            self._read[path] = found[path].version if path in found else writes.ABSENT
        return found

    def write(self, *batch: Write) -> None:
        self._writes += batch

    def commit(self) -> None:
        """Raises _Overtaken, or the error of a write that what was read does not allow."""
        batch, self._writes = self._writes, []
        if not batch:
            return
        writes.check(batch)
        self.get_many([one.path for one in batch if one.path not in self._read and _asks(one)])
        for one in batch:
            _judge(one, self._read.get(one.path))
        guarded = [(one, self._read.pop(one.path, None)) for one in batch]
        request = writes.commit_request(self._rpc.database, guarded, self._read)
        self._rpc.commit_if(request, lambda _: _Overtaken())


def _asks(write: Write) -> bool:
    return writes.guard(write) is not None


def _judge(write: Write, version: int | None) -> None:
    """Whether a write's own condition holds for a document that was read at `version`."""
    if write.kind == "create" and version != writes.ABSENT:
        raise AlreadyExists(f"{write.path} exists.")
    if write.if_version is not None and version != write.if_version:
        raise PreconditionFailed(f"{write.path} changed since it was read.")
    if write.kind == "update" and version == writes.ABSENT:
        raise NotFound(f"{write.path} does not exist.")


def _refusal(error: Exception, batch: Sequence[Write]) -> MailbridgeError:
    """Firestore does not say which of the writes it was."""
    from google.api_core import exceptions as google

    paths = ", ".join(one.path for one in batch if _asks(one))
    if isinstance(error, google.AlreadyExists):
        return AlreadyExists(f"Exists already: {paths}.")
    if isinstance(error, google.NotFound):
        return NotFound(f"Does not exist: {paths}.")
    return PreconditionFailed(f"Changed since it was read: {paths}.")
