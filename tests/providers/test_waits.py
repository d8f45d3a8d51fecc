"""How long a provider asks to wait, in all the ways that providers say it."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.providers.waits import LONGEST, retry_after, wait


@pytest.mark.parametrize("value", ["soon", "nan", "inf", "-5", "1e99", "9" * 400])
def test_a_senseless_wait_is_none_or_short(value: str) -> None:
    assert retry_after(value) in {None, 1.0}


@pytest.mark.parametrize(
    ("value", "seconds"), [("0", 1), ("0.249", 1), ("1", 1), ("2.5", 2.5), ("86400", 86_400)]
)
def test_a_wait_is_at_least_a_second_and_may_have_decimals(value: str, seconds: float) -> None:
    assert retry_after(value) == seconds


def test_a_wait_may_be_a_date() -> None:
    assert retry_after("Fri, 21 Nov 1997 09:55:06 GMT") == 1
    assert retry_after("Fri, 21 Nov 2997 09:55:06 GMT") is None, "a mistake"
    soon = datetime.now(UTC) + timedelta(minutes=10)
    assert 590 < (retry_after(format_datetime(soon, usegmt=True)) or 0) <= 600


@pytest.mark.parametrize(
    "written",
    [
        "User-rate limit exceeded.  Retry after {}",
        "User-rate limit exceeded.  Retry after {} (Mail sending)",
        "Too many concurrent requests, retry after: {}.",
    ],
)
@pytest.mark.parametrize(
    "form", ["%Y-%m-%dT%H:%M:%S.196Z", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S+00:00"]
)
def test_a_time_within_the_sentence_is_understood(written: str, form: str) -> None:
    until = (datetime.now(UTC) + timedelta(hours=2)).strftime(form)
    for header in (None, 1.0):
        assert 7_000 < (wait(header, written.format(until)) or 0) <= 7_201


@pytest.mark.parametrize(
    ("header", "sentence", "seconds"),
    [
        (None, "Slow down.", None),
        (7.0, "Slow down.", 7),
        (None, "User-rate limit exceeded.  Retry after 2020-01-21T12:57:51.196Z (Mail sending)", 1),
        (7.0, "Retry after 2020-01-21T12:57:51.196Z", 7),
        (
            None,
            "Quota exceeded for quota metric 'Queries' and limit 'Queries per day' of it.",
            3600,
        ),
        (None, "Daily Limit Exceeded", 3600),
        (None, "Retry after 9999-12-31T23:59:59Z", None),
        (None, "Retry after 2026-13-45T99:99:99Z", None),
    ],
)
def test_the_longer_of_header_and_sentence_counts(
    header: float | None, sentence: str, seconds: float | None
) -> None:
    assert wait(header, sentence) == seconds


@given(st.text())
def test_no_text_makes_a_wait_that_is_out_of_bounds(text: str) -> None:
    for found in (retry_after(text), wait(None, f"Retry after {text}")):
        assert found is None or 1 <= found <= LONGEST
