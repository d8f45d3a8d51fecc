"""What a text/calendar part (RFC 5545, iTIP) says of the meeting it is about."""

import re
import threading
from datetime import UTC, date, datetime, time
from typing import Any

from msgspec import Struct

from shared.domain.mail import Invitation
from shared.mime import charsets

_LARGEST = 200_000
"""Characters that are read; an invitation to hundreds has fewer."""
_LONGEST = 1_000
_ZONE = re.compile(
    r"^BEGIN:VTIMEZONE\s*$(?:(?!^END:VTIMEZONE).)*+(?:^END:VTIMEZONE\s*$)?",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
_LARGEST_ZONE = 4_000
_FOLD = re.compile(r"\r?\n[ \t]")
_RULE = re.compile(
    r"""^(?!RRULE:(?:(?:FREQ=YEARLY|INTERVAL=1|BYDAY=[+-]?\d?[A-Z]{2}|BYMONTH=\d{1,2}|WKST=[A-Z]{2}
    |UNTIL=[\dTZ]{8,16})(?:;|\s*$))+$) RRULE\b""",
    re.MULTILINE | re.IGNORECASE | re.VERBOSE,
)
"""Of a zone, when its clocks change: any but one day a year."""
_READING = threading.Lock()
"""The library keeps the zones of one calendar for the next; with the lock they can be forgotten."""
_DAY = time.min.replace(tzinfo=UTC)


class Meeting(Struct, frozen=True):
    invitation: Invitation
    description: str = ""


def read(text: str, method: str = "") -> Meeting | None:
    """Of the first event; None when there is none to be read. `method` as the part's type says it."""
    import icalendar
    from icalendar.timezone import tzp

    known = _ZONE.sub(_harmless_zone, _FOLD.sub("", text[:_LARGEST]))
    if "BEGIN:VEVENT" not in known.upper():
        return None
    with _READING:
        try:
            tzp.use_default()
            calendar = icalendar.Calendar.from_ical(known)
            event = next(iter(calendar.walk("VEVENT")))
        except (ValueError, LookupError, TypeError, AttributeError, StopIteration, RecursionError):
            return None
        return _meeting(calendar, event, method)


def _harmless_zone(zone: re.Match[str]) -> str:
    """Of another one the times are worked out step by step, from 1601 on."""
    return "" if len(zone[0]) > _LARGEST_ZONE or _RULE.search(zone[0]) else zone[0]


def _meeting(calendar: Any, event: Any, method: str) -> Meeting:
    starts, ends = _decoded(event, "DTSTART"), _decoded(event, "DTEND")
    invitation = Invitation(
        method=(method or _line(calendar, "METHOD")).lower(),
        summary=_line(event, "SUMMARY"),
        location=_line(event, "LOCATION"),
        starts_at=_moment(starts),
        ends_at=_moment(ends),
        all_day=isinstance(starts, date) and not isinstance(starts, datetime),
    )
    return Meeting(invitation, charsets.clean(str(event.get("DESCRIPTION") or "")).strip())


def _decoded(event: Any, name: str) -> Any:
    """A date or a time; None also for a time in a zone that nobody knows."""
    try:
        value = event.decoded(name, None)
        named = "TZID" in event[name].params
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    unknown = named and isinstance(value, datetime) and value.tzinfo is None
    return None if unknown else value


def _line(component: Any, name: str) -> str:
    return " ".join(charsets.clean(str(component.get(name) or "")).split())[:_LONGEST]


def _moment(value: Any) -> datetime | None:
    """A time without a zone is local to whoever reads it; it counts as UTC."""
    try:
        if isinstance(value, datetime):
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        return datetime.combine(value, _DAY) if isinstance(value, date) else None
    except (ValueError, OverflowError):
        return None
