"""sendMail: accepted without a word, carried to everybody, and found again in Sent Items."""

import base64
from email import message_from_bytes, policy
from typing import Any

import pytest
import requests

from infra.simulator import Fault, Simulator
from tests.simulator import people as google
from tests.simulator.microsoft.people import ANA, BEN, Person, Program, outgoing, program
from tests.simulator.people import mail

GINA = "gina@gmail.example"
MARK = {"id": "String {11111111-2222-3333-4444-555555555555} Name Mark", "value": "email1"}


def sent(ana: Program, **params: Any) -> list[dict[str, Any]]:
    return ana.all("/me/mailFolders/sentitems/messages", **params)


def parsed(raw: bytes) -> Any:
    return message_from_bytes(raw, policy=policy.default)


def test_a_202_says_nothing_and_the_mail_lies_in_sent_items(
    ana: Program, simulator: Simulator
) -> None:
    answer = ana.send(outgoing("x@y.example", subject="Grüße an Käthe 🧀"))
    (message,) = sent(ana)

    assert (answer.status_code, answer.content) == (202, b"")
    assert message["subject"] == "Grüße an Käthe 🧀"
    assert message["from"]["emailAddress"]["address"] == ANA
    assert message["internetMessageId"].endswith(".outlook.com>")
    assert (message["isDraft"], message["isRead"]) == (False, True)
    assert [left.to for left in simulator.left()] == ["x@y.example"]


def test_what_leaves_is_a_whole_mail(ana: Program, simulator: Simulator) -> None:
    ana.send(
        outgoing(
            "x@y.example",
            ccRecipients=[{"emailAddress": {"address": BEN, "name": "Ben, the other"}}],
            bccRecipients=[{"emailAddress": {"address": "boss@contoso.example"}}],
            replyTo=[{"emailAddress": {"address": "replies@contoso.example"}}],
            internetMessageHeaders=[{"name": "X-Mark", "value": "seven"}],
            importance="high",
            attachments=[
                {
                    "@odata.type": "#microsoft.graph.fileAttachment",
                    "name": "Äpfel.txt",
                    "contentType": "text/plain",
                    "contentBytes": base64.b64encode(b"apples").decode(),
                }
            ],
        )
    )
    left = parsed(next(left.raw for left in simulator.left() if left.to == "x@y.example"))

    assert (left["To"], left["Cc"], left["Bcc"]) == (
        "x@y.example",
        f'"Ben, the other" <{BEN}>',
        None,
    )
    assert (left["Reply-To"], left["X-Mark"]) == ("replies@contoso.example", "seven")
    assert left["Importance"] == "high"
    assert "<p>Grüße</p>" in left.get_body(("html",)).get_content()
    assert left.get_body(("plain",)).get_content().strip() == "Grüße"
    (attachment,) = left.iter_attachments()
    assert (attachment.get_filename(), attachment.get_content_type()) == ("Äpfel.txt", "text/plain")
    assert attachment.get_payload(decode=True) == b"apples"
    assert sorted(left.to for left in simulator.left()) == sorted(
        ["x@y.example", BEN, "boss@contoso.example"]
    )
    copy = sent(ana)[0]
    assert copy["bccRecipients"][0]["emailAddress"]["address"] == "boss@contoso.example"
    assert copy["hasAttachments"] is True


def test_a_mail_can_be_plain_text_and_need_not_be_kept(ana: Program, simulator: Simulator) -> None:
    body = {"contentType": "Text", "content": "Hello\nthere"}
    ana.send(outgoing("x@y.example", body=body), saveToSentItems=False)

    left = parsed(simulator.left()[0].raw)
    assert (left.get_content_type(), left.get_content()) == ("text/plain", "Hello\nthere")
    assert sent(ana) == []


def test_a_copy_lies_in_sent_items_only_after_a_while(ana: Program, simulator: Simulator) -> None:
    simulator.add_account(BEN, provider="microsoft")
    simulator.microsoft.limits.sent_items_delay_seconds = 20
    _, link = ana.round("/me/mailFolders/sentitems/messages/delta")
    ana.send(outgoing(BEN, singleValueExtendedProperties=[MARK]))
    at_once = sent(ana)
    simulator.clock.advance(20)
    (later,) = sent(ana, expand=f"singleValueExtendedProperties($filter=id eq '{MARK['id']}')")

    assert at_once == []
    assert len(simulator.messages(BEN)) == 1
    assert later["singleValueExtendedProperties"] == [MARK]
    assert [entry["id"] for entry in ana.round(link)[0]] == [later["id"]]


def test_threading_headers_come_from_message_properties(ana: Program, simulator: Simulator) -> None:
    key = simulator.deliver(mail(Message_ID="<q@client.example>"), to=ANA)
    properties = [
        {"id": "String 0x1042", "value": "<q@client.example>"},
        {"id": "string 0x1039", "value": "<p@client.example> <q@client.example>"},
    ]
    ana.send(
        outgoing(
            "carl@client.example", subject="Re: Hello", singleValueExtendedProperties=properties
        )
    )
    left, copy = parsed(simulator.left()[0].raw), sent(ana)[0]

    assert left["In-Reply-To"] == "<q@client.example>"
    assert left["References"] == "<p@client.example> <q@client.example>"
    assert copy["conversationId"] == ana.read(f"/me/messages/{key}")["conversationId"]


def test_a_mail_to_oneself_is_two_messages(ana: Program) -> None:
    ana.send(outgoing(ANA))
    folders = {message["parentFolderId"] for message in ana.all("/me/messages")}

    names = ("inbox", "sentitems")
    assert folders == {ana.read(f"/me/mailFolders/{name}")["id"] for name in names}


@pytest.mark.parametrize(
    ("message", "status", "code"),
    [
        (outgoing(), 400, "ErrorInvalidRecipients"),
        (outgoing("nobody"), 400, "ErrorInvalidRecipients"),
        (outgoing("a@b.example\r\nBcc: c@d.example"), 400, "ErrorInvalidRecipients"),
        (outgoing("a@bü.example"), 400, "ErrorInvalidRecipients"),
        (
            outgoing("a@b.example") | {"from": {"emailAddress": {"address": BEN}}},
            403,
            "ErrorSendAsDenied",
        ),
        (
            outgoing(
                "a@b.example", internetMessageHeaders=[{"name": "In-Reply-To", "value": "<a@b>"}]
            ),
            400,
            "InvalidInternetMessageHeader",
        ),
        (
            outgoing(
                "a@b.example", internetMessageHeaders=[{"name": "X-A\r\nBcc: x", "value": "y"}]
            ),
            400,
            "InvalidInternetMessageHeader",
        ),
        (
            outgoing(
                "a@b.example",
                internetMessageHeaders=[{"name": f"x-{i}", "value": ""} for i in range(6)],
            ),
            400,
            "InvalidInternetMessageHeaderCollection",
        ),
        (outgoing("a@b.example", threadId="1"), 400, "RequestBodyRead"),
        (outgoing("a@b.example") | {"subject": 7}, 400, "RequestBodyRead"),
        (outgoing(*(f"a{i}@b.example" for i in range(501))), 400, "ErrorExceededMaxRecipientLimit"),
    ],
)
def test_what_cannot_be_sent_is_refused_and_nothing_leaves(
    ana: Program, simulator: Simulator, message: dict[str, Any], status: int, code: str
) -> None:
    answer = ana.send(message)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert simulator.left() == []
    assert sent(ana) == []


def test_line_ends_in_a_subject_make_no_headers(ana: Program, simulator: Simulator) -> None:
    ana.send(outgoing("x@y.example", subject="Hello\r\nX-Evil: yes\r\n\r\nand a body"))

    left = parsed(simulator.left()[0].raw)
    assert left["X-Evil"] is None
    assert left["Subject"] == "Hello X-Evil: yes and a body"


def test_requests_and_attachments_have_their_limits(ana: Program) -> None:
    def attached(size: int) -> int:
        content = base64.b64encode(bytes(size)).decode()
        file = {"name": "a", "contentBytes": content}
        return ana.send(outgoing("x@y.example", attachments=[file])).status_code

    assert attached(3 * 1024 * 1024 - 100) == 413  # in base64 the request is beyond its 4 MB
    assert attached(2 * 1024 * 1024) == 202


def test_an_attachment_has_a_limit_of_its_own(ana: Program, simulator: Simulator) -> None:
    simulator.microsoft.limits.attachment_bytes = 3
    refused = ana.send(
        outgoing("x@y.example", attachments=[{"name": "a", "contentBytes": "YWJjZA=="}])
    )

    assert refused.status_code == 413


def test_sending_needs_its_scope(simulator: Simulator) -> None:
    with program(simulator, scopes=["Mail.Read"]) as reader:
        assert reader.send(outgoing("x@y.example")).status_code == 403


# -- As MIME --------------------------------------------------------------------------------------


def mime(ana: Program, raw: bytes) -> requests.Response:
    return ana.session.post(
        ana.url + "/me/sendMail",
        data=base64.b64encode(raw),
        headers={"Content-Type": "text/plain"},
        timeout=10,
    )


def test_a_mail_can_be_sent_as_mime_with_headers_of_its_own(
    ana: Program, simulator: Simulator
) -> None:
    raw = mail(sender=ANA, to="x@y.example", In_Reply_To="<a@b.c>", Message_ID="<mine@x.example>")
    answer = mime(ana, raw)

    left, copy = parsed(simulator.left()[0].raw), sent(ana)[0]
    assert (answer.status_code, answer.content) == (202, b"")
    assert left["In-Reply-To"] == "<a@b.c>"
    assert left["Message-ID"] == copy["internetMessageId"] != "<mine@x.example>"


def test_headers_of_a_mime_mail_are_found_as_properties(ana: Program) -> None:
    mime(ana, mail(sender=ANA, to="x@y.example", X_Mark="seven"))
    property_ = "String {00020386-0000-0000-C000-000000000046} Name X-Mark"
    text = f"singleValueExtendedProperties/Any(ep: ep/id eq '{property_}' and ep/value eq 'seven')"

    assert len(sent(ana, filter=text)) == 1


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (mail(sender=BEN, to="x@y.example"), 403),
        (mail(sender=ANA, to="nobody"), 400),
        (b"Subject: to nobody\r\n\r\nHi", 400),
    ],
)
def test_a_mime_mail_is_checked_too(
    ana: Program, simulator: Simulator, raw: bytes, status: int
) -> None:
    assert mime(ana, raw).status_code == status
    assert simulator.left() == []


def test_what_is_neither_json_nor_base64_is_refused(ana: Program) -> None:
    url = ana.url + "/me/sendMail"
    for kind, status in [("text/plain", 400), ("application/json", 400), ("text/html", 415)]:
        headers = {"Content-Type": kind}
        answer = ana.session.post(url, data=b"{no", headers=headers, timeout=10)
        assert answer.status_code == status


# -- From one to the other ------------------------------------------------------------------------


def test_mail_goes_from_microsoft_to_google_and_back(ana: Program, simulator: Simulator) -> None:
    with google.program(simulator, GINA) as gina:
        ana.send(outgoing(GINA, subject="Hello"))
        (key,) = gina.ids()
        headers = gina.headers(key)
        reply = google.mail(
            sender=GINA, to=ANA, Subject="Re: Hello", In_Reply_To=headers["Message-ID"]
        )
        gina.send(reply)

    answer, question = ana.all("/me/messages")
    assert question["internetMessageId"] == headers["Message-ID"]
    assert answer["from"]["emailAddress"]["address"] == GINA
    assert answer["conversationId"] == question["conversationId"]


@pytest.mark.parametrize("effect", [False, True])
def test_a_connection_dropped_before_or_after_the_effect(
    ana: Program, simulator: Simulator, effect: bool
) -> None:
    simulator.faults.add(Fault(method="graph.sendMail", drop=True, effect=effect))
    url, headers = ana.url + "/me/sendMail", ana.session.headers
    with pytest.raises(requests.ConnectionError), requests.Session() as once:
        once.post(url, json={"message": outgoing("x@y.example")}, headers=headers, timeout=10)

    assert len(sent(ana)) == len(simulator.left()) == int(effect)


def test_sent_and_delivered_mails_are_counted(simulator: Simulator) -> None:
    simulator.add_account(BEN, provider="microsoft")
    simulator.add_account(ANA, provider="microsoft")
    token = Person(simulator).sign_in()["access_token"]
    with Program(simulator, token) as ana:
        ana.send(outgoing(BEN, "x@y.example"))

    assert simulator.meters.read().messages == {"sent": 1, "delivered": 1, "left": 1}
