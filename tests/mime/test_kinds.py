"""Who or what wrote a mail."""

import pytest

from shared.domain.mail import Address, Kind
from shared.mime import authors, kinds

RECEIPT = "multipart/report; report-type=disposition-notification"
REPORT = "multipart/report; report-type=delivery-status; boundary=x"


@pytest.mark.parametrize(
    ("kind", "fields", "sender", "subject"),
    [
        ("person", {}, "Jane <j@x.org>", "Hello"),
        ("person", {"auto-submitted": "no"}, "j@x.org", "Re: mail delivery failed yesterday"),
        ("person", {"precedence": "first-class"}, "j@x.org", "Out of office next week?"),
        ("person", {"content-type": RECEIPT}, "j@x.org", "Read: Offer"),
        ("bulk", {"list-id": "<l.x.org>"}, "j@x.org", "News"),
        ("bulk", {"precedence": "Bulk"}, "j@x.org", "News"),
        ("bulk", {"list-unsubscribe": "<https://x>"}, "j@x.org", "News"),
        ("bulk", {"auto-submitted": "auto-generated"}, "monitor@x.org", "Disk full"),
        ("auto_reply", {"auto-submitted": "auto-replied (vacation)"}, "j@x.org", "Away"),
        ("auto_reply", {"auto-submitted": "auto-generated"}, "j@x.org", "Automatic reply: Hello"),
        ("auto_reply", {"x-autoreply": "yes"}, "j@x.org", "x"),
        ("auto_reply", {"precedence": "auto_reply"}, "j@x.org", "x"),
        ("auto_reply", {}, "j@x.org", "Automatische Antwort: Angebot"),
        ("bounce", {"content-type": REPORT, "auto-submitted": "auto-replied"}, "a@x.org", "x"),
        ("bounce", {"return-path": "<>"}, "a@x.org", "Undelivered Mail Returned to Sender"),
        ("bounce", {}, "MAILER-DAEMON@x.org", "failure notice"),
        ("bounce", {}, "Mail Delivery System <md@x.org>", "Mail delivery failed: returning message"),
        ("bounce", {"x-failed-recipients": "gone@x.org"}, "a@x.org", "x"),
        ("invitation", {"content-type": "text/calendar; method=REQUEST"}, "j@x.org", "Kick-off"),
    ],
)  # fmt: skip
def test_a_mail_says_what_it_is(
    kind: str, fields: dict[str, str], sender: str, subject: str
) -> None:
    listed = {name: [value] for name, value in fields.items()}
    assert kinds.kind(listed, sender=sender, subject=subject) is Kind(kind)


def test_a_kind_that_a_later_release_tells_is_read_as_a_persons() -> None:
    assert Kind("fax") is Kind.PERSON


LIST = Address("support@group.example", "'Ann Lee' via Support")
ANN = Address("ann@x.org", "Ann Lee")


def test_a_list_that_put_itself_into_from_only_sent_the_mail() -> None:
    original = {"x-original-from": ["Ann Lee <ann@x.org>"]}
    assert authors.authors((LIST,), (Address(LIST.address),), original) == ((ANN,), LIST)
    assert authors.authors((LIST,), (Address("ann@x.org"),), {}) == ((ANN,), LIST)


def test_a_list_that_hides_its_author_is_all_there_is() -> None:
    assert authors.authors((LIST,), (Address(LIST.address),), {}) == ((LIST,), None)


def test_only_a_list_may_name_another_author() -> None:
    spoofed = {"x-original-from": ["Ann Lee <ann@x.org>"]}
    eve = (Address("eve@x.org", "Eve"),)
    assert authors.authors(eve, (), spoofed) == (eve, None)


def test_from_wrote_a_mail_and_sender_sent_it() -> None:
    boss = (Address("boss@x.org", "Boss"),)
    assert authors.authors(boss, (), {"sender": ["Ann Lee <ann@x.org>"]}) == (boss, ANN)
    assert authors.authors(boss, (), {"sender": ["boss@x.org"]}) == (boss, None)
