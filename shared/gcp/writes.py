"""Batches of writes as Firestore takes them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import structs

from shared.gcp.paths import Database
from shared.gcp.values import encode
from shared.ports.documents import Write

if TYPE_CHECKING:
    from google.cloud.firestore_v1.types import CommitRequest

MAX_WRITES = 500
MAX_BATCH_BYTES = 9 * 1024 * 1024
MAX_DOCUMENT_BYTES = 900 * 1024
"""Firestore's own limits are 10 MiB and 1 MiB, counted in another way than we can."""

Guard = int | None
"""What a document must be for its write to happen: at this version, or one of those below."""
ABSENT = 0
PRESENT = -1
REQUEST_TIME = 1
"""DocumentTransform.FieldTransform.ServerValue: when the server received the request."""


def check(batch: Sequence[Write]) -> None:
    if len(batch) > MAX_WRITES:
        raise ValueError(f"{len(batch)} writes in one batch, more than {MAX_WRITES}")
    if len({write.path for write in batch}) < len(batch):
        raise ValueError("a path occurs twice in one batch")


def guard(write: Write) -> Guard:
    """What the write itself asks for."""
    if write.kind == "create":
        return ABSENT
    if write.if_version is not None:
        return int(write.if_version)
    return PRESENT if write.kind == "update" else None


def commit_request(
    database: Database,
    guarded: Iterable[tuple[Write, Guard]],
    verified: Mapping[str, int] = {},
) -> "CommitRequest":
    """ValueError for what Firestore would refuse. `verified` are versions that documents which are not
    written must have for anything to be written."""
    from google.cloud.firestore_v1.types import CommitRequest

    request = CommitRequest(database=database.name)
    writes = CommitRequest.pb(request).writes
    for write, condition in guarded:
        _add(writes.add(), database, write, condition)
    for path, version in verified.items():
        _verify(writes.add(), database.document(path), version)
    if (size := CommitRequest.pb(request).ByteSize()) > MAX_BATCH_BYTES:
        raise ValueError(f"a batch of {size} bytes, more than {MAX_BATCH_BYTES}")
    return request


def _add(message: Any, database: Database, write: Write, condition: Guard) -> None:
    name = database.document(write.path)
    if write.stamped:
        write = structs.replace(
            write, data={k: v for k, v in write.data.items() if k not in write.stamped}
        )
    if write.kind == "delete":
        message.delete = name
    else:
        _fill(message.update, name, write)
    if write.kind == "update":
        message.update_mask.SetInParent()
        message.update_mask.field_paths.extend(map(field_path, write.data))
    for field in write.stamped:
        message.update_transforms.add(
            field_path=field_path(field), set_to_server_value=REQUEST_TIME
        )
    _require(message, condition)


def _fill(document: Any, name: str, write: Write) -> None:
    document.name = name
    try:
        encode(document.fields, write.data)
    except ValueError as error:
        raise ValueError(f"{write.path}: {error}") from error
    if (size := document.ByteSize()) > MAX_DOCUMENT_BYTES:
        raise ValueError(f"{write.path}: {size} bytes, more than {MAX_DOCUMENT_BYTES}")


def _verify(message: Any, name: str, version: int) -> None:
    """A write that changes nothing: of no field, or of a document that is not there."""
    if version == ABSENT:
        message.delete = name
    else:
        message.update.name = name
        message.update_mask.SetInParent()
    _require(message, version)


def _require(message: Any, condition: Guard) -> None:
    if condition is None:
        return
    if condition in (ABSENT, PRESENT):
        message.current_document.exists = condition == PRESENT
    else:
        message.current_document.update_time.FromNanoseconds(condition)


def field_path(name: str) -> str:
    """The field of exactly this name, whatever characters it has."""
    from google.cloud.firestore_v1.field_path import FieldPath

    path: str = FieldPath(name).to_api_repr()
    return path
