"""Scheduled functions run when their cron line says so."""

import threading
from datetime import UTC, datetime

import pytest

from infra.local.scheduler import Scheduler, next_run

EVERY_SECOND = "* * * * * *"
"""croniter's sixth field; a day's tests have no minutes to wait."""


@pytest.mark.parametrize(
    ("line", "after", "expected"),
    [
        ("* * * * *", "2026-03-01T10:00:30", "2026-03-01T10:01:00"),
        ("* * * * *", "2026-03-01T10:01:00", "2026-03-01T10:02:00"),
        ("*/5 * * * *", "2026-12-31T23:58:00", "2027-01-01T00:00:00"),
        ("30 2 * * *", "2026-03-29T01:59:00", "2026-03-29T02:30:00"),
    ],
)
def test_the_next_run_is_in_utc_whatever_the_clocks_do(
    line: str, after: str, expected: str
) -> None:
    utc = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert next_run(line, utc) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_each_runs_at_the_start_and_then_again() -> None:
    seen = {"a": threading.Semaphore(0), "b": threading.Semaphore(0)}
    scheduler = Scheduler(dict.fromkeys(seen, EVERY_SECOND), lambda name: seen[name].release())
    scheduler.start()
    for semaphore in seen.values():
        assert semaphore.acquire(timeout=5)
        assert semaphore.acquire(timeout=5)
    scheduler.join()


def test_a_long_run_is_not_overtaken_by_the_next() -> None:
    running, going_on, at_once = threading.Semaphore(0), threading.Event(), []

    def call(_name: str) -> None:
        at_once.append(running)
        running.release()
        assert going_on.wait(10)

    scheduler = Scheduler({"slow": EVERY_SECOND}, call)
    scheduler.start()
    assert running.acquire(timeout=5)
    assert not running.acquire(timeout=1.5)
    scheduler.ask_to_stop()
    going_on.set()
    scheduler.join()
    assert len(at_once) == 1


def test_stopping_does_not_wait_for_the_next_run() -> None:
    called = threading.Event()
    scheduler = Scheduler({"yearly": "0 0 1 1 *"}, lambda _name: called.set())
    scheduler.start()
    assert called.wait(5)
    scheduler.join()


def test_one_that_was_never_started_can_be_joined() -> None:
    Scheduler({"a": EVERY_SECOND}, lambda _name: None).join()
