"""A simulator with a data folder goes on after a restart as if nothing had happened."""

from pathlib import Path

import pytest

from infra.simulator import CLIENT_ID, Simulator
from tests.simulator.people import ANA, BEN, Person, Program, mail
from tests.world import FakeClock


def test_accounts_mail_history_drafts_grants_and_tokens_survive(
    tmp_path: Path, clock: FakeClock
) -> None:
    with Simulator.start(data=tmp_path, clock=clock) as first:
        first.add_account(ANA, name="Ana")
        first.add_account(BEN)
        tokens = Person(first).sign_in()
        with Program(first, tokens["access_token"]) as ana:
            start = ana.read("/profile")["historyId"]
            key = first.deliver(mail("Kept"), to=ANA)
            ana.send(mail(sender=ANA, to="carl@client.example"))
            draft = ana.draft(mail("Draft", sender=ANA, to=BEN))
            before = (ana.read(f"/messages/{key}"), ana.read("/history", startHistoryId=start))
        granted = first.google.tokens.granted(ANA, CLIENT_ID)

    with Simulator.start(data=tmp_path, clock=clock) as second:
        with Program(second, tokens["access_token"]) as ana:
            after = (ana.read(f"/messages/{key}"), ana.read("/history", startHistoryId=start))
            assert after == before
            assert ana.post("/drafts/send", id=draft["id"]).status_code == 200
        assert Person(second).refresh(tokens["refresh_token"]).status_code == 200
        assert second.google.tokens.granted(ANA, CLIENT_ID) == granted
        assert [left.to for left in second.left()] == ["carl@client.example"]
        assert [message.facts.sender for message in second.messages(BEN)] == [ANA]


def test_what_was_revoked_forgotten_or_deleted_stays_so(tmp_path: Path, clock: FakeClock) -> None:
    with Simulator.start(data=tmp_path, clock=clock) as first:
        first.add_account(ANA)
        revoked = Person(first).sign_in()["refresh_token"]
        first.revoke_grant(ANA)
        live = Person(first).sign_in()
        key = first.deliver(mail(), to=ANA)
        with Program(first, live["access_token"]) as ana:
            start = ana.read("/profile")["historyId"]
        first.delete(ANA, key)
        first.expire_history(ANA)

    with Simulator.start(data=tmp_path, clock=clock) as second:
        assert Person(second).refresh(revoked).status_code == 400
        with Program(second, live["access_token"]) as ana:
            assert ana.get("/history", startHistoryId=start).status_code == 404
            assert ana.ids() == []
            assert second.deliver(mail(), to=ANA) != key


def test_after_a_restart_the_oldest_refresh_token_is_still_the_oldest(
    tmp_path: Path, clock: FakeClock
) -> None:
    with Simulator.start(data=tmp_path, clock=clock) as first:
        first.add_account(ANA)
        tokens = [Person(first).sign_in()["refresh_token"] for _ in range(5)]
        assert Person(first).refresh(tokens[0]).status_code == 200

    with Simulator.start(data=tmp_path, clock=clock) as second:
        second.google.limits.refresh_tokens_per_client = 3
        Person(second).sign_in()
        statuses = [Person(second).refresh(token).status_code for token in tokens]

    assert statuses == [400, 400, 400, 200, 200]


def test_without_a_folder_nothing_is_kept(clock: FakeClock) -> None:
    with Simulator.start(clock=clock) as first:
        first.add_account(ANA)
    with Simulator.start(clock=clock) as second:
        assert second.office.accounts() == []


def test_a_folder_in_use_by_another_is_refused(tmp_path: Path, clock: FakeClock) -> None:
    with Simulator.start(data=tmp_path, clock=clock) as first:
        with pytest.raises(OSError, match="locked"):
            Simulator.start(data=tmp_path, clock=clock)
        first.add_account(ANA)

    with Simulator.start(data=tmp_path, clock=clock) as second:
        assert [account.address for account in second.office.accounts()] == [ANA]
