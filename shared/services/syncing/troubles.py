"""Items that could not be taken in: named, counted and passed by, to be tried again later."""

from collections.abc import Iterable, Mapping

from shared import logs, records
from shared.domain import ids
from shared.domain.sync import Trouble, retry_at
from shared.ports.documents import Where
from shared.ports.world import World

RETRIES = 50
"""Looked at again at once."""


class Troubles:
    """Those of one feed."""

    def __init__(self, world: World, sync_id: str) -> None:
        self._world = world
        self._sync_id = sync_id
        self._collection = records.troubles(world.documents, sync_id)

    def note(self, troubled: Mapping[str, str]) -> int:
        """Provider ids and what is wrong with each; how many of them were not known before."""
        now = self._world.clock.now()
        known = self._collection.many(self._id(id) for id in troubled)
        writes = []
        for id, reason in troubled.items():
            before = known[self._id(id)].record if self._id(id) in known else None
            attempts = before.attempts + 1 if before else 1
            trouble = Trouble(
                provider_id=id,
                reason=reason,
                attempts=attempts,
                first_at=before.first_at if before else now,
                retry_at=retry_at(attempts, now),
            )
            writes.append(self._collection.putting(self._id(id), trouble))
            logs.warning("item passed by", sync=self._sync_id, provider_id=id, reason=reason)
        self._world.documents.write(*writes)
        return len(troubled) - len(known)

    def due(self) -> list[str]:
        """Provider ids to be tried again now; those that fail again are due later, so this ends."""
        page, _ = self._collection.page(
            Where("retry_at", "<=", self._world.clock.now()), order_by=("retry_at",), limit=RETRIES
        )
        return [trouble.provider_id for trouble in page]

    def clear(self, solved: Iterable[str]) -> None:
        self._world.documents.write(*(self._collection.deleting(self._id(id)) for id in solved))

    def _id(self, provider_id: str) -> str:
        return ids.derived("message", self._sync_id, provider_id)
