"""messages.send and drafts: what is rewritten, who receives it, and that a draft is sent once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from infra.simulator import Fault, Simulator
from tests.simulator.people import ANA, BEN, MAIL, Program, encoded, mail, program


@pytest.fixture(autouse=True)
def _ben(simulator: Simulator) -> None:
    simulator.add_account(BEN)


def test_a_sent_mail_arrives_and_its_sender_keeps_a_copy(
    ana: Program, simulator: Simulator
) -> None:
    answer = ana.send(mail("Hi Ben", sender=f"Ana <{ANA}>", to=BEN, X_Mark="7")).json()

    [arrived] = simulator.messages(BEN)
    assert answer["labelIds"] == ["SENT"]
    assert arrived.labels == ("INBOX", "UNREAD")
    assert b"Hi Ben" in simulator.raw(BEN, arrived.id)
    assert ana.headers(answer["id"])["X-Mark"] == "7"
    assert arrived.facts.message_id == ana.headers(answer["id"])["Message-ID"]


def test_the_message_id_is_rewritten_and_a_missing_date_added(ana: Program) -> None:
    answer = ana.send(mail(sender=ANA, to=BEN, Message_ID="<own@crm.example>")).json()

    headers = ana.headers(answer["id"])
    assert headers["Message-ID"].endswith("@mail.gmail.com>")
    assert headers["Date"]
    assert "gmailapi.google.com" in headers["Received"]


def test_nobody_writes_as_somebody_else(ana: Program, simulator: Simulator) -> None:
    ana.send(mail(sender="boss@bank.example", to=BEN))

    assert simulator.messages(BEN)[0].facts.sender == ANA


def test_bcc_is_seen_by_the_sender_alone(ana: Program, simulator: Simulator) -> None:
    raw = mail(
        sender=ANA, to="carl@client.example", Cc=BEN, Bcc="secret@else.example, dora@example.com"
    )
    simulator.add_account("dora@example.com")

    answer = ana.send(raw).json()

    copies = [
        simulator.raw(who, simulator.messages(who)[0].id) for who in (BEN, "dora@example.com")
    ]
    copies += [left.raw for left in simulator.left()]
    assert ana.headers(answer["id"])["Bcc"] == "secret@else.example, dora@example.com"
    assert len(copies) == 4
    assert not [
        copy for copy in copies if b"secret@" in copy or b"dora@" in copy.partition(b"\r\nFrom")[2]
    ]
    assert {left.to for left in simulator.left()} == {"carl@client.example", "secret@else.example"}
    assert simulator.meters.read().messages == {"sent": 1, "delivered": 2, "left": 2}


def test_a_mail_to_oneself_is_one_message_in_two_places(ana: Program, simulator: Simulator) -> None:
    answer = ana.send(mail(sender=ANA, to=ANA)).json()

    assert [message.id for message in simulator.messages(ANA)] == [answer["id"]]
    assert {"SENT", "INBOX"} <= set(answer["labelIds"])


@pytest.mark.parametrize(
    "raw",
    [
        mail(sender=ANA, to=""),
        mail(sender=ANA, to="undisclosed-recipients:;"),
        mail(sender=ANA, to="nobody"),
        mail(sender=ANA, to=BEN, Cc="Doe, Jane <jane@x.example>"),
        b"",
    ],
)
def test_a_mail_without_good_recipients_is_400_and_goes_nowhere(
    ana: Program, simulator: Simulator, raw: bytes
) -> None:
    assert ana.send(raw).status_code == 400
    assert simulator.messages(ANA) == simulator.messages(BEN) == []


def test_what_is_no_json_is_400(ana: Program) -> None:
    answer = ana.session.post(ana.url + "/messages/send", data="{", timeout=10)

    assert answer.status_code == 400


def test_limits_of_recipients_size_and_sends_a_day(ana: Program, simulator: Simulator) -> None:
    limits = simulator.google.limits
    limits.recipients_per_message, limits.message_bytes, limits.sends_per_day = 2, 1_000, 1
    three = ", ".join(f"{number}@x.example" for number in range(3))

    assert ana.send(mail(sender=ANA, to=three)).status_code == 400
    assert ana.send(mail("x" * 1_000, sender=ANA, to=BEN)).status_code == 413
    assert ana.send(mail(sender=ANA, to=BEN)).status_code == 200
    refused = ana.send(mail(sender=ANA, to=BEN))
    simulator.clock.advance(86_400)
    with program(simulator) as later:
        assert later.send(mail(sender=ANA, to=BEN)).status_code == 200

    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 86_000


# -- Threads --------------------------------------------------------------------------------------


def test_a_reply_joins_the_thread_when_reference_subject_and_thread_fit(
    ana: Program, simulator: Simulator
) -> None:
    asked = simulator.deliver(mail(Subject="Offer", Message_ID="<q@client.example>"), to=ANA)

    def thread(**headers: str) -> str:
        raw = mail(sender=ANA, to="carl@client.example", **headers)
        answer: str = ana.send(raw, threadId=asked).json()["threadId"]
        return answer

    assert thread(Subject="Re: Offer", In_Reply_To="<q@client.example>") == asked
    assert thread(Subject="Re: Offer", References="<q@client.example>") == asked
    assert thread(Subject="Other", In_Reply_To="<q@client.example>") != asked
    assert thread(Subject="Re: Offer") != asked


def test_an_answer_from_outside_joins_the_thread_of_what_was_sent(
    ana: Program, simulator: Simulator
) -> None:
    sent = ana.send(mail(sender=ANA, to="carl@client.example", Subject="Offer")).json()
    reference = ana.headers(sent["id"])["Message-ID"]

    answer = simulator.deliver(mail(Subject="Re: Offer", In_Reply_To=reference), to=ANA)

    assert simulator.message(ANA, answer).thread == sent["threadId"]


@pytest.mark.parametrize(("thread", "status"), [("0123456789abcdef", 404), ("thread-1", 400)])
def test_a_thread_of_another_mailbox_is_refused(ana: Program, thread: str, status: int) -> None:
    assert ana.send(mail(sender=ANA, to=BEN), threadId=thread).status_code == status


# -- Drafts ---------------------------------------------------------------------------------------


def test_a_draft_is_a_message_until_it_is_sent_as_a_new_one(
    ana: Program, simulator: Simulator
) -> None:
    draft = ana.draft(mail("Later", sender=ANA, to=BEN, X_Mark="7"))
    held = ana.read(f"/drafts/{draft['id']}", format="metadata")["message"]
    assert held["labelIds"] == ["DRAFT"]
    assert ana.ids(labelIds="DRAFT") == [held["id"]]
    assert simulator.messages(BEN) == []

    sent = ana.post("/drafts/send", id=draft["id"]).json()

    assert sent["labelIds"] == ["SENT"]
    assert sent["id"] != held["id"]
    assert sent["threadId"] == held["threadId"]
    assert ana.headers(sent["id"])["X-Mark"] == "7"
    assert ana.ids() == [sent["id"]]
    assert ana.get(f"/drafts/{draft['id']}").status_code == 404
    assert ana.post("/drafts/send", id=draft["id"]).status_code == 404
    assert len(simulator.messages(BEN)) == 1


def test_many_at_once_send_a_draft_once(ana: Program, simulator: Simulator) -> None:
    draft = ana.draft(mail(sender=ANA, to=BEN))

    with ThreadPoolExecutor(8) as pool:
        sends = pool.map(lambda _: ana.post("/drafts/send", id=draft["id"]), range(8))
        statuses = sorted(answer.status_code for answer in sends)

    assert statuses == [200] + [404] * 7
    assert len(simulator.messages(BEN)) == 1


def test_drafts_are_listed_searched_and_paged(ana: Program) -> None:
    for number in range(3):
        ana.draft(mail(sender=ANA, to=BEN, Message_ID=f"<{number}@crm.example>"))

    page = ana.read("/drafts", maxResults=2)
    rest = ana.read("/drafts", maxResults=2, pageToken=page["nextPageToken"])
    found = ana.read("/drafts", q="rfc822msgid:1@crm.example")

    ids = {draft["id"] for draft in page["drafts"] + rest["drafts"]}
    assert len(ids) == 3
    assert len(found["drafts"]) == 1
    assert found["drafts"][0]["id"] in ids
    assert ana.read("/drafts", q="subject:none") == {"resultSizeEstimate": 0}


def test_a_deleted_draft_is_gone(ana: Program, simulator: Simulator) -> None:
    draft = ana.draft(mail(sender=ANA, to=BEN))

    deleted = ana.session.delete(f"{ana.url}/drafts/{draft['id']}", timeout=10)

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert ana.get(f"/drafts/{draft['id']}").status_code == 404
    assert simulator.messages(ANA) == []


def test_a_draft_whose_message_its_owner_deleted_is_gone(
    ana: Program, simulator: Simulator
) -> None:
    draft = ana.draft(mail(sender=ANA, to=BEN))
    simulator.delete(ANA, draft["message"]["id"])

    assert ana.post("/drafts/send", id=draft["id"]).status_code == 404


def test_another_accounts_draft_is_404(ana: Program, simulator: Simulator) -> None:
    draft = ana.draft(mail(sender=ANA, to=BEN))

    with program(simulator, BEN) as ben:
        assert ben.get(f"/drafts/{draft['id']}").status_code == 404
        assert ben.post("/drafts/send", id=draft["id"]).status_code == 404


def test_drafts_need_the_right_to_compose(simulator: Simulator) -> None:
    with program(simulator, scopes=[MAIL + "readonly", MAIL + "send"]) as reader:
        refused = reader.post("/drafts", message={"raw": encoded(mail(sender=ANA, to=BEN))})
        assert reader.get("/drafts").status_code == 200

    assert refused.status_code == 403


def test_a_send_that_was_refused_by_a_fault_leaves_the_draft_as_it_was(
    ana: Program, simulator: Simulator
) -> None:
    draft = ana.draft(mail(sender=ANA, to=BEN))
    simulator.faults.add(Fault(method="gmail.drafts.send", status=503))

    assert ana.post("/drafts/send", id=draft["id"]).status_code == 503
    assert simulator.messages(BEN) == []
    assert ana.post("/drafts/send", id=draft["id"]).status_code == 200
