"""Real and malformed mails, as Gmail would show them, read as a mail program reads them."""

from pathlib import Path

import msgspec
import pytest

from infra.simulator.google import payload
from shared.domain.mail import Mail
from shared.mime.sanitise import clean_html
from shared.providers.google import mapping

MAILS = Path(__file__).parents[3] / "shared" / "data" / "mail"
FILES = sorted(MAILS.glob("*.eml"))

pytestmark = pytest.mark.skipif(
    not FILES, reason="the folder of real mails is not beside the project"
)


def read(path: Path) -> Mail:
    reading = payload.read(path.read_bytes())
    shown = {
        "id": "m1",
        "internalDate": "0",
        "snippet": reading.snippet,
        "payload": reading.payload,
    }
    return mapping.mail(msgspec.json.decode(msgspec.json.encode(shown)))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_mail_is_read_and_can_be_stored(path: Path) -> None:
    mail = read(path)
    stored = msgspec.json.encode(mail)
    assert b"\\u0000" not in stored
    clean_html(mail.content.html)


def by_name(part: str) -> Mail:
    (path,) = [path for path in FILES if part in path.stem]
    return read(path)


@pytest.mark.parametrize(
    ("file", "subject"),
    [
        ("japanese_iso_2022", "まみむめも"),
        ("bad_subject", "MySurvey.com:  You have a survey waiting!  91123105"),
        ("partially_quoted_subject", 'Re: Test: "漢字" mid "漢字" tail'),
        ("utf8_headers", "Säying Hello"),
        ("plain_emails__raw_email_string_in_date_field", "NOTE: 한국말로 하는 것"),
    ],
)
def test_subjects(file: str, subject: str) -> None:
    assert by_name(file).envelope.subject == subject


@pytest.mark.parametrize(
    ("file", "sender"),
    [
        ("mix_caps_content_type", [("bb@bug.com", "Big Bug")]),
        ("raw_email_multiple_from", [("tim@powerupdev.com", ""), ("concierge@powerupdev.com", "")]),
        ("raw_email_bad_time", [("yusuf75thu@auracom.net", "Атиковa")]),
        ("encoding_madness", [("no-reply@crm.el-example.org", "")]),
        ("utf8_headers", [("jdöe@xn--mchine-bua.example", "Jöhn Doe")]),
        ("rfc2822__example10", [("pete@silly.test", "Pete")]),
    ],
)
def test_senders(file: str, sender: list[tuple[str, str]]) -> None:
    assert [(person.address, person.name) for person in by_name(file).envelope.sender] == sender


def test_groups_and_routes_and_missing_commas_leave_the_people() -> None:
    def people(file: str) -> list[str]:
        return [person.address for person in by_name(file).envelope.to]

    assert people("rfc2822__example04") == ["c@a.test", "joe@where.test", "jdoe@one.test"]
    assert people("rfc2822__example11") == ["mary@example.net", "jdoe@test.example"]
    assert people("weird_to_header") == ["user-example@aol.com", "e-s-a-s-2200@app.ar.com"]
    assert people("empty_group_lists") == []
    assert people("missing_body") == []
    assert people("at_display_name") == ["smith@gmail.com", "raasdnil@gmail.com", "tom@gmail.com"]


def test_bodies_and_attachments() -> None:
    assert by_name("shift_jis").content.text.startswith("あいうえお")
    assert by_name("ks_c_5601").content.text.strip() == "스티해"
    attached = by_name("attachment_message_rfc822_inline_image").content
    assert [attachment.name for attachment in attached.attachments] == ["img.png", "Testmail.eml"]
    assert by_name("attachment_pdf_non_ascii_lf").content.attachments[0].name == "broken.pdf"
