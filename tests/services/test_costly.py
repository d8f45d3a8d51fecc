"""One stranger's mail may cost much; it never costs the others anything."""

from collections.abc import Callable

import pytest

from infra.simulator import Simulator
from shared.services.accounts import mailboxes
from shared.services.syncing import engine
from shared.services.timelines import messages
from tests.vendors import without_limits
from tests.world import (
    ANA,
    FakeClock,
    LocalWorld,
    add_contact,
    connect_account,
    mail,
    timeline,
    work,
)

CARL = "carl@client.example"


def _of_parts(parts: list[str]) -> bytes:
    body = "".join(f"--b\r\n{part}\r\n" for part in parts)
    kind = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b"
    return mail(CARL, "ana@example.com", "Costly", f"{body}--b--", headers=kind)


def cc_of_30_000() -> bytes:
    people = ",\r\n ".join(f"Person {n} <p{n}@crowd.example>" for n in range(30_000))
    return mail(CARL, "ana@example.com", "Costly").replace(
        b"Subject:", f"Cc: {people}\r\nSubject:".encode(), 1
    )


def attachments_12_000() -> bytes:
    file = "Content-Type: text/csv\r\nContent-Disposition: attachment; filename=a.csv\r\n\r\n1"
    return _of_parts([file] * 12_000)


def levels_150() -> bytes:
    opening = "".join(
        f"Content-Type: multipart/mixed; boundary=l{n}\r\n\r\n--l{n}\r\n" for n in range(150)
    )
    closing = "".join(f"\r\n--l{n}--" for n in reversed(range(150)))
    return _of_parts([f"{opening}Content-Type: text/plain\r\n\r\ndeep down{closing}"])


def brackets_of_400_kb() -> bytes:
    return mail(CARL, "ana@example.com", "Costly", headers="Cc: " + "\\(" * 200_000)


def subject_of_2_mb() -> bytes:
    return mail(CARL, "ana@example.com", "é" * 1_000_000)


COSTLY: list[Callable[[], bytes]] = [
    cc_of_30_000,
    attachments_12_000,
    levels_150,
    brackets_of_400_kb,
    subject_of_2_mb,
]


@pytest.mark.parametrize("costly", COSTLY)
def test_a_costly_mail_is_taken_in_or_named_and_the_others_arrive(
    world: LocalWorld, simulator: Simulator, clock: FakeClock, costly: Callable[[], bytes]
) -> None:
    without_limits(simulator)
    simulator.add_account("ana@example.com")
    carl = add_contact(world, ANA, CARL)
    mailbox = connect_account(world, ANA, "ana@example.com")
    work(world)
    for raw in (
        mail(CARL, "ana@example.com", "Before"),
        costly(),
        mail(CARL, "ana@example.com", "After"),
    ):
        simulator.deliver(raw, to="ana@example.com")
    clock.sleep(60)

    engine.run(world, mailbox.id)

    lines = timeline(world, ANA, carl)
    sync = mailboxes.show(world, ANA, mailbox.id).sync
    troubles = sync.troubles or []
    assert {"Before", "After"} <= {line.subject for line in lines}
    assert sync.phase is mailboxes.SyncPhase.UP_TO_DATE
    assert len(lines) + len(troubles) == 3
    assert all("too" in one.reason or "more than" in one.reason for one in troubles)
    for line in lines:
        messages.show(world, ANA, line.message_id)
