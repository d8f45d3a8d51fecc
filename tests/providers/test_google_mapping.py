"""Gmail's JSON of a message to ours."""

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.mail import Attachment
from shared.providers.google import mapping
from shared.providers.google.content import content

Part = dict[str, Any]


def b64(text: str | bytes) -> str:
    data = text if isinstance(text, bytes) else text.encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def leaf(
    kind: str, text: str | bytes = "", *, name: str = "", size: int = 1, **headers: str
) -> Part:
    listed = [{"name": key.replace("_", "-"), "value": value} for key, value in headers.items()]
    body: Part = {"size": size, "data": b64(text)} if text else {"size": size, "attachmentId": "a"}
    return {"mimeType": kind, "filename": name, "headers": listed, "body": body}


def multi(kind: str, *parts: Part) -> Part:
    return {"mimeType": f"multipart/{kind}", "filename": "", "headers": [], "parts": list(parts)}


def message(*headers: tuple[str, str], labels: tuple[str, ...] = ("INBOX",), **more: Any) -> Part:
    listed = [{"name": name, "value": value} for name, value in headers]
    payload = {"mimeType": "text/plain", "headers": listed}
    fields = {
        "id": "m1",
        "threadId": "t1",
        "labelIds": list(labels),
        "internalDate": "1700000000123",
    }
    return {**fields, "payload": payload, **more}


# -- envelopes ------------------------------------------------------------------------------------


def test_header_names_have_no_case() -> None:
    envelope = mapping.envelope(message(("fROM", "Jane <j@x.org>"), ("MESSAGE-Id", "<a@b>")))
    assert envelope.sender[0].address == "j@x.org"
    assert envelope.message_id == "<a@b>"


def test_of_repeated_headers_people_add_up_and_else_the_first_counts() -> None:
    envelope = mapping.envelope(
        message(("From", "a@x.org"), ("From", "b@x.org"), ("To", "c@x.org"), ("To", "d@x.org"),
                ("Subject", "one"), ("Subject", "two"))
    )  # fmt: skip
    assert [person.address for person in envelope.sender] == ["a@x.org", "b@x.org"]
    assert [person.address for person in envelope.to] == ["c@x.org", "d@x.org"]
    assert envelope.subject == "one"


def test_the_time_is_gmails_own_and_the_date_header_stands_beside_it() -> None:
    envelope = mapping.envelope(message(("Date", "Fri, 21 Nov 1997 09:55:06 -0600")))
    assert envelope.at == datetime(2023, 11, 14, 22, 13, 20, 123_000, UTC)
    assert envelope.dated == datetime(1997, 11, 21, 15, 55, 6, tzinfo=UTC)


@pytest.mark.parametrize("broken", [None, "", "soon", [], "9" * 40, -(10**30)])
def test_without_gmails_time_the_date_header_must_do(broken: object) -> None:
    dated = ("Date", "Fri, 21 Nov 1997 09:55:06 -0600")
    assert mapping.envelope(message(dated, internalDate=broken)).at.year == 1997
    assert mapping.envelope(message(internalDate=broken)).at.year == 1970


@pytest.mark.parametrize(
    ("labels", "ignored"),
    [
        (("INBOX", "UNREAD"), ""),
        (("DRAFT",), "draft"),
        (("SPAM",), "spam"),
        (("TRASH", "INBOX"), "trash"),
        (("CHAT",), "chat"),
        ((), ""),
    ],
)
def test_what_is_no_mail_for_a_timeline_is_named(labels: tuple[str, ...], ignored: str) -> None:
    assert mapping.envelope(message(labels=labels)).ignored == ignored


def test_a_snippet_is_text() -> None:
    assert mapping.envelope(message(snippet="Q&amp;A &#39;x&#39;")).snippet == "Q&A 'x'"


def test_our_mark_counts_on_sent_mail_alone() -> None:
    mark = ("X-Mailbridge-Email", "email1")
    assert mapping.envelope(message(mark, labels=("SENT",))).mark == "email1"
    assert mapping.envelope(message(mark, labels=("INBOX",))).mark == ""


# -- contents -------------------------------------------------------------------------------------


def test_of_alternatives_nothing_is_lost() -> None:
    tree = multi(
        "alternative",
        leaf("text/plain", "plain"),
        leaf("text/html", "<p>Body"),
        leaf("text/html", "<p>Footer of a list"),
    )
    assert (content(tree).text, content(tree).html) == ("plain", "<p>Body\n<p>Footer of a list")


def test_mixed_parts_stand_one_below_the_other() -> None:
    tree = multi(
        "mixed",
        leaf("text/plain", "one"),
        leaf("image/png", name="a.png"),
        leaf("text/plain", "two"),
    )
    shown = content(tree)
    assert (shown.text, shown.html) == ("one\ntwo", "")
    assert shown.attachments == (Attachment("a.png", "image/png", 1),)


def test_a_footer_in_text_is_not_lost_below_html() -> None:
    body = multi("alternative", leaf("text/plain", "Hi"), leaf("text/html", "<p>Hi</p>"))
    shown = content(multi("mixed", body, leaf("text/plain", "-- \nlist <footer>")))
    assert shown.text == "Hi\n-- \nlist <footer>"
    assert shown.html == (
        '<p>Hi</p>\n<pre style="white-space:pre-wrap">-- \nlist &lt;footer&gt;</pre>'
    )


def test_html_alone_has_a_text_made_of_it() -> None:
    shown = content(
        multi("related", leaf("text/html", "<p>Hi<img src=cid:1>"), leaf("image/png", name="i.png"))
    )
    assert (shown.text, shown.html) == ("Hi", "<p>Hi<img src=cid:1>")
    assert [attachment.name for attachment in shown.attachments] == ["i.png"]


@pytest.mark.parametrize(
    ("part", "attachment"),
    [
        (leaf("text/plain", "x", name="notes.txt", size=9), Attachment("notes.txt", "text/plain", 9)),
        (leaf("text/html", "x", Content_Disposition=" ATTACHMENT"), Attachment("text.html", "text/html", 1)),
        (leaf("text/plain", name="=?utf-8?q?caf=C3=A9?="), Attachment("café", "text/plain", 1)),
        (leaf("text/calendar", "x"), Attachment("invite.ics", "text/calendar", 1)),
        (leaf("application/octet-stream"), Attachment("noname", "application/octet-stream", 1)),
        (leaf("text/plain", size=50_000_000), Attachment("text.txt", "text/plain", 50_000_000)),
    ],
)  # fmt: skip
def test_what_is_not_shown_in_the_mail_is_listed_below_it(
    part: Part, attachment: Attachment
) -> None:
    shown = content(multi("mixed", leaf("text/plain", "body"), part))
    assert shown.text == "body"
    assert shown.attachments == (attachment,)


def test_an_attached_mail_goes_by_its_subject_and_stays_closed() -> None:
    inner = leaf("text/plain", "inner text", Subject="Re: =?utf-8?q?J=C3=B6?=")
    attached = {**leaf("message/rfc822", size=70), "parts": [inner]}
    shown = content(multi("mixed", leaf("text/plain", "outer"), attached))
    assert shown.text == "outer"
    assert shown.attachments == (Attachment("Re: Jö.eml", "message/rfc822", 70),)
    named = {**attached, "filename": "forwarded.eml"}
    assert content(multi("mixed", named)).attachments[0].name == "forwarded.eml"


def test_text_is_read_in_utf8_or_in_its_own_charset() -> None:
    for data in ("日本".encode(), "日本".encode("cp932")):
        part = leaf("text/plain", data, Content_Type='text/plain; charset="Shift_JIS"')
        assert content(part).text == "日本"


@pytest.mark.parametrize("data", ["!!!!", "YQ", "YQ==", "Y", "é", 5, None, [], {}])
def test_broken_data_shows_what_can_be_read(data: object) -> None:
    part = {"mimeType": "text/plain", "body": {"data": data}}
    assert content(part).text in {"", "a"}


def test_a_text_that_gmail_kept_back_is_fetched_and_a_file_is_not() -> None:
    tree = multi(
        "mixed",
        leaf("text/html", size=9),
        leaf("text/plain", "here"),
        leaf("text/plain", name="notes.txt"),
        leaf("image/png", name="x.png"),
    )
    asked: list[str] = []

    def fetch(part: str) -> str:
        asked.append(part)
        return b64("<p>late")

    shown = content(tree, fetch)
    assert asked == ["a"]
    assert shown.html.startswith("<p>late\n<pre")


def test_a_tree_without_end_is_cut() -> None:
    tree = leaf("text/plain", "deep")
    for _ in range(5_000):
        tree = multi("mixed", tree)
    assert [one.name for one in content(tree).attachments] == ["noname"]


WEIRD = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=9) | st.just("multipart/mixed"),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["payload", "headers", "parts", "body", "data", "size", "mimeType", "filename", "name",
             "value", "labelIds", "internalDate", "snippet", "threadId", "attachmentId"]
        ),
        inner,
        max_size=6,
    ),
    max_leaves=30,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["payload", "labelIds", "internalDate", "snippet"]), WEIRD))
def test_no_tree_however_weird_raises(tree: Part) -> None:
    mapping.mail({**tree, "id": "m1"})
    mapping.mark_of_draft({"message": tree})
