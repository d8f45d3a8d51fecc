"""One kind of record in one place: Structs out and in, and writes as values to be batched."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from shared.domain.errors import InvalidRequest, NotFound
from shared.ports.documents import (
    Data,
    Document,
    DocumentStore,
    Query,
    Transaction,
    Where,
    Write,
)
from shared.records import schema

R = TypeVar("R", bound=Struct)


class Versioned(Struct, Generic[R], frozen=True):
    """A record as it was read, and the version that a careful write must still find."""

    record: R
    version: Any
    stored: Data
    """All of the document, also what only a newer release knows of."""


class Change(Struct, Generic[R], frozen=True):
    """What a record becomes, and what is written together with it, or not at all."""

    record: R
    also: Sequence[Write] = ()


class Collection(Generic[R]):
    """With `group`, all collections of that last name, to be read by `page` alone."""

    def __init__(
        self, store: DocumentStore, path: str, kind: type[R], *, group: bool = False
    ) -> None:
        self._store = store
        self._path = path
        self._kind = kind
        self._group = group

    # -- reading ----------------------------------------------------------------------------------

    def path(self, id: str) -> str:
        return f"{self._path}/{id}"

    def find(self, id: str) -> Versioned[R] | None:
        document = self._store.get(self.path(id)) if _is_id(id) else None
        return self.read(document) if document else None

    def get(self, id: str) -> R:
        """Raises NotFound."""
        return self.versioned(id).record

    def versioned(self, id: str) -> Versioned[R]:
        """Raises NotFound."""
        if found := self.find(id):
            return found
        raise self._missing(id)

    def _missing(self, id: str) -> NotFound:
        noun = self._kind.__name__.lower()
        return NotFound(f"There is no {noun} {id!r} here.", reason=f"{noun}_not_found")

    def many(self, ids: Iterable[str]) -> dict[str, Versioned[R]]:
        """Those that exist, by id."""
        wanted = {self.path(id): id for id in ids if _is_id(id)}
        found = self._store.get_many(wanted)
        return {wanted[path]: self.read(document) for path, document in found.items()}

    def page(
        self, *where: Where, order_by: tuple[str, ...] = (), limit: int = 100, after: str = ""
    ) -> tuple[list[R], str]:
        """One page and the token of the next, "" when it was the last. InvalidRequest for a bad `after`."""
        page, token = self.versions(*where, order_by=order_by, limit=limit, after=after)
        return [one.record for one in page], token

    def versions(
        self, *where: Where, order_by: tuple[str, ...] = (), limit: int = 100, after: str = ""
    ) -> tuple[list[Versioned[R]], str]:
        """The same, with the version of each."""
        query = Query(self._path, where, order_by, limit, after, self._group)
        try:
            page = self._store.query(query)
        except InvalidRequest as error:
            raise InvalidRequest.field("/page_token", "is not a token of this list") from error
        return [self.read(document) for document in page.documents], page.next

    def ids(self, *where: Where, order_by: tuple[str, ...] = (), limit: int = 100) -> list[str]:
        """The ids of the first matching records."""
        page = self._store.query(Query(self._path, where, order_by, limit))
        return [document.path.rpartition("/")[2] for document in page.documents]

    # -- writing ----------------------------------------------------------------------------------

    def create(self, id: str, record: R) -> None:
        """Raises AlreadyExists."""
        self._store.write(self.creating(id, record))

    def put(self, id: str, record: R) -> None:
        """Replaces whatever is there, with what a newer release may have added to it. Of a record that
        was read, that is lost: use `replace`."""
        self._store.write(self.putting(id, record))

    def replace(self, id: str, old: Versioned[R], record: R) -> None:
        """Changes what was read as `old` into `record`. Raises PreconditionFailed when somebody wrote
        since."""
        self._store.write(self.replacing(id, old, record))

    def update(self, id: str, **fields: Any) -> None:
        """Replaces the named fields and leaves the others to whoever writes them. Raises NotFound."""
        self._store.write(self.updating(id, **fields))

    def delete(self, id: str) -> None:
        self._store.write(self.deleting(id))

    def change(self, id: str, decide: Callable[[R], Change[R] | None]) -> R | None:
        """Writes what `decide` makes of the record as it is now; the record as written, None when there
        is nothing to change. `decide` may run several times and has no other effect; what it raises is
        raised. Raises NotFound, and PreconditionFailed when it kept losing."""

        def work(transaction: Transaction) -> R | None:
            if (document := transaction.get(self.path(id))) is None:
                raise self._missing(id)
            current = self.read(document)
            if (change := decide(current.record)) is None:
                return None
            transaction.write(self.replacing(id, current, change.record), *change.also)
            return change.record

        return self._store.transaction(work)

    # -- writes as values, to go into one batch ---------------------------------------------------

    def creating(self, id: str, record: R, *, stamped: tuple[str, ...] = ()) -> Write:
        """`stamped` are fields that the store fills in; see ports.documents.Write."""
        return Write("create", self.path(id), schema.fresh(record), stamped=stamped)

    def putting(self, id: str, record: R) -> Write:
        return Write("put", self.path(id), schema.fresh(record))

    def replacing(self, id: str, old: Versioned[R], record: R) -> Write:
        return Write("put", self.path(id), schema.rewritten(old.stored, record), old.version)

    def updating(self, id: str, old: Versioned[R] | None = None, /, **fields: Any) -> Write:
        """With `old`, what a newer release added inside of a field stays; any field that holds Structs
        needs that. The write does not depend on `old` being current: read it in the same transaction.
        """
        known = (
            schema.changed(old.stored, self._kind, fields)
            if old
            else schema.named(self._kind, fields)
        )
        return Write("update", self.path(id), known)

    def deleting(self, id: str, old: Versioned[R] | None = None) -> Write:
        return Write("delete", self.path(id), if_version=old.version if old else None)

    def read(self, document: Document) -> Versioned[R]:
        stored = schema.upgraded(self._kind, document.data)
        return Versioned(msgspec.convert(stored, self._kind), document.version, stored)


def _is_id(text: str) -> bool:
    """Ids come from URLs too: what cannot be one is simply not there."""
    return bool(text) and len(text) <= 256 and text.isascii() and text.isalnum()
