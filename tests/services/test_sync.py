"""Synchronising a mailbox, with the real provider adapter and a simulated Gmail."""

from datetime import UTC, datetime, timedelta

from infra.simulator import Simulator
from shared.domain.contacts import Direction
from shared.services import mailboxes, messages, sync
from tests.world import ANA, BEN, EVE, FakeClock, LocalWorld, add_contact, connect_account, mail
from tests.world import settle, timeline, work


def test_past_mail_of_a_contact_appears_after_connecting(
    world: LocalWorld, simulator: Simulator
) -> None:
    simulator.add_account("ana@example.com")
    simulator.deliver(mail("Carl <carl@client.example>", "ana@example.com", "Offer"), to="ana@example.com")
    simulator.deliver(mail("spam@shop.example", "ana@example.com", "Buy"), to="ana@example.com")
    carl = add_contact(world, ANA, "Carl@Client.example")

    mailbox = connect_account(world, ANA, "ana@example.com")
    work(world)

    (line,) = timeline(world, ANA, carl)
    assert (line.subject, line.direction, line.user_id) == ("Offer", Direction.INCOMING, "ana")
    shown = messages.show(world, BEN, line.message_id)
    assert shown.text.strip() == "How are you?"
    state = mailboxes.show(world, ANA, mailbox.id)
    assert (state.sync.phase, state.sync.stored) == ("up to date", 1)
