"""Gmail's messages, read in batches."""

from collections.abc import Callable, Sequence
from typing import Any

from shared.ports.providers import Fetched
from shared.providers import fetching
from shared.providers.google.api import Api, checked

BATCH = 50
"""Gmail takes 100 calls in a batch and advises 50."""


def fetch(
    api: Api,
    ids: Sequence[str],
    *,
    path: Callable[[str], str],
    units: int,
    scopes: tuple[str, ...],
    read: Callable[[dict[str, Any]], Any],
) -> Fetched:
    """`read` of the answer to GET `path(id)`, for each id; see `fetching.fetch`."""
    return fetching.fetch(
        ids,
        size=BATCH,
        ask=lambda some: api.batch([path(id_) for id_ in some], units=units),
        read=lambda answer: read(checked(answer, api.missing(scopes), "item")),
        probe=lambda: api.get("/profile", units=1, scopes=()),
    )
