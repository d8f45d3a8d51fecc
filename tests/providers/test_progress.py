"""Walks that never end are told from long ones."""

from itertools import cycle, islice

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.providers.progress import MOST_REPEATED, Trail


def walked(pages: object) -> int | None:
    """After how many pages the walk is given up; None when it is not. Each page is another task's."""
    kept = msgspec.json.encode(Trail())
    for number, page in enumerate(pages, 1):  # type: ignore[arg-type, var-annotated]
        trail = msgspec.json.decode(kept, type=Trail)
        if trail.circles(page):
            return number
        kept = msgspec.json.encode(trail)
    return None


def test_empty_pages_without_end_are_given_up() -> None:
    assert walked([()] * 1_000) == MOST_REPEATED


@given(st.integers(1, 40), st.integers(0, 60), st.integers(0, 5))
def test_a_circle_of_any_length_is_noticed_however_late_it_begins(
    length: int, before: int, empty: int
) -> None:
    lead = [(f"a{n}",) for n in range(before)]
    circle = [(f"b{n}", "c") for n in range(length)] + [()] * empty
    found = walked([*lead, *islice(cycle(circle), 2_000)])
    assert found is not None
    assert found <= 6 * (before + length + empty) + 4 * MOST_REPEATED


@pytest.mark.parametrize("empty", [0, 1, 9, MOST_REPEATED - 1])
def test_a_long_walk_with_some_empty_pages_is_not_given_up(empty: int) -> None:
    pages: list[tuple[str, ...]] = [(f"m{n}",) for n in range(3_000)]
    pages[100:100] = [()] * empty
    assert walked(pages) is None


def test_a_page_that_came_twice_proves_nothing() -> None:
    assert walked([("m",), ("m",), ("n",), ("m",), ("o",)]) is None


def test_a_trail_is_small_however_long_the_walk() -> None:
    trail = Trail()
    for number in range(10_000):
        trail.circles((f"m{number}",) * 200)
    assert len(msgspec.json.encode(trail)) < 60
