"""Graph's reading calls: who I am, folders, messages and what is in them."""

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from infra.simulator import Fault, Simulator
from tests.simulator.microsoft.people import ANA, IMMUTABLE, Person, Program, program
from tests.simulator.people import mail

MAILS = Path(__file__).parents[4] / "shared" / "data" / "mail"
MULTIPART = b"""From: =?utf-8?q?M=C3=BCller=2C_Eva?= <Eva@Client.Example>
To: "Flores, Ana" <ana@contoso.example>, ben@contoso.example
Cc: Carl <carl@client.example>
Reply-To: <replies@client.example>
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
Date: Mon, 5 Jan 2026 10:00:00 +0100
Message-ID: <one@client.example>
In-Reply-To: <zero@contoso.example>
Importance: High
X-Mark: seven
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="m"

--m
Content-Type: multipart/related; boundary="r"

--r
Content-Type: multipart/alternative; boundary="a"

--a
Content-Type: text/plain; charset=utf-8

Hello Ana
--a
Content-Type: text/html; charset=utf-8

<p>Hello <b>Ana</b></p><img src="cid:logo">
--a--
--r
Content-Type: image/png
Content-ID: <logo>
Content-Disposition: inline; filename="logo.png"
Content-Transfer-Encoding: base64

iVBORw==
--r--
--m
Content-Type: application/pdf; name="offer.pdf"
Content-Disposition: attachment; filename="offer.pdf"
Content-Transfer-Encoding: base64

JVBERg==
--m
Content-Type: message/rfc822

From: x@y.example
Subject: The older mail

Hi
--m--
"""


@pytest.fixture
def letter(simulator: Simulator) -> str:
    simulator.add_account(ANA, provider="microsoft")
    at = datetime(2026, 1, 6, 8, 30, 15, 999_000, UTC)
    return simulator.deliver(MULTIPART, to=ANA, at=at)


def person(name: str, address: str) -> dict[str, Any]:
    return {"emailAddress": {"name": name, "address": address}}


# -- Who I am -------------------------------------------------------------------------------------


def test_me_is_the_account_with_its_object_id(ana: Program, simulator: Simulator) -> None:
    me = ana.read("/me")
    directory = simulator.microsoft.directory

    assert me["id"] == directory.oid(directory.account(ANA))
    assert (me["mail"], me["userPrincipalName"]) == (ANA, ANA)
    assert ana.read("/me", select="id,mail").keys() == {"@odata.context", "id", "mail"}


def test_mail_may_be_null_and_the_principal_name_no_address(
    ana: Program, simulator: Simulator
) -> None:
    guest = "ana_contoso.example#EXT#@fabrikam.onmicrosoft.example"
    simulator.microsoft.directory.change(ANA, has_mail=False, user_principal_name=guest)
    me = ana.read("/me")

    assert (me["mail"], me["userPrincipalName"]) == (None, guest)


@pytest.mark.parametrize(
    ("scope", "path", "status"),
    [
        ("Mail.Read", "/me", 403),
        ("User.Read", "/me", 200),
        ("User.Read", "/me/messages", 403),
        ("Mail.Send", "/me/mailFolders/inbox/messages/delta", 403),
        ("Mail.Read", "/me/messages", 200),
        ("Mail.ReadWrite", "/me/messages", 200),
        ("Mail.ReadBasic", "/me/messages", 200),
    ],
)
def test_every_call_needs_its_scope(
    simulator: Simulator, scope: str, path: str, status: int
) -> None:
    with program(simulator, scopes=[scope]) as caller:
        answer = caller.get(path)

    assert answer.status_code == status
    if status == 403:
        assert answer.json()["error"]["code"] == "ErrorAccessDenied"


def test_tokens_that_are_none_or_dead_are_refused(ana: Program, simulator: Simulator) -> None:
    with Program(simulator, "nonsense") as stranger:
        unknown = stranger.get("/me")
    missing = ana.get("/me", headers={"Authorization": ""})
    simulator.expire_access_tokens(ANA)
    expired = ana.get("/me")

    for answer in (unknown, missing, expired):
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "InvalidAuthenticationToken"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


# -- Folders --------------------------------------------------------------------------------------


def test_the_folders_of_a_mailbox_by_id_and_by_their_well_known_names(
    ana: Program, simulator: Simulator
) -> None:
    simulator.deliver(mail(to=ANA), to=ANA)
    folders = {folder["displayName"]: folder for folder in ana.all("/me/mailFolders", top=3)}
    inbox = ana.read("/me/mailFolders/inbox")

    assert {"Inbox", "Sent Items", "Drafts", "Deleted Items", "Junk Email"} <= folders.keys()
    assert folders["Inbox"] == inbox == ana.read(f"/me/mailFolders/{inbox['id']}")
    assert (inbox["totalItemCount"], inbox["unreadItemCount"]) == (1, 1)
    assert inbox["parentFolderId"] == ana.read("/me/mailFolders/msgfolderroot")["id"]
    assert ana.read("/me/mailFolders/inbox", select="displayName").keys() == {"id", "displayName"}
    assert ana.get("/me/mailFolders/nowhere").status_code == 404


def test_folders_of_the_owners_own_have_children(ana: Program, simulator: Simulator) -> None:
    inner = simulator.microsoft.add_folder(ANA, "Customers/Harbor")
    key = simulator.deliver(mail(), to=ANA, labels=["INBOX/Offers"])
    customers = next(f for f in ana.all("/me/mailFolders") if f["displayName"] == "Customers")
    children = ana.all(f"/me/mailFolders/{customers['id']}/childFolders")
    offers = ana.all("/me/mailFolders/inbox/childFolders")

    assert customers["childFolderCount"] == 1
    assert [(child["id"], child["displayName"]) for child in children] == [(inner, "Harbor")]
    assert [folder["displayName"] for folder in offers] == ["Offers"]
    inside = ana.all(f"/me/mailFolders/{offers[0]['id']}/messages")
    assert [message["id"] for message in inside] == [key]


def test_a_folder_is_where_it_was_moved_to(ana: Program, simulator: Simulator) -> None:
    key = simulator.deliver(mail(), to=ANA)
    simulator.move(ANA, key, "Customers")
    moved = ana.read(f"/me/messages/{key}")["parentFolderId"]
    simulator.move(ANA, key, "TRASH")
    trashed = ana.read(f"/me/messages/{key}")["parentFolderId"]
    simulator.relabel(ANA, key, remove=["TRASH"])

    assert ana.read(f"/me/mailFolders/{moved}")["displayName"] == "Customers"
    assert trashed == ana.read("/me/mailFolders/deleteditems")["id"]
    archive = ana.read("/me/mailFolders/archive")["id"]
    assert ana.read(f"/me/messages/{key}")["parentFolderId"] == archive
    assert ana.read(f"/me/messages/{key}")["isRead"] is False


# -- One message ----------------------------------------------------------------------------------


def test_a_mail_becomes_a_message(ana: Program, letter: str) -> None:
    message = ana.read(f"/me/messages/{letter}")

    assert message["id"] == letter
    assert message["subject"] == "Grüße"
    assert message["from"] == message["sender"] == person("Müller, Eva", "Eva@Client.Example")
    assert message["toRecipients"] == [
        person("Flores, Ana", "ana@contoso.example"),
        person("ben@contoso.example", "ben@contoso.example"),
    ]
    assert message["ccRecipients"] == [person("Carl", "carl@client.example")]
    assert message["replyTo"] == [person("replies@client.example", "replies@client.example")]
    assert message["receivedDateTime"] == "2026-01-06T08:30:15Z"
    assert message["sentDateTime"] == "2026-01-05T09:00:00Z"
    assert message["internetMessageId"] == "<one@client.example>"
    assert message["parentFolderId"] == ana.read("/me/mailFolders/inbox")["id"]
    assert message["bodyPreview"] == "Hello Ana"
    assert message["importance"] == "high"
    assert (message["isDraft"], message["isRead"], message["hasAttachments"]) == (
        False,
        False,
        True,
    )
    assert len(base64.b64decode(message["conversationIndex"])) == 22
    assert "internetMessageHeaders" not in message
    assert "uniqueBody" not in message


def test_bodies_come_as_html_unless_text_is_preferred(
    ana: Program, simulator: Simulator, letter: str
) -> None:
    plain = simulator.deliver(mail("a < b", to=ANA), to=ANA)
    prefer = {"Prefer": 'IdType="ImmutableId", outlook.body-content-type="text"'}
    answer = ana.get(f"/me/messages/{letter}", headers=prefer, select="body")

    assert answer.json()["body"] == {"contentType": "text", "content": "Hello Ana"}
    assert answer.headers["Preference-Applied"] == 'outlook.body-content-type="text"'
    assert "<b>Ana</b>" in ana.read(f"/me/messages/{letter}")["body"]["content"]
    converted = ana.read(f"/me/messages/{plain}", select="body,uniqueBody")
    assert converted["body"]["contentType"] == "html"
    assert "a &lt; b" in converted["body"]["content"]
    assert converted["uniqueBody"] == converted["body"]


def test_select_shows_what_was_selected_and_refuses_what_no_message_has(
    ana: Program, letter: str
) -> None:
    message = ana.read(f"/me/messages/{letter}", select="Subject, internetMessageHeaders")
    refused = ana.get(f"/me/messages/{letter}", select="subject,threadId")

    assert message.keys() == {"@odata.etag", "id", "subject", "internetMessageHeaders"}
    assert {"name": "X-Mark", "value": "seven"} in message["internetMessageHeaders"]
    assert refused.status_code == 400
    assert "'threadId'" in refused.json()["error"]["message"]


def test_the_mail_itself_can_be_had(ana: Program, simulator: Simulator, letter: str) -> None:
    answer = ana.get(f"/me/messages/{letter}/$value")

    assert answer.content == simulator.raw(ANA, letter)
    assert answer.headers["Content-Type"] == "text/plain"


def test_attachments_are_files_or_mails_and_inline_ones_do_not_count(
    ana: Program, simulator: Simulator, letter: str
) -> None:
    logo, offer, older = ana.read(f"/me/messages/{letter}/attachments")["value"]
    named = ana.read(f"/me/messages/{letter}/attachments", select="name,size")["value"]
    expanded = ana.read(
        f"/me/messages/{letter}", select="subject", expand="attachments($select=name,size)"
    )
    inline_only = simulator.deliver(
        b"Content-Type: image/png\r\nContent-Disposition: inline\r\nFrom: a@b.example\r\n\r\nx",
        to=ANA,
    )

    assert (logo["name"], logo["isInline"], logo["contentId"]) == ("logo.png", True, "logo")
    assert base64.b64decode(offer["contentBytes"]) == b"%PDF"
    assert (offer["contentType"], offer["size"], offer["isInline"]) == ("application/pdf", 4, False)
    assert older["@odata.type"] == "#microsoft.graph.itemAttachment"
    assert (older["name"], "contentBytes" in older) == ("The older mail", False)
    assert named[1].keys() == {"@odata.type", "id", "name", "size"}
    assert expanded["attachments"] == named
    assert ana.read(f"/me/messages/{letter}/attachments/{offer['id']}") == offer
    assert ana.get(f"/me/messages/{letter}/attachments/zzz").status_code == 404
    assert ana.read(f"/me/messages/{inline_only}")["hasAttachments"] is False


def test_a_mail_without_a_sender_has_no_from(ana: Program, simulator: Simulator) -> None:
    key = simulator.deliver(b"Subject: Nobody\r\n\r\nHi\r\n", to=ANA)
    message = ana.read(f"/me/messages/{key}")

    assert "from" not in message
    assert message["internetMessageId"] is None
    assert message["toRecipients"] == []


def test_no_html_takes_long_to_become_text(ana: Program, simulator: Simulator) -> None:
    for piece in ("<", "<style", "<!--", "</p", "&lt;"):
        html = f"From: a@b.example\r\nContent-Type: text/html\r\n\r\n{piece * 200_000}"
        key = simulator.deliver(html.encode(), to=ANA)
        assert len(ana.read(f"/me/messages/{key}", select="bodyPreview")["bodyPreview"]) <= 255


def test_a_message_that_is_gone_is_404(ana: Program, simulator: Simulator, letter: str) -> None:
    simulator.delete(ANA, letter)
    for path in ("", "/$value", "/attachments"):
        assert ana.get(f"/me/messages/{letter}{path}").status_code == 404
    assert ana.get("/me/messages/nonsense").json()["error"]["code"] == "ErrorItemNotFound"


# -- Ids ------------------------------------------------------------------------------------------


def test_immutable_ids_survive_a_move_and_others_do_not(
    ana: Program, simulator: Simulator, letter: str
) -> None:
    old = ana.all("/me/messages", headers={}, select="id")[0]["id"]
    assert ana.read(f"/me/messages/{old}", headers={})["id"] == old
    simulator.move(ANA, letter, "TRASH")
    new = ana.all("/me/messages", headers={}, select="id")[0]["id"]

    assert old not in {new, letter}
    assert ana.get(f"/me/messages/{old}").status_code == 404
    assert ana.read(f"/me/messages/{new}")["id"] == letter
    assert ana.all("/me/messages", select="id")[0]["id"] == letter


def test_folder_ids_are_the_same_whichever_kind_is_asked_for(ana: Program) -> None:
    inbox = "/me/mailFolders/inbox"
    assert ana.read(inbox, headers={})["id"] == ana.read(inbox, headers=IMMUTABLE)["id"]


def test_a_message_is_found_only_in_its_own_folder(ana: Program, letter: str) -> None:
    assert ana.get(f"/me/mailFolders/inbox/messages/{letter}").status_code == 200
    assert ana.get(f"/me/mailFolders/sentitems/messages/{letter}").status_code == 404


def test_a_conversation_holds_a_mail_and_its_answers(ana: Program, simulator: Simulator) -> None:
    simulator.deliver(mail(Message_ID="<a@x.example>"), to=ANA)
    simulator.deliver(mail(Subject="Re: Hello", In_Reply_To="<a@x.example>"), to=ANA)
    simulator.deliver(mail(), to=ANA)
    other, answer, first = ana.all("/me/messages", select="conversationId,conversationIndex")

    assert answer["conversationId"] == first["conversationId"] != other["conversationId"]
    assert answer["conversationIndex"] == first["conversationIndex"]


# -- Mail as it is found in the wild --------------------------------------------------------------


def test_every_real_mail_is_loaded_and_served(ana: Program, simulator: Simulator) -> None:
    if not MAILS.is_dir():
        pytest.skip(f"there is no {MAILS}")
    simulator.microsoft.limits.requests_per_10_minutes = None
    loaded = [one.message_id for one in simulator.load(ANA, MAILS) if not one.problem]
    assert loaded

    listed = {message["id"]: message for message in ana.all("/me/messages", top=50)}
    assert listed.keys() == set(loaded)
    for key in loaded:
        message = ana.read(f"/me/messages/{key}", expand="attachments")
        assert message == listed[key] | {"attachments": message["attachments"]}
        ana.read(f"/me/messages/{key}", select="internetMessageHeaders,uniqueBody")
        assert ana.get(f"/me/messages/{key}/$value").content == simulator.raw(ANA, key)


# -- Challenges and faults ------------------------------------------------------------------------


def test_a_challenge_carries_its_claims_and_is_met_by_a_token_made_for_them(
    simulator: Simulator,
) -> None:
    simulator.add_account(ANA, provider="microsoft")
    owner = Person(simulator)
    answer = owner.sign_in()
    claims = simulator.microsoft.challenge(ANA)
    with Program(simulator, answer["access_token"]) as ana:
        refused = ana.get("/me")
    plain = owner.refresh(answer["refresh_token"]).json()["access_token"]
    made = owner.refresh(answer["refresh_token"], claims=claims).json()["access_token"]

    header = refused.headers["WWW-Authenticate"]
    assert 'error="insufficient_claims"' in header
    assert base64.b64decode(header.partition('claims="')[2].rstrip('"')).decode() == claims
    for token, status in [(plain, 401), (made, 200)]:
        with Program(simulator, token) as ana:
            assert ana.get("/me").status_code == status


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(method="graph.me", status=403), "ErrorAccessDenied"),
        (Fault(method="graph.*", status=429, retry_after=7), "ApplicationThrottled"),
        (Fault(method="graph.me", status=503, account=ANA), "ServiceUnavailable"),
        (Fault(method="graph.me", status=504), "GatewayTimeout"),
        (Fault(method="*", status=410, reason="resyncRequired"), "resyncRequired"),
        (Fault(status=401, reason="insufficient_claims"), "InvalidAuthenticationToken"),
    ],
)
def test_an_armed_fault_speaks_graphs_json(
    ana: Program, simulator: Simulator, fault: Fault, code: str
) -> None:
    simulator.faults.add(fault)
    answer = ana.get("/me")

    assert (answer.status_code, answer.json()["error"]["code"]) == (fault.status, code)
    assert answer.headers.get("Retry-After") == ("7" if fault.retry_after else None)
    assert ('claims="' in answer.headers.get("WWW-Authenticate", "")) == (fault.status == 401)
    assert ana.get("/me").status_code == 200


def test_calls_are_counted_by_name_and_requests_as_units(
    ana: Program, simulator: Simulator
) -> None:
    simulator.meters.reset()
    ana.get("/me")
    ana.get("/me/messages/nonsense")
    counts = simulator.meters.read()

    assert counts.calls == {"graph.me": 1, "graph.messages.get": 1}
    assert counts.failures == {"graph.messages.get 404": 1}
    assert counts.units == {ANA: 2}
