"""The mail a fresh simulator holds."""

from datetime import UTC, datetime

from infra.simulator import Simulator, samples
from tests.simulator.people import ANA, Program

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_the_samples_are_the_same_on_every_run() -> None:
    assert list(samples.mails(NOW)) == list(samples.mails(NOW))


def test_a_team_has_a_few_weeks_of_mail_with_six_people_outside(simulator: Simulator) -> None:
    accounts = simulator.add_samples()
    now = simulator.clock.now().timestamp() * 1000
    messages = [m for account in accounts for m in simulator.messages(account.address)]
    people = {
        address for m in messages for one in m.facts.people.values() for address in one.addresses
    }

    assert len(accounts) == 3
    assert 40 <= len(messages) <= 60
    assert set(samples.CONTACTS) < people
    assert all(now - 30 * 86_400_000 < message.at < now for message in messages)


def test_conversations_hang_together_in_every_mailbox(simulator: Simulator) -> None:
    for account in simulator.add_samples():
        threads: dict[str, set[str]] = {}
        for message in simulator.messages(account.address):
            subject = message.facts.subject.removeprefix("Re: ")
            threads.setdefault(subject, set()).add(message.thread)
        assert all(len(found) == 1 for found in threads.values())


def test_they_hold_what_real_mailboxes_hold(simulator: Simulator, ana: Program) -> None:
    simulator.add_samples()

    assert ana.ids(q="has:attachment 見積書") or ana.ids(
        q="has:attachment subject:見積もりのお願い"
    )
    assert ana.ids(q='from:"dupont, jeanne"')
    assert ana.ids(q="to:team@example.com")
    [invitation] = ana.ids(q="subject:invitation")
    parts = ana.read(f"/messages/{invitation}")["payload"]["parts"]
    assert [part["mimeType"] for part in parts] == ["text/plain", "text/calendar"]
    assert ana.ids(q="in:sent", labelIds="SENT")
    assert simulator.office.mailbox(ANA).messages
