"""What Exchange reads of a text/calendar part: the mail becomes an eventMessage and the part is gone."""

from datetime import UTC, date, datetime, time
from typing import Any, Literal

import icalendar
from msgspec import Struct

Type = Literal["eventMessageRequest", "eventMessageResponse", "eventMessage"]
_TYPES: dict[str, Type] = {"REQUEST": "eventMessageRequest", "REPLY": "eventMessageResponse"}


class Meeting(Struct, frozen=True):
    type: Type
    subject: str
    description: str
    location: str
    starts: datetime | None
    ends: datetime | None
    all_day: bool

    @property
    def event(self) -> dict[str, Any]:
        """As `$expand=microsoft.graph.eventMessage/event` shows it."""
        return {
            "subject": self.subject,
            "isAllDay": self.all_day,
            "start": _shown(self.starts),
            "end": _shown(self.ends),
            "location": {"displayName": self.location},
        }


def read(text: str) -> Meeting | None:
    """None when there is no event in it."""
    try:
        calendar = icalendar.Calendar.from_ical(text)
        event = calendar.walk("VEVENT")[0]
        starts, ends = (event.decoded(name, None) for name in ("DTSTART", "DTEND"))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return None
    return Meeting(
        type=_TYPES.get(str(calendar.get("METHOD", "REQUEST")).upper(), "eventMessage"),
        subject=str(event.get("SUMMARY", "")),
        description=str(event.get("DESCRIPTION", "")),
        location=str(event.get("LOCATION", "")),
        starts=_moment(starts),
        ends=_moment(ends),
        all_day=isinstance(starts, date) and not isinstance(starts, datetime),
    )


def _moment(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.combine(value, time.min, UTC) if isinstance(value, date) else None


def _shown(moment: datetime | None) -> dict[str, str] | None:
    if moment is None:
        return None
    return {"dateTime": f"{moment:%Y-%m-%dT%H:%M:%S}.0000000", "timeZone": "UTC"}
