"""What the other processes of a test do. Without pytest, so that they start fast."""

import itertools
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event

from infra.delivery.dispatcher import Dispatcher
from infra.delivery.lanes import Limits
from infra.embedded import Embedded
from infra.embedded.documents import Documents
from infra.embedded.queues import Queue, taken_over
from infra.embedded.tasks import PendingTask
from shared.ports.documents import Query, Transaction, Where, Write
from shared.ports.tasks import Task

COUNTER = "counters/all"


def increment(transaction: Transaction) -> int:
    found = transaction.get(COUNTER)
    n = found.data["n"] + 1 if found else 1
    transaction.write(Write("put", COUNTER, {"n": n}))
    return n


def hammer(folder: Path, me: int, rounds: int) -> None:
    """Uses every store as busily as it can, opening and closing them all the time."""
    for n in range(rounds):
        backend = Embedded(folder)
        backend.documents.transaction(increment)
        backend.documents.write(
            *(Write("create", f"homes/{me}/things/{n}-{i}", {"n": n, "i": i}) for i in range(5))
        )
        backend.documents.query(Query("things", (Where("i", "==", 1),), ("-n",), group=True))
        backend.secrets.create("shared", str(me).encode())
        backend.secrets.put(f"own-{me}", str(n).encode())
        backend.tasks.enqueue(
            Task("f", {"by": str(me)}, name=f"round-{n}"), Task("f", {"by": str(me)})
        )
        backend.close()


def write_pairs(folder: Path, report: Connection) -> None:
    """Writes both halves of a pair again and again, and reports each pair once it is written."""
    store = Documents(folder)
    for n in itertools.count():
        store.write(Write("put", "pairs/left", {"n": n}), Write("put", "pairs/right", {"n": n}))
        report.send(n)


def use(backend: Embedded) -> None:
    """Uses what was opened before this process was forked."""
    backend.documents.transaction(increment)
    backend.secrets.put("child", b"value")
    backend.tasks.enqueue(Task("f", {"by": "child"}))
    backend.close()


def start_and_hang(folder: Path, report: Connection) -> None:
    """Runs a dispatcher whose deliveries never end."""

    def deliver(task: PendingTask) -> int:
        report.send(task.attempt)
        Event().wait()
        return 200

    with taken_over(folder) as tasks:
        queues = {"q": Queue(tasks, ["f"], Limits(50, 10, 5, 1, 1))}
        with Dispatcher(lambda: queues, deliver).running():
            Event().wait()
