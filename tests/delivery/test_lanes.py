"""The pace of a queue."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.delivery.lanes import Lane, Limits

FAST = Limits(
    dispatches_per_second=1000, concurrent=10, max_attempts=5, min_backoff=2, max_backoff=300
)


def test_backoff_doubles_up_to_its_longest() -> None:
    seconds = [FAST.backoff(attempt).total_seconds() for attempt in (1, 2, 3, 8, 9, 50, 5000)]
    assert seconds == [2, 4, 8, 256, 300, 300, 300]
    assert FAST.backoff(1) == timedelta(seconds=2)


def test_waits_double_and_then_grow_evenly_up_to_the_longest() -> None:
    """Google's own example."""
    limits = Limits(500, 1000, 100, min_backoff=10, max_backoff=300, max_doublings=3)
    waits = [limits.backoff(attempt).total_seconds() for attempt in range(1, 9)]
    assert waits == [10, 20, 40, 80, 160, 240, 300, 300]


@given(
    st.floats(0.1, 3600),
    st.floats(0.1, 3600),
    st.integers(0, 16),
    st.integers(1, 10_000),
)
def test_waits_only_grow_and_end_at_the_longest(
    least: float, longest: float, doublings: int, attempt: int
) -> None:
    limits = Limits(500, 1000, -1, least, longest, doublings)
    wait = limits.backoff(attempt)
    assert wait <= limits.backoff(attempt + 1) <= timedelta(seconds=longest)


def test_the_last_attempt_is_the_one_of_that_number_and_without_limit_none() -> None:
    assert [FAST.last(attempt) for attempt in (4, 5, 6)] == [False, True, True]
    assert not Limits(1, 1, -1, 1, 1).last(10**6)


def test_no_more_run_than_may_at_once() -> None:
    lane = Lane(FAST, now=0)
    lane.started(lane.room(0))
    assert (lane.running, lane.room(1)) == (10, 0)
    lane.ended(200, 1)
    assert lane.room(1) == 1


@pytest.mark.parametrize(
    ("rate", "looks_per_second"), [(50, 10), (25, 10), (20, 100), (1, 10), (0.5, 10)]
)
def test_tasks_start_at_the_queues_rate(rate: float, looks_per_second: int) -> None:
    lane = Lane(Limits(rate, 10**6, 1, 1, 1), now=0)
    started = 0
    for look in range(20 * looks_per_second):
        room = lane.room(look / looks_per_second)
        lane.started(room)
        started += room
    assert 20 * rate * 0.95 - 1 <= started <= 20 * rate * 1.02 + 1 + rate / 5


def test_a_pause_earns_no_flood() -> None:
    lane = Lane(Limits(50, 10**6, 1, 1, 1), now=0)
    assert lane.room(3600) == 10


@pytest.mark.parametrize("status", [429, 503])
def test_throttling_holds_the_whole_queue_ever_longer(status: int) -> None:
    lane, now, holds = Lane(FAST, now=0), 0.0, []
    for _ in range(9):
        lane.started(1)
        lane.ended(status, now)
        held = next(step for step in range(1, 200) if lane.room(now + step))
        holds.append(held)
        now += held
    assert holds == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_many_throttled_at_once_count_once() -> None:
    lane = Lane(FAST, now=0)
    lane.started(10)
    for _ in range(10):
        lane.ended(503, 0)
    assert lane.room(0.9) == 0
    assert lane.room(1.0) == 10


def test_success_ends_the_growth() -> None:
    lane = Lane(FAST, now=0)
    lane.started(4)
    lane.ended(503, 0)
    lane.ended(503, 1)
    lane.ended(200, 3)
    lane.ended(503, 3)
    assert (lane.room(3.9), lane.room(4)) == (0, 10)


@pytest.mark.parametrize("status", [0, 400, 404, 500, 502])
def test_other_failures_do_not_hold_the_queue(status: int) -> None:
    lane = Lane(FAST, now=0)
    lane.started(1)
    lane.ended(status, 0)
    assert lane.room(0) == 10
