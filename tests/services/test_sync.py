"""Synchronising a mailbox, with the real provider adapters and their simulated vendors."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec import structs

from infra.simulator import Fault, Simulator
from shared import records
from shared.domain.contacts import Direction
from shared.domain.errors import NotFound
from shared.domain.mailboxes import LIVE, GrantState
from shared.domain.sync import SHARDS, SyncState
from shared.services import schedule
from shared.services.accounts import mailboxes
from shared.services.syncing import engine
from shared.services.timelines import messages
from tests.gremlin import Gremlin, Killed
from tests.vendors import Vendor, without_limits
from tests.world import (
    ANA,
    BEN,
    EVE,
    FakeClock,
    LocalWorld,
    add_contact,
    connect_account,
    disconnect,
    mail,
    settle,
    timeline,
    work,
)


def test_past_mail_of_a_contact_appears_after_connecting(
    world: LocalWorld, simulator: Simulator
) -> None:
    simulator.add_account("ana@example.com")
    simulator.deliver(
        mail("Carl <carl@client.example>", "ana@example.com", "Offer"), to="ana@example.com"
    )
    simulator.deliver(mail("spam@shop.example", "ana@example.com", "Buy"), to="ana@example.com")
    carl = add_contact(world, ANA, "Carl@Client.example")

    mailbox = connect_account(world, ANA, "ana@example.com")
    work(world)

    (line,) = timeline(world, ANA, carl)
    assert (line.subject, line.direction, line.user_id) == ("Offer", Direction.INCOMING, "ana")
    shown = messages.show(world, BEN, line.message_id)
    assert shown.text.strip() == "How are you?"
    state = mailboxes.show(world, ANA, mailbox.id)
    assert (state.sync.phase, state.sync.stored) == (mailboxes.SyncPhase.UP_TO_DATE, 1)


def test_new_mail_both_ways_follows_by_history(world: LocalWorld, simulator: Simulator) -> None:
    simulator.add_account("ana@example.com")
    carl = add_contact(world, ANA, "carl@client.example")
    mailbox = connect_account(world, ANA, "ana@example.com")
    work(world)

    simulator.deliver(mail("carl@client.example", "ana@example.com", "In"), to="ana@example.com")
    sent = mail("ana@example.com", "carl@client.example", "Out")
    simulator.deliver(sent, to="ana@example.com", labels=["SENT"])
    engine.run(world, mailbox.id)

    lines = {line.subject: line.direction for line in timeline(world, ANA, carl)}
    assert lines == {"In": Direction.INCOMING, "Out": Direction.OUTGOING}


@pytest.mark.parametrize("header", ["From", "To", "Cc", "Bcc", "Reply-To"])
def test_a_contact_is_found_in_every_address_header(
    world: LocalWorld, simulator: Simulator, header: str
) -> None:
    simulator.add_account("ana@example.com")
    carl = add_contact(world, ANA, "carl@client.example")
    mailbox = connect_account(world, ANA, "ana@example.com")
    work(world)
    fields = {"From": "x@shop.example", "To": "ana@example.com"} | {header: "CARL@client.example"}
    raw = "\r\n".join(f"{name}: {value}" for name, value in fields.items())
    raw = f"{raw}\r\nSubject: s\r\n\r\nb"
    path = world.folder / "mail.eml"  # loaded, for no delivered mail shows a Bcc
    path.write_text(raw)
    simulator.load("ana@example.com", path)

    engine.run(world, mailbox.id)

    assert len(timeline(world, ANA, carl)) == 1


def test_the_same_task_twice_changes_nothing(world: LocalWorld, simulator: Simulator) -> None:
    simulator.add_account("ana@example.com")
    carl = add_contact(world, ANA, "carl@client.example")
    simulator.deliver(mail("carl@client.example", "ana@example.com"), to="ana@example.com")
    mailbox = connect_account(world, ANA, "ana@example.com")
    work(world)
    before = timeline(world, ANA, carl), mailboxes.show(world, ANA, mailbox.id).sync.stored

    engine.run(world, mailbox.id)
    engine.run(world, mailbox.id)

    after = timeline(world, ANA, carl), mailboxes.show(world, ANA, mailbox.id).sync.stored
    assert after == before


def test_a_contact_added_later_gets_its_past_mail_also_from_mail_stored_for_others(
    world: LocalWorld, simulator: Simulator
) -> None:
    simulator.add_account("ana@example.com")
    both = mail("carl@client.example", "ana@example.com, dora@client.example", "Both")
    simulator.deliver(both, to="ana@example.com")
    simulator.deliver(mail("dora@client.example", "ana@example.com", "Dora"), to="ana@example.com")
    add_contact(world, ANA, "carl@client.example")
    connect_account(world, ANA, "ana@example.com")
    work(world)

    dora = add_contact(world, ANA, "dora@client.example")
    settle(world)

    assert {line.subject for line in timeline(world, ANA, dora)} == {"Both", "Dora"}


def test_a_contact_stamped_before_the_sync_but_committed_after_it_is_not_forgotten(
    world: LocalWorld, simulator: Simulator, clock: FakeClock
) -> None:
    simulator.add_account("ana@example.com")
    simulator.deliver(mail("carl@client.example", "ana@example.com"), to="ana@example.com")
    add_contact(world, ANA, "somebody@client.example")
    mailbox = connect_account(world, ANA, "ana@example.com")
    clock.sleep(10)
    work(world)
    clock.sleep(-5)
    carl = add_contact(world, ANA, "carl@client.example")
    clock.sleep(30)

    engine.run(world, mailbox.id)

    assert len(timeline(world, ANA, carl)) == 1


def test_following_costs_no_import_when_no_contact_is_new(
    world: LocalWorld, simulator: Simulator, vendor: Vendor
) -> None:
    simulator.add_account("ana@example.com")
    add_contact(world, ANA, "carl@client.example")
    mailbox = connect_account(world, ANA, "ana@example.com")
    work(world)
    simulator.meters.reset()

    engine.run(world, mailbox.id)

    assert simulator.meters.read().units == {"ana@example.com": vendor.following}


def test_content_is_fetched_of_matching_mail_only(world: LocalWorld, simulator: Simulator) -> None:
    simulator.add_account("ana@example.com")
    add_contact(world, ANA, "carl@client.example")
    mailbox = connect_account(world, ANA, "ana@example.com")
    work(world)
    private = simulator.deliver(mail("mum@home.example", "ana@example.com"), to="ana@example.com")

    engine.run(world, mailbox.id)

    stored = b"".join(path.read_bytes() for path in world.folder.glob("documents*"))
    assert private.encode() not in stored
    assert b"mum@home.example" not in stored


def test_an_expired_cursor_loses_nothing_that_came_meanwhile(
    world: LocalWorld, simulator: Simulator, clock: FakeClock
) -> None:
    simulator.add_account("ana@example.com")
    carl = add_contact(world, ANA, "carl@client.example")
    mailbox = connect_account(world, ANA, "ana@example.com")
    work(world)
    clock.sleep(14 * 24 * 3600)
    old = datetime(2011, 1, 1, tzinfo=UTC)
    for number in range(5):
        raw = mail("carl@client.example", "ana@example.com", f"Missed {number}", at=old)
        simulator.deliver(raw, to="ana@example.com")
    simulator.expire_history("ana@example.com")

    engine.run(world, mailbox.id)
    simulator.deliver(mail("carl@client.example", "ana@example.com", "New"), to="ana@example.com")
    engine.run(world, mailbox.id)

    subjects = sorted(line.subject for line in timeline(world, ANA, carl))
    assert subjects == [*(f"Missed {number}" for number in range(5)), "New"]


@pytest.mark.parametrize("many", [3, 400])
def test_an_import_finds_all_mail_of_contacts_in_small_and_large_mailboxes(
    world: LocalWorld, simulator: Simulator, many: int
) -> None:
    without_limits(simulator)
    simulator.add_account("ana@example.com")
    contacts = {
        f"c{n}@client.example": add_contact(world, ANA, f"c{n}@client.example") for n in range(12)
    }
    for number in range(many):
        sender = f"c{number % 12}@client.example" if number % 2 else "noise@shop.example"
        simulator.deliver(mail(sender, "ana@example.com", f"Mail {number}"), to="ana@example.com")

    connect_account(world, ANA, "ana@example.com")
    settle(world)

    found = {line.subject for id in contacts.values() for line in timeline(world, ANA, id)}
    assert found == {f"Mail {number}" for number in range(many) if number % 2}


def test_a_large_mailbox_is_searched_not_read(world: LocalWorld, simulator: Simulator) -> None:
    without_limits(simulator)
    simulator.add_account("ana@example.com")
    for number in range(20):
        add_contact(world, ANA, f"c{number}@client.example")
    for number in range(1_000):
        sender = f"c{number % 20}@client.example" if number % 20 == 0 else "noise@shop.example"
        simulator.deliver(mail(sender, "ana@example.com", f"Mail {number}"), to="ana@example.com")
    mailbox = connect_account(world, ANA, "ana@example.com")
    settle(world)

    kept = mailboxes.show(world, ANA, mailbox.id).sync.stored
    units = simulator.meters.read().units["ana@example.com"]
    assert kept == 50
    assert units <= 1.2 * 20 * kept


def test_a_bad_message_is_named_counted_passed_by_and_retried(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, clock: FakeClock
) -> None:
    simulator.add_account("ana@example.com")
    carl = add_contact(world, ANA, "carl@client.example")
    mailbox = connect_account(world, ANA, "ana@example.com")
    work(world)
    for number in range(3):
        simulator.deliver(
            mail("carl@client.example", "ana@example.com", f"{number}"), to="ana@example.com"
        )
    simulator.faults.add(Fault(method=vendor.read, status=400, reason="failed", skip=1, times=1))

    engine.run(world, mailbox.id)
    assert len(timeline(world, ANA, carl)) == 2
    shown = mailboxes.show(world, ANA, mailbox.id).sync
    assert shown.troubled == 1
    assert shown.troubles
    assert shown.troubles[0].reason
    clock.sleep(120)
    engine.run(world, mailbox.id)

    assert len(timeline(world, ANA, carl)) == 3


def test_throttling_waits_without_failing_and_goes_on_where_it_stood(
    world: LocalWorld, simulator: Simulator
) -> None:
    simulator.add_account("ana@example.com")
    carl = add_contact(world, ANA, "carl@client.example")
    for number in range(30):
        raw = mail("carl@client.example", "ana@example.com", f"{number}")
        simulator.deliver(raw, to="ana@example.com")
    simulator.google.limits.units_per_minute = 500
    simulator.microsoft.limits.requests_per_10_minutes = 60
    mailbox = connect_account(world, ANA, "ana@example.com")

    settle(world)

    assert len(timeline(world, ANA, carl)) == 30
    assert mailboxes.show(world, ANA, mailbox.id).state is GrantState.CONNECTED


def test_two_workers_at_once_on_one_mailbox_one_works(
    tmp_path: Path, world: LocalWorld, simulator: Simulator, vendor: Vendor, clock: FakeClock
) -> None:
    simulator.add_account("ana@example.com")
    carl = add_contact(world, ANA, "carl@client.example")
    for number in range(20):
        raw = mail("carl@client.example", "ana@example.com", f"{number}")
        simulator.deliver(raw, to="ana@example.com")
    mailbox = connect_account(world, ANA, "ana@example.com")
    other = LocalWorld(tmp_path, simulator, clock)
    simulator.faults.latency_ms = 20

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda one: engine.run(one, mailbox.id), [world, other]))
    other.backend.close()

    counts = simulator.meters.read().calls
    assert counts[vendor.listing] == 1
    assert counts[vendor.read] == 40
    assert len(timeline(world, ANA, carl)) == 20


def test_a_revoked_grant_stops_the_mailbox_and_reconnecting_starts_it_again(
    world: LocalWorld, simulator: Simulator, vendor: Vendor
) -> None:
    simulator.add_account("ana@example.com")
    carl = add_contact(world, ANA, "carl@client.example")
    mailbox = connect_account(world, ANA, "ana@example.com")
    work(world)
    simulator.revoke_grant("ana@example.com")
    simulator.deliver(mail("carl@client.example", "ana@example.com"), to="ana@example.com")

    engine.run(world, mailbox.id)
    stopped = mailboxes.show(world, ANA, mailbox.id)
    assert (stopped.state, stopped.state_reason) == (GrantState.NEEDS_RECONNECT, vendor.revoked)
    assert stopped.sync.next_sync_at is None

    again = connect_account(world, ANA, "ana@example.com")
    work(world)
    assert (again.id, again.state) == (mailbox.id, GrantState.CONNECTED)
    assert len(timeline(world, ANA, carl)) == 1


TROUBLES: dict[str, Callable[[Vendor], Fault]] = {
    "outage": lambda vendor: Fault(method=vendor.api, status=503, times=7),
    "throttled": lambda vendor: vendor.throttled,
    "token endpoint down": lambda vendor: Fault(
        method=vendor.token, status=500, answer="html", times=3
    ),
    "our client wrong": lambda vendor: Fault(
        method=vendor.token, status=401, reason=vendor.wrong_client, times=3
    ),
    "connections dropped": lambda vendor: Fault(method=vendor.api, drop=True, times=7),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_no_trouble_but_the_providers_final_word_asks_for_a_new_consent(
    world: LocalWorld, simulator: Simulator, vendor: Vendor, trouble: str
) -> None:
    simulator.add_account("ana@example.com")
    carl = add_contact(world, ANA, "carl@client.example")
    simulator.deliver(mail("carl@client.example", "ana@example.com"), to="ana@example.com")
    mailbox = connect_account(world, ANA, "ana@example.com")
    simulator.faults.add(TROUBLES[trouble](vendor))

    work(world)
    assert mailboxes.show(world, ANA, mailbox.id).state in LIVE
    assert mailboxes.show(world, ANA, mailbox.id).sync.last_error
    settle(world)

    assert len(timeline(world, ANA, carl)) == 1
    recovered = mailboxes.show(world, ANA, mailbox.id)
    assert (recovered.state, recovered.sync.last_error) == (GrantState.CONNECTED, "")


def test_two_colleagues_with_the_same_mail_see_it_once(
    world: LocalWorld, simulator: Simulator
) -> None:
    for address in ("ana@example.com", "ben@example.com"):
        simulator.add_account(address)
        raw = mail("carl@client.example", "ana@example.com, ben@example.com", message_id="<1@x>")
        simulator.deliver(raw, to=address)
    carl = add_contact(world, ANA, "carl@client.example")
    connect_account(world, ANA, "ana@example.com")
    connect_account(world, BEN, "ben@example.com")

    work(world)

    assert len(timeline(world, ANA, carl)) == 1


def test_two_mails_that_claim_one_message_id_are_both_kept(
    world: LocalWorld, simulator: Simulator
) -> None:
    simulator.add_account("ana@example.com")
    carl = add_contact(world, ANA, "carl@client.example")
    for body in ("first", "second"):
        raw = mail("carl@client.example", "ana@example.com", body=body, message_id="<same@x>")
        simulator.deliver(raw, to="ana@example.com")
    connect_account(world, ANA, "ana@example.com")

    work(world)

    shown = {messages.show(world, ANA, line.message_id).text for line in timeline(world, ANA, carl)}
    assert shown == {"first", "second"}


def test_a_mail_freed_from_spam_arrives(world: LocalWorld, simulator: Simulator) -> None:
    simulator.add_account("ana@example.com")
    carl = add_contact(world, ANA, "carl@client.example")
    mailbox = connect_account(world, ANA, "ana@example.com")
    work(world)
    raw = mail("carl@client.example", "ana@example.com")
    id = simulator.deliver(raw, to="ana@example.com", labels=["SPAM"])
    engine.run(world, mailbox.id)
    assert timeline(world, ANA, carl) == []

    simulator.relabel("ana@example.com", id, add=["INBOX"], remove=["SPAM"])
    engine.run(world, mailbox.id)

    assert len(timeline(world, ANA, carl)) == 1


def test_another_team_sees_nothing(world: LocalWorld, simulator: Simulator) -> None:
    simulator.add_account("ana@example.com")
    carl = add_contact(world, ANA, "carl@client.example")
    simulator.deliver(mail("carl@client.example", "ana@example.com"), to="ana@example.com")
    mailbox = connect_account(world, ANA, "ana@example.com")
    work(world)
    (line,) = timeline(world, ANA, carl)

    for look in (
        lambda: timeline(world, EVE, carl),
        lambda: messages.show(world, EVE, line.message_id),
        lambda: mailboxes.show(world, EVE, mailbox.id),
        lambda: mailboxes.sync_now(world, EVE, mailbox.id),
        lambda: disconnect(world, EVE, mailbox.id),
    ):
        with pytest.raises(NotFound):
            look()


def test_dispatch_enqueues_every_due_mailbox_once_though_it_dies_in_the_middle(
    world: LocalWorld, clock: FakeClock
) -> None:
    states = records.syncs(world.documents)
    for number in range(1_000):
        state = SyncState(
            mailbox_id=f"m{number}", team_id="t", shard=number % SHARDS, next_sync_at=clock.now()
        )
        states.put(state.mailbox_id, state)
    gremlin = Gremlin(kill_at=7)
    with pytest.raises(Killed):
        schedule.dispatch(gremlin.haunt(world))

    schedule.dispatch(world)

    claimed = world.backend.tasks.claim(["sync_mailbox"], 5_000, timedelta(minutes=1))
    assert sorted(task.body["mailbox_id"] for task in claimed) == sorted(
        f"m{n}" for n in range(1_000)
    )
    assert schedule.dispatch(world) == 0


def test_a_page_token_that_died_between_two_tasks_starts_its_search_again(
    world: LocalWorld, simulator: Simulator, vendor: Vendor
) -> None:
    without_limits(simulator)
    simulator.add_account("ana@example.com")
    carl = add_contact(world, ANA, "carl@client.example")
    for number in range(700):
        raw = mail("carl@client.example", "ana@example.com", f"{number}")
        simulator.deliver(raw, to="ana@example.com")
    mailbox = connect_account(world, ANA, "ana@example.com")
    simulator.faults.add(Fault(method=vendor.api, status=503, times=None, skip=515))
    work(world)
    simulator.faults.clear()
    syncs = records.syncs(world.documents)
    importing = syncs.get(mailbox.id).importing
    assert importing
    assert importing.page
    syncs.update(mailbox.id, importing=structs.replace(importing, page="dead"))

    settle(world)

    assert len(timeline(world, ANA, carl)) == 700


def test_an_outage_that_only_reading_feels_loses_nothing(
    world: LocalWorld, simulator: Simulator, vendor: Vendor
) -> None:
    without_limits(simulator)
    simulator.add_account("ana@example.com")
    carl = add_contact(world, ANA, "carl@client.example")
    mailbox = connect_account(world, ANA, "ana@example.com")
    work(world)
    for number in range(120):
        raw = mail("carl@client.example", "ana@example.com", f"{number}")
        simulator.deliver(raw, to="ana@example.com")
    simulator.faults.add(Fault(method=vendor.read, status=503, times=None))
    for _ in range(6):
        engine.run(world, mailbox.id)
        world.clock.sleep(3600)
    simulator.faults.clear()
    world.clock.sleep(12 * 3600)

    engine.run(world, mailbox.id)

    assert len(timeline(world, ANA, carl)) == 120
    assert mailboxes.show(world, ANA, mailbox.id).sync.troubles == []
