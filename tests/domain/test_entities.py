"""Ids, fingerprints, bodies in pieces, timeline lines, and how long to wait."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from shared.domain import ids
from shared.domain.contacts import Activity, Direction, copy_place, with_copy
from shared.domain.emails import MAX_LOOKS, look_again_after, wait_after
from shared.domain.mail import Address, Content, Envelope, fingerprint
from shared.domain.messages import PIECE_BYTES, body_pieces
from shared.domain.sync import MAX_ATTEMPTS, retry_at

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ENVELOPE = Envelope(
    provider_id="1",
    at=NOW,
    message_id="<a@x>",
    dated=NOW,
    subject="Re:  Offer",
    sender=(Address("carl@x.example", "Carl"),),
)


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_derived_ids_are_equal_exactly_for_equal_parts(one: list[str], other: list[str]) -> None:
    assert (ids.derived(*one) == ids.derived(*other)) == (one == other)


def test_random_ids_are_never_the_same_and_fit_into_urls() -> None:
    made = {ids.random() for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(id.isalnum() and id.isascii() and len(id) == 26 for id in made)


def test_copies_of_one_mail_share_a_fingerprint() -> None:
    copy = structs.replace(
        ENVELOPE, provider_id="2", subject="Re: Offer", sender=(Address("carl@x.example"),)
    )
    assert fingerprint(ENVELOPE, "m1") == fingerprint(copy, "m2")


def test_different_mails_under_one_message_id_do_not() -> None:
    for other in ({"subject": "Other"}, {"dated": NOW + timedelta(seconds=1)}, {"dated": None}):
        assert fingerprint(ENVELOPE, "m") != fingerprint(structs.replace(ENVELOPE, **other), "m")


def test_a_mail_without_a_message_id_is_known_by_its_place() -> None:
    nameless = structs.replace(ENVELOPE, message_id="")
    assert fingerprint(nameless, "m1") == fingerprint(nameless, "m1")
    assert fingerprint(nameless, "m1") != fingerprint(nameless, "m2")


@given(st.text(max_size=50), st.integers(0, 3), st.text(max_size=50))
def test_a_body_in_pieces_is_the_body(start: str, thousands: int, rest: str) -> None:
    text = start + "ä🚀x" * (thousands * 100_000) + rest
    pieces = body_pieces(Content(text=text, html=rest))
    assert "".join(piece.text for piece in pieces) == text
    assert "".join(piece.html for piece in pieces) == rest
    assert all(len(piece.text.encode()) <= PIECE_BYTES for piece in pieces)


def line(mailbox: str, direction: Direction) -> Activity:
    outgoing = direction is Direction.OUTGOING
    return Activity(
        id="a",
        team_id="t",
        contact_id="c",
        direction=direction,
        at=NOW,
        user_id=f"user of {mailbox}",
        mailbox_id=mailbox,
        message_id=f"message in {mailbox}",
        copies={copy_place(mailbox, outgoing): f"message in {mailbox}"},
    )


def test_a_line_belongs_to_who_wrote_the_mail_whichever_copy_came_first() -> None:
    received, sent = line("m1", Direction.INCOMING), line("m2", Direction.OUTGOING)
    for first, second in ((received, sent), (sent, received)):
        merged = with_copy(with_copy(None, first), second)
        assert (merged.user_id, merged.direction) == ("user of m2", Direction.OUTGOING)
        assert len(merged.copies) == 2


def test_seeing_a_copy_again_changes_nothing() -> None:
    once = with_copy(None, line("m1", Direction.INCOMING))
    assert with_copy(once, line("m1", Direction.INCOMING)) == once


def test_a_troubled_message_is_tried_soon_then_twice_a_day_for_a_month() -> None:
    now, times = NOW, 1
    while again := retry_at(times, now):
        assert timedelta() < again - now <= timedelta(hours=12)
        now, times = again, times + 1
    assert times == MAX_ATTEMPTS
    assert timedelta(days=28) < now - NOW < timedelta(days=32)


def test_looking_for_a_sent_mail_takes_minutes_and_waiting_at_most_an_hour() -> None:
    looks = sum((look_again_after(n) for n in range(1, MAX_LOOKS + 1)), timedelta())
    assert timedelta(minutes=5) < looks < timedelta(minutes=15)
    assert wait_after(0) == timedelta(minutes=1)
    assert wait_after(20) == timedelta(hours=1)
