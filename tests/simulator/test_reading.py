"""Gmail's reading calls over HTTP."""

import base64
from datetime import timedelta

import pytest

from infra.simulator import Simulator
from tests.simulator.people import ANA, BEN, MAIL, Program, decoded, mail, program


def test_the_profile_counts_messages_and_threads(ana: Program, simulator: Simulator) -> None:
    simulator.deliver(mail(Message_ID="<1@x>"), to=ANA)
    simulator.deliver(mail(Subject="Re: Hello", In_Reply_To="<1@x>"), to=ANA)

    profile = ana.read("/profile")

    assert profile["emailAddress"] == ANA
    assert (profile["messagesTotal"], profile["threadsTotal"]) == (2, 1)
    assert int(profile["historyId"]) > 2**53


def test_lists_are_newest_first_and_pages_neither_skip_nor_repeat_while_mail_arrives(
    ana: Program, simulator: Simulator
) -> None:
    start = simulator.clock.now()
    ids = [
        simulator.deliver(mail(), to=ANA, at=start - timedelta(minutes=number // 3))
        for number in range(25)
    ]
    page = ana.read("/messages", maxResults=10)
    seen = [message["id"] for message in page["messages"]]

    simulator.deliver(mail("arrived meanwhile"), to=ANA)
    seen += ana.ids(maxResults=10, pageToken=page["nextPageToken"])

    stamps = [simulator.message(ANA, one).at for one in seen]
    assert sorted(seen) == sorted(ids)
    assert stamps == sorted(stamps, reverse=True)


def test_an_empty_list_has_no_messages_field(ana: Program) -> None:
    assert ana.read("/messages") == {"resultSizeEstimate": 0}


@pytest.mark.parametrize(
    "params",
    [
        {"maxResults": "0"},
        {"maxResults": "-1"},
        {"maxResults": "ten"},
        {"pageToken": "nonsense"},
        {"pageToken": base64.urlsafe_b64encode(b"a:b").decode()},
    ],
)
def test_wrong_list_parameters_are_400(ana: Program, params: dict[str, str]) -> None:
    answer = ana.get("/messages", **params)

    assert answer.status_code == 400
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"


def test_a_page_never_holds_more_than_500(ana: Program, simulator: Simulator) -> None:
    with simulator.office.store:
        for number in range(501):
            simulator.deliver(mail(str(number)), to=ANA)

    assert len(ana.read("/messages", maxResults=10_000)["messages"]) == 500
    assert len(ana.ids(maxResults=10_000)) == 501


def test_spam_and_trash_are_left_out_unless_asked_for(ana: Program, simulator: Simulator) -> None:
    shown = simulator.deliver(mail(), to=ANA)
    spam = simulator.deliver(mail(), to=ANA, labels=["SPAM"])
    trash = simulator.deliver(mail(), to=ANA, labels=["TRASH"])

    assert ana.ids() == [shown]
    assert set(ana.ids(includeSpamTrash="true")) == {shown, spam, trash}
    assert ana.ids(labelIds="SPAM") == [spam]
    assert ana.ids(q="in:trash") == [trash]
    assert set(ana.ids(q="in:anywhere")) == {shown, spam, trash}


def test_label_ids_must_all_be_there(ana: Program, simulator: Simulator) -> None:
    read = simulator.deliver(mail(), to=ANA, labels=["INBOX"])
    unread = simulator.deliver(mail(), to=ANA, labels=["INBOX", "UNREAD"])

    assert set(ana.ids(labelIds="INBOX")) == {read, unread}
    assert ana.ids(labelIds=["INBOX", "UNREAD"]) == [unread]


def test_the_four_formats_of_a_message(ana: Program, simulator: Simulator) -> None:
    raw = mail("Guten Tag & mehr", Date="Fri, 20 Nov 2026 09:00:00 +0000", X_Mark="7")
    key = simulator.office.add(ANA, raw, labels=("INBOX", "UNREAD")).id

    full = ana.read(f"/messages/{key}")
    minimal = ana.read(f"/messages/{key}", format="minimal")
    metadata = ana.read(
        f"/messages/{key}", format="metadata", metadataHeaders=["subject", "X-Mark"]
    )
    whole = ana.read(f"/messages/{key}", format="raw")

    common = {
        "id": key,
        "threadId": key,
        "labelIds": ["INBOX", "UNREAD"],
        "snippet": "Guten Tag &amp; mehr",
        "sizeEstimate": len(raw),
        "historyId": full["historyId"],
        "internalDate": "1795165200000",
    }
    assert minimal == common
    assert decoded(full["payload"]["body"]["data"]) == b"Guten Tag & mehr\r\n"
    assert metadata == common | {
        "payload": {
            "mimeType": "text/plain",
            "headers": [{"name": "Subject", "value": "Hello"}, {"name": "X-Mark", "value": "7"}],
        }
    }
    assert decoded(whole["raw"]) == raw


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/messages/0123456789abcdef", 404),
        ("/messages/not-an-id", 400),
        ("/messages/0123456789abcdef/attachments/x", 404),
        ("/drafts/r1", 404),
        ("/threads/0123456789abcdef", 404),
    ],
)
def test_what_is_not_there_is_404_in_googles_words(ana: Program, path: str, status: int) -> None:
    answer = ana.get(path)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, status)
    assert answer.json()["error"]["errors"][0]["domain"] == "global"


def test_an_unknown_format_is_400(ana: Program, simulator: Simulator) -> None:
    assert (
        ana.get(f"/messages/{simulator.deliver(mail(), to=ANA)}", format="pdf").status_code == 400
    )


def test_a_deleted_message_is_404_for_list_and_get(ana: Program, simulator: Simulator) -> None:
    key = simulator.deliver(mail(), to=ANA)
    simulator.delete(ANA, key)

    assert ana.ids() == []
    assert ana.get(f"/messages/{key}").status_code == 404


def test_attachments_are_fetched_by_their_id(ana: Program, simulator: Simulator) -> None:
    raw = mail(
        "--b\r\nContent-Type: text/plain\r\n\r\nSee file\r\n"
        '--b\r\nContent-Type: application/pdf; name="a.pdf"\r\n'
        "Content-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0=\r\n--b--",
        Content_Type="multipart/mixed; boundary=b",
    )
    key = simulator.deliver(raw, to=ANA)
    part = ana.read(f"/messages/{key}")["payload"]["parts"][1]

    path = f"/messages/{key}/attachments/{part['body']['attachmentId']}"

    assert (part["filename"], part["body"]["size"]) == ("a.pdf", 5)
    assert "data" not in part["body"]
    assert ana.read(path) == {"size": 5, "data": "JVBERi0"}
    assert ana.get(f"/messages/{key}/attachments/other").status_code == 400


def test_a_thread_shows_its_messages_oldest_first(ana: Program, simulator: Simulator) -> None:
    first = simulator.deliver(mail(Message_ID="<1@x>"), to=ANA)
    second = simulator.deliver(mail(Subject="RE: hello", References="<0@x> <1@x>"), to=ANA)
    simulator.deliver(mail(Subject="Another", References="<1@x>"), to=ANA)

    thread = ana.read(f"/threads/{first}", format="minimal")

    assert [message["id"] for message in thread["messages"]] == [first, second]


def test_labels_list_the_systems_and_the_users(ana: Program, simulator: Simulator) -> None:
    simulator.deliver(mail(), to=ANA, labels=["INBOX", "Customers"])

    labels = {label["id"]: label["type"] for label in ana.read("/labels")["labels"]}

    assert labels["INBOX"] == labels["SPAM"] == "system"
    assert labels["Customers"] == "user"


def test_the_user_may_be_named_by_address_but_nobody_else(
    ana: Program, simulator: Simulator
) -> None:
    simulator.add_account(BEN)
    base = f"{simulator.url}/gmail/v1/users/"

    assert ana.session.get(f"{base}{ANA}/profile", timeout=10).status_code == 200
    assert ana.session.get(f"{base}{BEN}/profile", timeout=10).status_code == 403


def test_a_call_without_a_token_is_401(simulator: Simulator) -> None:
    with Program(simulator, "ya29.nonsense") as stranger:
        assert stranger.get("/profile").status_code == 401
        del stranger.session.headers["Authorization"]
        missing = stranger.get("/profile")

    assert missing.status_code == 401
    assert missing.json()["error"]["errors"][0]["reason"] == "required"


def test_sending_rights_do_not_let_a_program_read(simulator: Simulator) -> None:
    with program(simulator, scopes=[MAIL + "send"]) as sender:
        refused = [sender.get(path).status_code for path in ("/messages", "/profile", "/drafts")]
        sent = sender.send(mail(sender=ANA, to=BEN)).status_code

    assert refused == [403, 403, 403]
    assert sent == 200
