"""One worker's hold on one record: it writes only while nobody took the record over."""

from collections.abc import Callable
from datetime import timedelta
from typing import Generic, TypeVar

from msgspec import structs

from shared.domain.errors import LeaseLost, NotFound
from shared.domain.leases import Leasable, Lease
from shared.ports.clock import Clock
from shared.ports.documents import Write
from shared.records.collection import Change, Collection, Versioned

L = TypeVar("L", bound=Leasable)


class Leased(Generic[L]):
    """`record` is the record as this worker last wrote it."""

    def __init__(
        self, collection: Collection[L], id: str, record: L, *, clock: Clock, length: timedelta
    ) -> None:
        self._collection = collection
        self._id = id
        self._clock = clock
        self._length = length
        self.record = record

    def save(self, decide: Callable[[L], Change[L]] = Change) -> None:
        """Writes what `decide` makes of the record as it is now, and renews the lease. Raises LeaseLost."""
        self._write(decide, lambda lease: lease.renewed(self._clock.now(), self._length))

    def release(self, decide: Callable[[L], Change[L]] = Change) -> None:
        """The same, and gives the lease back."""
        self._write(decide, Lease.released)

    def renewing(self) -> Write:
        """The lease renewed, to go into a batch of what this worker has made: nothing of it is written
        once somebody took the record over, however long this worker slept. Raises LeaseLost."""
        found = self._found()
        lease = found.record.lease.renewed(self._clock.now(), self._length)
        self.record = found.record.with_lease(lease)
        return self._collection.replacing(self._id, found, self.record)

    def releasing(self, record: L) -> Write:
        """The record's last state with the lease given back, to go into a batch with what belongs to it;
        that fails when anybody else writes first. Raises LeaseLost."""
        found = self._found()
        released = record.with_lease(found.record.lease.released())
        return self._collection.replacing(self._id, found, released)

    def _found(self) -> Versioned[L]:
        found = self._collection.find(self._id)
        if found is None:
            raise LeaseLost("It was deleted meanwhile.", reason="lease_lost")
        found.record.lease.check(self.record.lease)
        return found

    def renew_if_old(self) -> None:
        until = self.record.lease.until
        if until is None or until - self._clock.now() < self._length / 2:
            self.save()

    def _write(self, decide: Callable[[L], Change[L]], then: Callable[[Lease], Lease]) -> None:
        mine = self.record.lease

        def writing(current: L) -> Change[L]:
            current.lease.check(mine)
            change = decide(current)
            return structs.replace(change, record=change.record.with_lease(then(current.lease)))

        try:
            changed = self._collection.change(self._id, writing)
        except NotFound as error:
            raise LeaseLost("It was deleted meanwhile.", reason="lease_lost") from error
        self.record = changed or self.record


def take(
    collection: Collection[L],
    id: str,
    *,
    clock: Clock,
    length: timedelta,
    decide: Callable[[L], Change[L] | None] = Change,
) -> Leased[L] | None:
    """The right to work on a record for `length`, renewed by every write; None when `decide`, which may
    change it, finds nothing to do. Raises Busy while somebody else has it, NotFound."""

    def taking(current: L) -> Change[L] | None:
        if (change := decide(current)) is None:
            return None
        lease = current.lease.taken(clock.now(), length)
        return structs.replace(change, record=change.record.with_lease(lease))

    record = collection.change(id, taking)
    return Leased(collection, id, record, clock=clock, length=length) if record else None
