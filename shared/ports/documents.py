"""Records: documents in collections, as Firestore has them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Protocol, TypeVar

from msgspec import Struct

T = TypeVar("T")

Data = dict[str, Any]
"""A document's fields: None, bool, int (64 bit), float, str without lone surrogates, aware UTC datetime
(microseconds), lists and string-keyed dicts of these; but no list directly inside a list, which
Firestore refuses. All come back as they went in, on every backend; anything else is a ValueError."""


class Document(Struct, frozen=True):
    path: str
    """Alternating collection and id segments: "teams/t1/contacts/c1". Ids hold no "/"."""
    data: Data
    version: Any
    """Opaque; equal exactly while the document is unchanged. Good only as `if_version`."""


class Write(Struct, frozen=True):
    """One write of a batch or a transaction.

    create: AlreadyExists if there · put: replaces or makes · update: replaces the named top-level
    fields, NotFound if absent · delete: fine if absent. With `if_version`, update, put and delete
    raise PreconditionFailed unless the document is exactly at that version.
    """

    kind: Literal["create", "put", "update", "delete"]
    path: str
    data: Data = {}
    if_version: Any = None
    stamped: tuple[str, ...] = ()
    """Top-level fields that become the time by the store's own clock, as it takes the batch in: the same
    in all of a batch, and never before that of a batch that was stored earlier. A batch may be seen up to
    15 s after its time, while those that came after it are seen already."""


class Where(Struct, frozen=True):
    """A filter on a top-level field. "in" takes a list of at most 30 values.

    A document without the field, or with a value of another type than `value`, never matches.
    """

    field: str
    op: Literal["==", "<", "<=", ">", ">=", "in"]
    value: Any


class Query(Struct, frozen=True):
    """Documents of one collection, or with `group` of all collections of that last name.

    Order: by the fields of `order_by` ("-at" is descending), then by path in the direction of the
    last of them; documents without an ordering field are left out. At most one field takes range
    filters, and it must then be the first of `order_by`.
    """

    collection: str
    where: tuple[Where, ...] = ()
    order_by: tuple[str, ...] = ()
    limit: int = 100
    after: str = ""
    """`next` of an earlier page of the same query. InvalidRequest when it cannot be one."""
    group: bool = False


class Page(Struct, frozen=True):
    documents: list[Document]
    next: str
    """"" when nothing follows; otherwise opaque, text safe in URLs."""


class Transaction(Protocol):
    """Reads first, then writes; all or nothing."""

    def get(self, path: str) -> Document | None: ...
    def get_many(self, paths: Sequence[str]) -> dict[str, Document]: ...
    def write(self, *writes: Write) -> None: ...


class DocumentStore(Protocol):
    """Records. Strongly consistent: a read sees every write that returned before it began."""

    def get(self, path: str) -> Document | None: ...
    def get_many(self, paths: Iterable[str]) -> dict[str, Document]:
        """Those that exist, by path. Any number of paths."""

    def write(self, *writes: Write) -> None:
        """All or nothing, at most 500 writes and 9 MiB. A path may occur once."""

    def query(self, query: Query) -> Page: ...
    def count(self, query: Query) -> int:
        """How many documents match, `limit` and `after` aside."""

    def transaction(self, work: Callable[[Transaction], T]) -> T:
        """Runs `work`, again when another writer came between; so `work` must have no other effect.

        Raises PreconditionFailed when it kept losing."""
