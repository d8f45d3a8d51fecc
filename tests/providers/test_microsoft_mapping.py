"""Graph's messages to ours."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.mail import Address, Envelope, fingerprint
from shared.providers.google import mapping as gmail
from shared.providers.microsoft import mapping
from shared.providers.microsoft.folders import Folders
from shared.providers.microsoft.mapping import IN_REPLY_TO, MARK, REFERENCES

FOLDERS = Folders(
    ("inbox", "sent", "own"),
    {"junk": "spam", "bin": "trash"},
    inbox="inbox",
    sent="sent",
    owner="ana@example.com",
)


def message(**fields: Any) -> dict[str, Any]:
    return {
        "id": "m1",
        "parentFolderId": "inbox",
        "receivedDateTime": "2026-11-20T09:00:02Z",
    } | fields


def envelope(**fields: Any) -> Envelope:
    return mapping.envelope(message(**fields), FOLDERS)


def person(address: object, name: object = "") -> dict[str, Any]:
    return {"emailAddress": {"address": address, "name": name}}


def test_a_message_is_told_in_our_words() -> None:
    read = envelope(
        conversationId="c1",
        internetMessageId="<m1@example.org>",
        subject="Grüße 🚀",
        bodyPreview="Wie\r\ngeht's?",
        sentDateTime="2026-11-20T10:00:00.1234567+01:00",
        **{"from": person("Carl@Client.Example", "Carl")},
        toRecipients=[person("ana@example.com", "ana@example.com")],
        ccRecipients=[person("a@x.org"), person("b@x.org", "Bea")],
        replyTo=[person("jö@example.org", "Jö")],
        singleValueExtendedProperties=[
            {"id": IN_REPLY_TO, "value": "<b@x>"},
            {"id": REFERENCES.replace("0x", "0X"), "value": "<a@x>\r\n <b@x>"},
        ],
    )
    assert read == Envelope(
        provider_id="m1",
        thread_id="c1",
        message_id="<m1@example.org>",
        subject="Grüße 🚀",
        snippet="Wie geht's?",
        at=datetime(2026, 11, 20, 9, 0, 2, tzinfo=UTC),
        dated=datetime(2026, 11, 20, 9, tzinfo=UTC),
        sender=(Address("carl@client.example", "Carl"),),
        to=(Address("ana@example.com"),),
        cc=(Address("a@x.org"), Address("b@x.org", "Bea")),
        reply_to=(Address("jö@example.org", "Jö"),),
        in_reply_to="<b@x>",
        references=("<a@x>", "<b@x>"),
    )


def test_the_same_mail_has_the_same_fingerprint_at_both_vendors() -> None:
    ours = envelope(
        internetMessageId="<m1@example.org>",
        subject="Re:  Angebot für Käse",
        sentDateTime="2026-11-20T09:00:00Z",
        **{"from": person("Carl@Client.example", "Carl")},
    )
    headers = {
        "From": "Carl <carl@client.EXAMPLE>",
        "Subject": "Re: Angebot =?utf-8?q?f=C3=BCr_K=C3=A4se?=",
        "Date": "Fri, 20 Nov 2026 10:00:00 +0100",
        "Message-ID": "<m1@example.org>",
    }
    listed = [{"name": name, "value": value} for name, value in headers.items()]
    theirs = gmail.envelope({"id": "g", "payload": {"headers": listed}})
    assert fingerprint(ours, "one") == fingerprint(theirs, "other")


@pytest.mark.parametrize(
    ("fields", "outgoing", "ignored"),
    [
        ({}, False, ""),
        ({"parentFolderId": "sent"}, True, ""),
        ({"parentFolderId": "own"}, False, ""),
        ({"parentFolderId": "junk"}, False, "spam"),
        ({"parentFolderId": "bin"}, False, "trash"),
        ({"parentFolderId": "below the bin"}, False, "trash"),
        ({"parentFolderId": None}, False, "trash"),
        ({"isDraft": True}, False, "draft"),
    ],
)
def test_the_folder_says_whether_it_is_mail(
    fields: dict[str, Any], outgoing: bool, ignored: str
) -> None:
    read = envelope(**fields)
    assert (read.outgoing, read.ignored) == (outgoing, ignored)


@pytest.mark.parametrize(
    ("folder", "sender", "to", "outgoing"),
    [
        ("own", "Ana@Example.com", "carl@x.org", True),
        ("own", "ana@example.com", "ana@example.com", False),
        ("own", "carl@x.org", "ana@example.com", False),
        ("inbox", "ana@example.com", "list@x.org", False),
    ],
)
def test_sent_mail_that_its_owner_filed_elsewhere_is_sent_mail(
    folder: str, sender: str, to: str, outgoing: bool
) -> None:
    people = {"from": person(sender), "toRecipients": [person(to)]}
    assert envelope(parentFolderId=folder, **people).outgoing is outgoing


@pytest.mark.parametrize("folder", ["sent", "inbox", "own"])
def test_a_mark_counts_among_sent_mail_alone(folder: str) -> None:
    properties = [{"id": MARK.upper(), "value": "email1"}]
    read = envelope(parentFolderId=folder, singleValueExtendedProperties=properties)
    assert read.mark == ("email1" if folder == "sent" else "")


@pytest.mark.parametrize(
    ("recipient", "people"),
    [
        (person("<carl@x.org>", "'carl@x.org'"), (Address("carl@x.org"),)),
        (person("Carl@X.org", "Doe,\r\n Carl\0"), (Address("carl@x.org", "Doe, Carl"),)),
        (person("/O=EXCHANGELABS/OU=X/CN=RECIPIENTS/CN=ANA", "Ana"), ()),
        (person("", "Undisclosed recipients"), ()),
        (person(None, None), ()),
        ({"emailAddress": None}, ()),
        ({}, ()),
        (None, ()),
        (7, ()),
        ([], ()),
    ],
)
def test_people_are_read_as_far_as_they_have_an_address(
    recipient: object, people: tuple[Address, ...]
) -> None:
    assert envelope(**{"from": recipient}).sender == people
    assert envelope(toRecipients=[recipient]).to == people


def test_who_sent_it_stands_in_for_a_missing_author() -> None:
    assert envelope(sender=person("carl@x.org")).sender == (Address("carl@x.org"),)


@pytest.mark.parametrize("date", ["0001-01-01T00:00:00Z", "", None, 7, "yesterday", "2026-13-01"])
def test_a_date_that_is_none_is_no_date(date: object) -> None:
    assert envelope(sentDateTime=date).dated is None


def test_text_and_html_both_exist_of_html() -> None:
    body = {"contentType": "html", "content": "<p>Hi <b>Ana</b></p>"}
    content = mapping.mail(message(body=body), FOLDERS).content
    assert (content.text, content.html) == ("Hi Ana", body["content"])


def test_a_text_stays_a_text() -> None:
    body = {"contentType": "text", "content": "a < b"}
    content = mapping.mail(message(body=body), FOLDERS).content
    assert (content.text, content.html) == ("a < b", "")


def test_attachments_are_told_by_name_kind_and_size() -> None:
    listed = [
        {"name": "offer.pdf", "contentType": "application/PDF", "size": 12},
        {"@odata.type": "#microsoft.graph.itemAttachment", "name": "Re: Offer", "size": 7},
        {"name": None, "contentType": None, "size": None},
        None,
    ]
    read = mapping.mail(message(attachments=listed), FOLDERS).content.attachments
    assert [(a.name, a.mime_type, a.size) for a in read] == [
        ("offer.pdf", "application/pdf", 12),
        ("Re: Offer.eml", "message/rfc822", 7),
        ("noname", "application/octet-stream", 0),
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["emailAddress", "address", "name", "id", "value", "content", "contentType"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
NAMES = [*mapping.HEADERS.split(","), "body", "bodyPreview", "attachments"]


@given(
    st.dictionaries(
        st.sampled_from([*NAMES, "singleValueExtendedProperties", "isDraft"]), JSON, max_size=8
    )
)
def test_nothing_in_a_message_makes_it_raise(fields: dict[str, Any]) -> None:
    read = mapping.mail(fields, FOLDERS)
    repr(read).encode("utf-8", "surrogatepass")
    read.content.text.encode()
    read.content.html.encode()
