"""What an invitation says of its meeting."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.mail import Invitation
from shared.mime import calendars

ZONE = """BEGIN:VTIMEZONE
TZID:Own zone
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:{rule}
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
"""
YEARLY = "FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10"


def invite(*lines: str, zone: str = "", method: str = "METHOD:REQUEST") -> str:
    event = "\n".join(("BEGIN:VEVENT", "UID:u1", *lines, "END:VEVENT"))
    return f"BEGIN:VCALENDAR\n{method}\nVERSION:2.0\n{zone}{event}\nEND:VCALENDAR\n"


def read(text: str) -> Invitation:
    found = calendars.read(text)
    assert found
    return found.invitation


def test_an_invitation_names_its_meeting() -> None:
    text = invite(
        "SUMMARY:Kick-off\\, at last",
        "LOCATION:Room 5",
        "DESCRIPTION:Agenda\\nand a lo",
        " ng line",
        "DTSTART:20261105T090000Z",
        "DTEND:20261105T093000Z",
    )
    found = calendars.read(text.replace("\n", "\r\n"))
    assert found
    assert found.description == "Agenda\nand a long line"
    assert found.invitation == Invitation(
        method="request",
        summary="Kick-off, at last",
        location="Room 5",
        starts_at=datetime(2026, 11, 5, 9, tzinfo=UTC),
        ends_at=datetime(2026, 11, 5, 9, 30, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("start", "at"),
    [
        ("DTSTART;TZID=Europe/Berlin:20260705T090000", datetime(2026, 7, 5, 7, tzinfo=UTC)),
        ("DTSTART;TZID=W. Europe Standard Time:20261205T090000", datetime(2026, 12, 5, 8, tzinfo=UTC)),
        ("DTSTART;TZID=Own zone:20260705T090000", datetime(2026, 7, 5, 7, tzinfo=UTC)),
        ("DTSTART;TZID=Nobody knows:20260705T090000", None),
        ("DTSTART:20260705T090000", datetime(2026, 7, 5, 9, tzinfo=UTC)),
        ("DTSTART:nonsense", None),
    ],
)  # fmt: skip
def test_times_are_told_in_utc_and_never_guessed(start: str, at: datetime | None) -> None:
    zone = ZONE.format(rule=YEARLY) if "Own zone" in start else ""
    assert read(invite(start, zone=zone)).starts_at == at


def test_a_whole_day_is_told_as_one() -> None:
    found = read(invite("DTSTART;VALUE=DATE:20261224", "DTEND;VALUE=DATE:20261227"))
    assert found.all_day
    assert found.starts_at == datetime(2026, 12, 24, tzinfo=UTC)
    assert found.ends_at == datetime(2026, 12, 27, tzinfo=UTC)


def test_one_mails_zone_is_not_the_next_ones() -> None:
    start = "DTSTART;TZID=Own zone:20261205T090000"
    first = ZONE.format(rule=YEARLY)
    second = first.replace("TZOFFSETTO:+0100", "TZOFFSETTO:+0500")
    assert read(invite(start, zone=first)).starts_at == datetime(2026, 12, 5, 8, tzinfo=UTC)
    assert read(invite(start, zone=second)).starts_at == datetime(2026, 12, 5, 4, tzinfo=UTC)


def many(values: range) -> str:
    return ",".join(map(str, values))


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY",
        "FREQ=YEARLY;BY\n SECOND=1,2,3,4,5,6,7",
        f"FREQ=YEARLY;BYHOUR={many(range(24))};BYMINUTE={many(range(60))};BYDAY=MO,TU,WE",
        "FREQ=YEARLY\nRR\n ULE:FREQ=SECONDLY",
    ],
)
def test_a_zone_whose_clocks_change_all_the_time_costs_nothing(rule: str) -> None:
    began = time.process_time()
    text = invite("DTSTART;TZID=Own zone:20260705T090000", zone=ZONE.format(rule=rule))
    assert read(text).starts_at is None
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no calendar",
        "BEGIN:VCALENDAR\nEND:VCALENDAR",
        "BEGIN:VCALENDAR\n" + "BEGIN:VEVENT\n" * 10_000,
        "BEGIN:VEVENT\nX;" + ';a="b"' * 20_000,
        "BEGIN:VTIMEZONE\n" * 10_000 + "BEGIN:VEVENT",
        "BEGIN:VEVENT\nSUMMARY:" + "\\," * 90_000,
    ],
)
def test_what_is_no_calendar_is_none_and_costs_little(text: str) -> None:
    began = time.process_time()
    assert calendars.read(text) is None
    assert time.process_time() - began < 2


@given(
    st.lists(
        st.sampled_from(["DTSTART:", "DTEND", ";TZID=", "2026", "SUMMARY", ":", "x", "T", "\n "])
    )
)
def test_no_line_raises(pieces: list[str]) -> None:
    calendars.read(invite("".join(pieces)))
