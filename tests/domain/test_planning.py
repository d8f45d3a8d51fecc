"""The sync planner: which step comes next, and which mail is taken."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.domain import planning
from shared.domain.mail import Address, Envelope
from shared.domain.planning import Step
from shared.domain.sync import Stage, SyncState, Why

NOW = datetime(2026, 11, 22, tzinfo=UTC)
OWN = "ana@example.com"

addresses = st.sampled_from([OWN, "carl@x.example", "dora@x.example", "noise@shop.example"])
parties = st.lists(addresses.map(Address), max_size=3).map(tuple)
contacts = st.dictionaries(
    addresses, st.lists(st.sampled_from("123"), min_size=1, unique=True).map(tuple)
)
envelopes = st.builds(
    Envelope,
    provider_id=st.uuids().map(str),
    at=st.just(NOW),
    sender=parties,
    to=parties,
    cc=parties,
    bcc=parties,
    reply_to=parties,
    ignored=st.sampled_from(["", "", "spam", "draft"]),
)


def state(**fields: object) -> SyncState:
    return SyncState(mailbox_id="m", team_id="t", shard=0, next_sync_at=NOW, **fields)  # type: ignore[arg-type]


@given(st.lists(envelopes, max_size=20), contacts)
def test_a_page_is_planned_mail_by_mail(
    page: list[Envelope], known: dict[str, tuple[str, ...]]
) -> None:
    alone = [planning.plan_page([one], known, OWN) for one in page]
    merged = {id: found for plan in alone for id, found in plan.items()}
    assert planning.plan_page(page, known, OWN) == merged


@given(envelopes, contacts)
def test_mail_is_taken_exactly_for_the_contacts_in_it(
    envelope: Envelope, known: dict[str, tuple[str, ...]]
) -> None:
    taken = planning.plan_page([envelope], known, OWN).get(envelope.provider_id, ())
    expected = {
        contact
        for party in envelope.participants()
        for contact in known.get(party.address, ())
        if party.address != OWN and not envelope.ignored
    }
    assert set(taken) == expected
    assert len(set(taken)) == len(taken)


def test_the_mailboxs_own_address_never_matches() -> None:
    envelope = Envelope(provider_id="1", at=NOW, sender=(Address(OWN),), to=(Address(OWN),))
    assert planning.plan_page([envelope], {OWN: ("c",)}, OWN) == {}


def test_an_import_under_way_comes_first_then_a_missing_cursor_then_changes() -> None:
    fresh = state()
    assert planning.next_step(fresh, new_addresses=False) is Step.BEGIN
    fresh.importing = planning.begin_import(fresh, now=NOW, cursor="7")
    assert planning.next_step(fresh, new_addresses=True) is Step.IMPORT
    planning.finish_import(fresh)
    assert planning.next_step(fresh, new_addresses=False) is Step.FOLLOW
    assert planning.next_step(fresh, new_addresses=True) is Step.BEGIN


def test_a_finished_import_goes_on_from_the_cursor_taken_before_it() -> None:
    fresh = state()
    fresh.importing = planning.begin_import(fresh, now=NOW, cursor="7", recent=["a"])
    planning.finish_import(fresh)
    assert (fresh.cursor, fresh.covered_through, fresh.covered_recent) == ("7", NOW, ("a",))


def test_an_import_for_new_contacts_skips_no_change() -> None:
    following = state(cursor="7", covered_through=NOW)
    following.importing = planning.begin_import(following, now=NOW, cursor=None)
    assert following.importing.why is Why.CONTACTS
    planning.finish_import(following)
    assert following.cursor == "7"


def test_an_expired_cursor_looks_at_the_window_before_it_searches() -> None:
    stale = state(cursor="7", last_good_at=NOW)
    importing = planning.begin_import(stale, now=NOW, cursor="9", expired=True)
    stages = [importing.stage]
    while stage := planning.next_stage(importing, listed_all=importing.stage is not Stage.ALL):
        importing.stage = stage
        stages.append(stage)
    assert stages == [Stage.ALL, Stage.WINDOW, Stage.SEARCH]
    assert importing.since is not None
    assert importing.since < NOW


def test_a_mailbox_seen_whole_needs_no_search() -> None:
    importing = planning.begin_import(state(), now=NOW, cursor="9")
    assert planning.next_stage(importing, listed_all=True) is None


def test_only_addresses_not_covered_are_looked_for() -> None:
    following = state(cursor="7", covered_through=NOW, covered_recent=("old",))
    assert planning.uncovered(following, ["old", "late"]) == ["late"]
    assert planning.addresses_floor(following) == NOW - planning.OVERLAP


def test_a_first_import_looks_for_every_address() -> None:
    fresh = state(covered_through=NOW - timedelta(days=1), covered_recent=("old",))
    fresh.importing = planning.begin_import(fresh, now=NOW, cursor="9")
    assert planning.addresses_floor(fresh) is None
    assert planning.uncovered(fresh, ["old"]) == ["old"]
