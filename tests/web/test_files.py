"""The files of a mail: from the provider, for those who see all of it; its pictures by tickets."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from shared.domain.mailboxes import Visibility
from shared.services.timelines import images
from tests.files import PICTURE, REPORT, mail_with_files
from tests.web.conftest import Answer, Person
from tests.world import settle

ANA = "ana@example.com"


@pytest.fixture
def message(person: Person) -> str:
    person.world.simulator.deliver(mail_with_files(), to=ANA)
    settle(person.world)
    timeline = person.send("GET", f"/contacts/{person.ids['contact_id']}/timeline").json
    return str(timeline["activities"][0]["message_id"])


def number_of(shown: Answer, kind: str) -> int:
    kinds = [one["mime_type"] for one in shown.json["attachments"]]
    return kinds.index(kind)


def hide(person: Person, visibility: Visibility) -> None:
    path = f"/mailboxes/{person.ids['mailbox_id']}"
    assert person.send("PATCH", path, {"visibility": visibility.value}).status_code == 200


def test_a_file_comes_whole_and_harmless(person: Person, message: str) -> None:
    shown = person.send("GET", f"/messages/{message}")
    number = number_of(shown, "text/html")
    answer = person.send("GET", f"/messages/{message}/attachments/{number}")
    assert (answer.status_code, answer.data) == (200, REPORT)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''evil.html"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert person.send("HEAD", f"/messages/{message}/attachments/{number}").status_code == 405


@pytest.mark.parametrize("number", ["2", "-1", "99999", "0x0", "1e3", "٠"])
def test_what_is_no_attachment_is_not_there(person: Person, message: str, number: str) -> None:
    assert person.send("GET", f"/messages/{message}/attachments/{number}").status_code == 404


@pytest.mark.parametrize(
    "visibility", [Visibility.NOTHING, Visibility.METADATA, Visibility.SUBJECT]
)
def test_only_who_sees_all_of_a_mail_has_its_files(
    person: Person, message: str, visibility: Visibility
) -> None:
    path, ben = f"/messages/{message}/attachments/0", person.token("ben")
    assert person.send("GET", path, token=ben).status_code == 200
    hide(person, visibility)
    for other in (ben, person.token("root"), person.token("eve")):
        assert person.send("GET", path, token=other).status_code == 404
    assert person.send("GET", path).status_code == 200


def picture(person: Person, message: str, token: str | None = None) -> str:
    """Where the HTML says that its picture is."""
    html = person.send("GET", f"/messages/{message}", token=token).json["html"]
    (found,) = re.findall(r'src="(http[^"]+)"', html)
    parts = urlsplit(found.replace("&amp;", "&"))
    assert 'src="cid:nothing@client"' in html
    return f"{parts.path}?{parts.query}"


def test_a_mails_picture_shows_in_its_html_without_a_bearer_token(
    person: Person, message: str
) -> None:
    answer = person.send("GET", picture(person, message), token="")
    assert (answer.status_code, answer.data) == (200, PICTURE)
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Content-Disposition"].startswith("inline;")


def test_a_ticket_is_for_one_picture_for_ten_minutes_and_ends_with_its_viewers_rights(
    person: Person, message: str
) -> None:
    path = picture(person, message, person.token("ben"))
    elsewhere = re.sub(r"/images/\d+", "/images/1", path)
    for wrong in (path + "x", path.partition("=")[0] + "=x", elsewhere):
        assert person.send("GET", wrong, token="").status_code == 404
    hide(person, Visibility.SUBJECT)
    assert person.send("GET", path, token="").status_code == 404
    hide(person, Visibility.EVERYTHING)
    assert person.send("GET", path, token="").status_code == 200
    person.world.clock.sleep((images.LIFE + timedelta(seconds=1)).total_seconds())
    assert person.send("GET", path, token="").status_code == 404
