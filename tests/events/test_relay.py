"""Events reach destinations: each at least once, in order per subject, whatever receivers and workers do."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import count
from pathlib import Path
from threading import Thread

import msgspec
import pytest

from infra.simulator import Simulator
from shared import records
from shared.domain.destinations import GIVEN_UP, LIVE, DestinationState, Lane
from shared.domain.errors import ProviderUnavailable
from shared.domain.events import OVERLAP
from shared.domain.mailboxes import Visibility
from shared.ports.destinations import Outcome, Verdict
from shared.ports.tasks import Task
from shared.services import sweep
from shared.services.events import destinations, relay
from shared.services.events.destinations import DestinationChange, ReplayRequest
from shared.services.paging import PageQuery
from tests.events.receiving import (
    ADMIN,
    DOWN,
    GONE,
    REFUSES,
    TOOK,
    Scripted,
    Told,
    a_destination,
    happen,
    installed,
)
from tests.gremlin import Gremlin, Killed
from tests.world import ANA, FakeClock, LocalWorld, add_contact, connect_account, mail, settle, work


@pytest.fixture
def receiver(world: LocalWorld) -> Scripted:
    return installed(world)


def lane(world: LocalWorld, destination: str) -> Lane:
    return records.lanes(world.documents, "acme", destination).get(LIVE)


def pass_time(world: LocalWorld, until: timedelta) -> None:
    """With the schedule and all tasks."""
    end = world.clock.now() + until
    while world.clock.now() < end:
        work(world)
        world.clock.sleep(min(60.0, until.total_seconds() / 20))
        sweep.run(world)
    work(world)


def dead(world: LocalWorld, destination: str) -> list[destinations.DeadLetter]:
    return destinations.dead_letters(world, ADMIN, destination, PageQuery()).dead_letters


def in_order(got: list[tuple[str, int]]) -> bool:
    """Per subject, and again from any earlier one after a repetition."""
    last: dict[str, int] = defaultdict(int)
    for subject, number in got:
        if number > last[subject] + 1:
            return False
        last[subject] = number
    return True


# -- the plain way ------------------------------------------------------------------------------------


def test_an_event_is_there_at_once_by_its_own_hint(world: LocalWorld, receiver: Scripted) -> None:
    a_destination(world)
    work(world)
    happen(world, "/contacts/a")
    work(world)
    assert receiver.got() == [("/contacts/a", 1)]
    (told,) = receiver.told
    assert told.event["specversion"] == "1.0"
    assert told.event.keys().isdisjoint({"aftergap", "replayed"})


def test_each_is_sent_once_while_nothing_goes_wrong(world: LocalWorld, receiver: Scripted) -> None:
    a_destination(world)
    for number in range(1, 6):
        happen(world, *(f"/contacts/{one}" for one in range(40)), sequence=number)
        work(world)
    pass_time(world, timedelta(minutes=5))
    got = receiver.got()
    assert len(got) == len(set(got)) == 200
    assert in_order(got)


def test_only_what_it_wants_and_only_while_it_is_enabled(
    world: LocalWorld, receiver: Scripted
) -> None:
    a_destination(world, "https://all")
    emails = a_destination(world, "https://emails", types=("import",))
    happen(world, "/contacts/a")
    happen(world, "/mailboxes/m/imports/mail", type="import.progress")
    work(world)
    assert receiver.got("https://emails") == [("/mailboxes/m/imports/mail", 1)]
    assert len(receiver.got("https://all")) == 2
    destinations.change(world, ADMIN, emails, DestinationChange(state="paused"))
    happen(world, "/mailboxes/m/imports/mail", sequence=2, type="import.progress")
    pass_time(world, timedelta(minutes=5))
    assert len(receiver.got("https://emails")) == 1
    destinations.change(world, ADMIN, emails, DestinationChange(state="enabled"))
    work(world)
    assert receiver.got("https://emails")[1:] == [("/mailboxes/m/imports/mail", 2)]


def test_a_lost_hint_is_made_up_for_within_a_minute_or_two(
    world: LocalWorld, receiver: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_destination(world)
    work(world)

    def down(*tasks: Task) -> None:
        raise ProviderUnavailable(f"The queue is away, with {tasks}.")

    with monkeypatch.context() as patched:
        patched.setattr(world.backend.tasks, "enqueue", down)
        happen(world, "/contacts/a")  # and nobody who wrote it hears of the queue
    pass_time(world, timedelta(minutes=2))
    assert receiver.got() == [("/contacts/a", 1)]


def test_many_events_make_few_tasks(world: LocalWorld, receiver: Scripted) -> None:
    a_destination(world)
    work(world)
    happen(world, *(f"/contacts/{one}" for one in range(50)))
    assert world.backend.tasks.counts().due == 1
    work(world)
    assert len(receiver.got()) == 50


def test_a_team_without_destinations_makes_no_task(world: LocalWorld) -> None:
    happen(world, "/contacts/a")
    counts = world.backend.tasks.counts()
    assert counts.due + counts.later == 0


# -- receivers in trouble -----------------------------------------------------------------------------


def test_a_receiver_that_is_down_pauses_and_gets_all_later(
    world: LocalWorld, receiver: Scripted
) -> None:
    one = a_destination(world)
    receiver.answer = lambda _: DOWN
    happen(world, "/contacts/a", "/contacts/b")
    work(world)
    shown = destinations.show(world, ADMIN, one)
    assert shown.paused_until is not None
    assert (shown.state, shown.backlog) == (DestinationState.ENABLED, 2)
    pass_time(world, timedelta(hours=30))
    tries = len(receiver.asked)
    assert tries < 40
    receiver.answer = lambda _: TOOK
    pass_time(world, timedelta(hours=7))
    assert sorted(receiver.got()) == [("/contacts/a", 1), ("/contacts/b", 1)]
    shown = destinations.show(world, ADMIN, one)
    assert (shown.failing_since, shown.paused_until, shown.backlog) == (None, None, 0)
    assert dead(world, one) == []


def test_it_is_left_alone_as_long_as_it_asks(world: LocalWorld, receiver: Scripted) -> None:
    a_destination(world)
    receiver.answer = lambda _: Outcome(Verdict.DOWN, "429", retry_after=3600)
    happen(world, "/contacts/a")
    pass_time(world, timedelta(minutes=50))
    assert len(receiver.asked) == 1


def test_one_that_is_down_delays_no_other(world: LocalWorld, receiver: Scripted) -> None:
    a_destination(world, "https://down")
    a_destination(world, "https://up")
    receiver.answer = lambda told: DOWN if told.address == "https://down" else TOOK
    happen(world, "/contacts/a")
    work(world)
    assert receiver.got("https://up") == [("/contacts/a", 1)]


def test_after_three_days_it_is_disabled_and_an_event_says_so(
    world: LocalWorld, receiver: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    one = a_destination(world, "https://down")
    other = a_destination(world, "https://up", types=("destination",))
    receiver.answer = lambda told: DOWN if told.address == "https://down" else TOOK
    happen(world, "/contacts/a")
    for _ in range(20):
        work(world)
        world.clock.sleep(GIVEN_UP.total_seconds() / 10)
    shown = destinations.show(world, ADMIN, one)
    assert (shown.state, shown.reason) == (DestinationState.DISABLED, "down")
    pass_time(world, timedelta(minutes=2))
    (told,) = receiver.told
    assert told.address == "https://up"
    assert told.event["type"] == "destination.disabled"
    assert told.event["data"] == {"destination_id": one, "state": "disabled", "reason": "down"}
    assert '"destination disabled"' in capsys.readouterr().err
    assert destinations.show(world, ADMIN, other).state is DestinationState.ENABLED


def test_one_that_is_gone_is_disabled_at_once_and_can_be_enabled_again(
    world: LocalWorld, receiver: Scripted
) -> None:
    one = a_destination(world)
    receiver.answer = lambda _: GONE
    happen(world, "/contacts/a")
    pass_time(world, timedelta(hours=1))
    assert len(receiver.asked) == 1
    assert destinations.show(world, ADMIN, one).reason == "gone"
    receiver.answer = lambda _: TOOK
    destinations.change(world, ADMIN, one, DestinationChange(state="enabled"))
    work(world)
    assert receiver.got()[0] == ("/contacts/a", 1)


# -- events that are refused --------------------------------------------------------------------------


def test_a_refused_event_is_tried_five_times_in_ten_minutes_while_others_go_on(
    world: LocalWorld, receiver: Scripted
) -> None:
    one = a_destination(world)
    receiver.answer = lambda told: REFUSES if told.what == ("/contacts/bad", 1) else TOOK
    happen(world, "/contacts/bad", "/contacts/good")
    happen(world, "/contacts/bad", sequence=2)
    work(world)
    assert receiver.got() == [("/contacts/good", 1)]
    assert destinations.show(world, ADMIN, one).retrying == 2
    happen(world, "/contacts/good", sequence=2)
    work(world)
    assert receiver.got() == [("/contacts/good", 1), ("/contacts/good", 2)]
    pass_time(world, timedelta(minutes=11))
    assert [told.what for told in receiver.asked].count(("/contacts/bad", 1)) == 5
    (letter,) = dead(world, one)
    assert (letter.subject, letter.answer) == ("/contacts/bad", "422 no")
    assert receiver.told[-1].what == ("/contacts/bad", 2)
    assert receiver.told[-1].event["aftergap"] is True
    happen(world, "/contacts/bad", sequence=3)
    work(world)
    assert receiver.told[-1].event["aftergap"] is True
    shown = destinations.show(world, ADMIN, one)
    assert (shown.state, shown.retrying) == (DestinationState.ENABLED, 0)


def test_a_dead_letter_is_sent_again_when_an_admin_says_so(
    world: LocalWorld, receiver: Scripted
) -> None:
    one = a_destination(world)
    receiver.answer = lambda _: REFUSES
    happen(world, "/contacts/bad")
    pass_time(world, timedelta(minutes=11))
    (letter,) = dead(world, one)
    receiver.answer = lambda _: TOOK
    destinations.send_again(world, ADMIN, one, letter.id)
    work(world)
    assert receiver.got() == [("/contacts/bad", 1)]
    happen(world, "/contacts/bad", sequence=2)
    work(world)
    assert "aftergap" not in receiver.told[-1].event
    assert dead(world, one) == []
    assert lane(world, one).waiting == 0


def test_one_who_refuses_everything_is_read_no_further_than_we_can_hold(
    world: LocalWorld, receiver: Scripted
) -> None:
    one = a_destination(world)
    receiver.answer = lambda _: REFUSES
    happen(world, *(f"/contacts/{number}" for number in range(400)))
    work(world)
    assert lane(world, one).waiting <= relay.WAITING + relay.PAGE
    pass_time(world, timedelta(minutes=45))
    assert destinations.show(world, ADMIN, one).backlog == 0
    assert len({told.what for told in receiver.asked}) == 400


def test_letters_that_became_too_old_are_not_waited_for(
    world: LocalWorld, receiver: Scripted
) -> None:
    one = a_destination(world)
    receiver.answer = lambda _: REFUSES
    happen(world, "/contacts/a", "/contacts/b")
    work(world)
    assert lane(world, one).waiting == 2
    letters = records.letters(world.documents, "acme", one)
    for id in letters.ids():  # as the store does when they expire
        letters.delete(id)
    pass_time(world, timedelta(minutes=5))
    assert lane(world, one).waiting == 0
    receiver.answer = lambda _: TOOK
    happen(world, "/contacts/a", sequence=2)
    work(world)
    assert receiver.got() == [("/contacts/a", 2)]


# -- replay -------------------------------------------------------------------------------------------


def test_a_replay_goes_beside_what_happens_now_and_is_marked(
    world: LocalWorld, receiver: Scripted
) -> None:
    since = world.clock.now()
    one = a_destination(world)
    for number in range(1, 4):
        happen(world, "/contacts/a", "/contacts/b", sequence=number)
    pass_time(world, timedelta(minutes=2))
    receiver.told.clear()
    shown = destinations.replay(world, ADMIN, one, ReplayRequest(since))
    assert shown.replaying
    world.clock.sleep(1)
    happen(world, "/contacts/a", sequence=4)
    pass_time(world, timedelta(minutes=4))
    again = [told.what for told in receiver.told if told.event.get("replayed")]
    assert sorted(again) == sorted((f"/contacts/{x}", n) for x in "ab" for n in (1, 2, 3))
    assert in_order(again)
    assert [one.what for one in receiver.told if "replayed" not in one.event] == [
        ("/contacts/a", 4)
    ]
    assert not destinations.show(world, ADMIN, one).replaying


# -- what is published --------------------------------------------------------------------------------


def test_mail_of_hidden_mailboxes_and_private_threads_does_not_leave(
    world: LocalWorld, receiver: Scripted, simulator: Simulator
) -> None:
    a_destination(world)
    add_contact(world, ANA, "carl@client.example")
    for account, visibility in [
        ("ana@example.com", Visibility.NOTHING),
        ("open@example.com", Visibility.METADATA),
    ]:
        simulator.add_account(account)
        simulator.deliver(mail("carl@client.example", account, f"To {account}"), to=account)
        connect_account(world, ANA, account, visibility=visibility)
        settle(world)
    activities = [one for one in receiver.told if one.event["type"].startswith("activity")]
    assert len({one.event["subject"] for one in activities}) == 1
    assert {one.event["type"].partition(".")[0] for one in receiver.told} >= {"mailbox", "import"}


# -- killed, anywhere ---------------------------------------------------------------------------------


class Worlds:
    def __init__(self, folder: Path, simulator: Simulator, clock: FakeClock) -> None:
        self._folder, self._simulator, self._clock = folder, simulator, clock
        self._numbers = count()
        self._open: list[LocalWorld] = []

    def fresh(self) -> LocalWorld:
        made = LocalWorld(self._folder / str(next(self._numbers)), self._simulator, self._clock)
        self._open.append(made)
        return made

    def close(self) -> None:
        for one in self._open:
            one.backend.close()


@pytest.fixture
def worlds(tmp_path: Path, simulator: Simulator, clock: FakeClock) -> Iterator[Worlds]:
    made = Worlds(tmp_path, simulator, clock)
    yield made
    made.close()


def first(*outcomes: Outcome) -> Callable[[Told], Outcome]:
    """These in turn, then all is taken."""
    left = list(outcomes)
    return lambda _: left.pop(0) if left else TOOK


SCRIPTS = {
    "200": (),
    "500": (TOOK, DOWN),
    "reset": (DOWN, TOOK, DOWN),
    "400 once": (REFUSES,),
    "400 then 500": (TOOK, REFUSES, DOWN),
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_relay_that_dies_anywhere_repeats_and_never_skips(worlds: Worlds, script: str) -> None:
    deaths = 0
    for kill_at in count(1):
        world = worlds.fresh()
        receiver = installed(world)
        receiver.answer = first(*SCRIPTS[script])
        one = a_destination(world)
        work(world)
        for number in (1, 2):
            happen(world, "/contacts/a", "/contacts/b", sequence=number)
        gremlin = Gremlin(kill_at)
        with suppress(Killed):
            relay.run(gremlin.haunt(world), relay.RelayTask("acme", one))
        if gremlin.points < kill_at:
            break
        deaths += 1
        happen(world, "/contacts/a", sequence=3)
        pass_time(world, timedelta(minutes=12))
        expected = {(f"/contacts/{x}", n) for x in "ab" for n in (1, 2)} | {("/contacts/a", 3)}
        assert set(receiver.got()) == expected, f"killed at {kill_at}"
        assert in_order(receiver.got()), f"killed at {kill_at}: {receiver.got()}"
        assert (dead(world, one), lane(world, one).waiting) == ([], 0)
    assert deaths >= 6


def test_a_timeout_after_the_effect_is_a_repetition_of_the_same_id(
    world: LocalWorld, receiver: Scripted
) -> None:
    a_destination(world)
    taken: list[str] = []

    def slow_once(told: Told) -> Outcome:
        taken.append(told.event["id"])
        return DOWN if len(taken) == 1 else TOOK

    receiver.answer = slow_once
    happen(world, "/contacts/a")
    pass_time(world, timedelta(minutes=2))
    assert len(taken) == 2
    assert len(set(taken)) == 1


def test_two_relays_at_once_send_nothing_twice(world: LocalWorld, receiver: Scripted) -> None:
    one = a_destination(world)
    happen(world, *(f"/contacts/{number}" for number in range(60)))
    runs = [Thread(target=relay.run, args=(world, relay.RelayTask("acme", one))) for _ in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    pass_time(world, timedelta(minutes=2))
    assert sorted(receiver.got()) == sorted({(f"/contacts/{n}", 1) for n in range(60)})


def test_whoever_lost_the_lease_writes_nothing_more(world: LocalWorld, receiver: Scripted) -> None:
    """It sleeps in the middle of sending; somebody else does the work meanwhile."""
    one = a_destination(world)
    asleep: list[bool] = []

    def answer(_: Told) -> Outcome:
        if not asleep:
            asleep.append(True)
            world.clock.sleep(relay.LEASE.total_seconds() + 1)
            receiver._lock.release()  # the other one sends too
            relay.run(world, relay.RelayTask("acme", one))
            receiver._lock.acquire()
        return TOOK

    receiver.answer = answer
    happen(world, "/contacts/a")
    relay.run(world, relay.RelayTask("acme", one))
    assert set(receiver.got()) == {("/contacts/a", 1)}
    happen(world, "/contacts/a", sequence=2)
    pass_time(world, OVERLAP * 3)
    assert receiver.got()[-1] == ("/contacts/a", 2)
    assert lane(world, one).held.fence >= 2


def test_a_deleted_destination_is_told_nothing_and_leaves_nothing(
    world: LocalWorld, receiver: Scripted
) -> None:
    one = a_destination(world)
    receiver.answer = lambda _: REFUSES
    happen(world, "/contacts/a")
    work(world)
    destinations.delete(world, ADMIN, one)
    asked = len(receiver.asked)
    pass_time(world, timedelta(minutes=5))
    assert len(receiver.asked) == asked
    assert records.letters(world.documents, "acme", one).ids() == []


def test_nothing_that_anybody_wrote_leaves_or_is_kept_or_logged(
    world: LocalWorld,
    receiver: Scripted,
    simulator: Simulator,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Canaries in every address, name, subject and text, and in what the endpoint says."""
    one = a_destination(world)
    receiver.answer = lambda _: Outcome(Verdict.REFUSED, "400 canary-answer")
    simulator.add_account("ana@canary.example")
    add_contact(world, ANA, "canary-1@client.example")
    sender, to = '"Canary Two" <canary-1@client.example>', "ana@canary.example"
    simulator.deliver(mail(sender, to, "canary three", "canary four"), to=to)
    connect_account(world, ANA, to)
    settle(world)
    pass_time(world, timedelta(minutes=11))
    assert len(dead(world, one)) > 2
    told = msgspec.json.encode([asked.event for asked in receiver.asked]).lower()
    kept = [
        letter.event for letter in records.letters(world.documents, "acme", one).page(limit=500)[0]
    ]
    assert kept
    for text in (told, msgspec.json.encode(kept).lower(), capsys.readouterr().err.lower().encode()):
        assert b"canary" not in text
