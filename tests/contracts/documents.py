"""Shorthands of the exams of `shared.ports.DocumentStore`."""

from typing import Any

from shared.ports.documents import Data, DocumentStore, Write


def put(store: DocumentStore, path: str, **data: Any) -> Any:
    """The version it has then."""
    store.write(Write("put", path, data))
    return version(store, path)


def version(store: DocumentStore, path: str) -> Any:
    found = store.get(path)
    assert found is not None
    return found.version


def data(store: DocumentStore, path: str) -> Data | None:
    found = store.get(path)
    return found.data if found else None
