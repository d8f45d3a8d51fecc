"""How long a provider asks to wait: by header, or only within the sentence that goes with its refusal."""

import re
from datetime import UTC, datetime

from shared.mime import headers

LONGEST = 1e6
"""Seconds; more than eleven days are a mistake."""
_A_DAY = 3600.0
"""Of a quota that is spent for the day nobody says when the day ends: an hour is asked for again."""
_UNTIL = re.compile(
    r"retry after:? (\d{4}-\d\d-\d\d[T ][\d:.]{5,16}(?:Z|[+-]\d\d:?\d\d)?)", re.IGNORECASE
)
_DAILY = re.compile(r"\bper[ _]?day\b|\bdaily\b", re.IGNORECASE)


def retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After value, which may be a number, with decimals too, or a date
    (RFC 9110, 10.2.3). At least one: providers that say 0 say it for minutes."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        return _seconds_to(headers.parse_date(value))
    return max(1.0, seconds) if seconds < LONGEST else None


def wait(header: float | None, sentence: str) -> float | None:
    """Seconds, the longer of what the header and the sentence name; None when neither names a time."""
    found = _UNTIL.search(sentence)
    until = _seconds_to(headers.parse_date(found[1])) if found else None
    daily = _A_DAY if _DAILY.search(sentence) else None
    return max((one for one in (header, until, daily) if one is not None), default=None)


def _seconds_to(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    seconds = (moment - datetime.now(UTC)).total_seconds()
    return max(1.0, seconds) if seconds < LONGEST else None
