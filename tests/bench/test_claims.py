"""A benchmark that cannot fail proves nothing."""

import math

import pytest

from tests.bench import mails
from tests.bench.claims import Claim, number


@pytest.mark.parametrize(
    ("claim", "kept"),
    [
        (Claim(name="told only", value=1e9, unit=""), True),
        (Claim(name="at the limit", value=1.6, unit="", at_most=1.6), True),
        (Claim(name="above it", value=1.61, unit="", at_most=1.6), False),
        (Claim(name="fast enough", value=10, unit="", at_least=10), True),
        (Claim(name="too slow", value=9.9, unit="", at_least=10), False),
        (Claim(name="not measured", value=math.nan, unit="", at_most=1), False),
    ],
)
def test_a_limit_is_kept_or_missed(claim: Claim, kept: bool) -> None:
    assert claim.kept is kept
    assert ("MISSED" in claim.verdict) is not kept


def test_numbers_show_three_digits_that_matter() -> None:
    assert [number(v) for v in (0.6149, 2.284, 22.4, 441.7, 39_938.0)] == [
        *("0.615", "2.28", "22.4", "442", "39,938")
    ]


def test_the_mailbox_is_as_large_as_it_says_and_a_twentieth_is_the_customers() -> None:
    made = [mail.encode() for mail in mails.generated()]
    assert len(made) == mails.COUNT
    assert all(0.8 * mails.SMALLEST < len(mail) < 1.1 * mails.LARGEST for mail in made)
    assert sum(b"From: Customer" in mail for mail in made) == mails.COUNT // 20
