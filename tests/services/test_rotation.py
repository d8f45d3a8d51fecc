"""Refresh tokens that change with every use: the newest is never lost, and a secret seldom written."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from infra.simulator import Simulator
from shared import records
from shared.domain.errors import GrantRevoked
from shared.domain.mailboxes import GrantState, Mailbox
from shared.ports.providers import Credential, Providers
from shared.services.accounts import tokens
from tests.gremlin import Gremlin, Killed
from tests.world import ANA, FakeClock, LocalWorld, connect_account

HOUR = 3_600


class Rotating:
    """`ports.Provider` and its OAuth, as far as the vault asks for them: each refresh brings another
    refresh token. `strict`: only the newest works, and once."""

    def __init__(self, first: str, *, strict: bool) -> None:
        self.oauth = self
        self.strict = strict
        self.good = {first}
        self.used: list[str] = []
        self.claims: list[str] = []

    def get(self, _: str) -> "Rotating":
        return self

    def refresh(self, refresh_token: str, *, claims: str = "") -> Credential:
        self.used.append(refresh_token)
        self.claims.append(claims)
        if refresh_token not in self.good:
            raise GrantRevoked("No.", reason="invalid_grant")
        number = len(self.used)
        self.good = {f"rotated-{number}"} | (set() if self.strict else self.good)
        return Credential(f"at{number}", HOUR, f"rotated-{number}")


class World(LocalWorld):
    providers: Providers


@pytest.fixture
def mailbox(world: LocalWorld, simulator: Simulator) -> Mailbox:
    simulator.add_account("ana@example.com")
    made = connect_account(world, ANA, "ana@example.com")
    return records.mailboxes(world.documents, "acme").get(made.id)


def rotating(world: LocalWorld, mailbox: Mailbox, *, strict: bool = False) -> Rotating:
    """`world` with such a provider in place of the real one."""
    provider = Rotating(tokens.read(world, mailbox.id) or "", strict=strict)
    cast("World", world).providers = cast("Providers", provider)
    return provider


def hourly(world: LocalWorld, mailbox: Mailbox, hours: int) -> Sequence[bytes | None]:
    """Asks for a token every hour, each time as another instance; the secrets there were."""
    name, secrets = tokens.secret_name(mailbox.id), list[bytes | None]()
    for _ in range(hours):
        world.clock.sleep(HOUR)
        tokens.Tokens(world, mailbox).token()
        if (secret := world.secrets.get(name)) not in secrets:
            secrets.append(secret)
    return secrets


def test_the_newest_token_is_the_one_that_is_used(world: LocalWorld, mailbox: Mailbox) -> None:
    provider = rotating(world, mailbox, strict=True)
    hourly(world, mailbox, 60)
    assert len(provider.used) == 60
    assert provider.used[1:] == [f"rotated-{n}" for n in range(1, 60)]


def test_the_secret_is_written_at_most_once_a_day(world: LocalWorld, mailbox: Mailbox) -> None:
    provider = rotating(world, mailbox)
    secrets = hourly(world, mailbox, 24 * 10)
    assert len(provider.used) == 240
    assert 9 <= len(secrets) <= 11


def test_a_provider_that_keeps_its_token_causes_no_write(
    world: LocalWorld, mailbox: Mailbox
) -> None:
    if mailbox.provider != "google":
        pytest.skip("its tokens change")
    assert len(hourly(world, mailbox, 50)) == 1


def test_the_token_in_the_secret_goes_on_working_if_the_document_is_lost(
    world: LocalWorld, mailbox: Mailbox
) -> None:
    rotating(world, mailbox)
    hourly(world, mailbox, 30)
    tokens.forget_access(world, mailbox.id)
    assert tokens.Tokens(world, mailbox).token()


def test_a_new_consent_makes_what_was_rotated_void(world: LocalWorld, mailbox: Mailbox) -> None:
    provider = rotating(world, mailbox)
    hourly(world, mailbox, 3)
    provider.good = {"of a new consent"}
    tokens.store(world, mailbox, "of a new consent")
    assert tokens.Tokens(world, mailbox).token()
    assert provider.used[-1] == "of a new consent"
    assert len(provider.used) == 4, "the old ones are not even tried"


def test_a_new_consent_counts_though_its_worker_died_before_forgetting_the_old_one(
    world: LocalWorld, mailbox: Mailbox
) -> None:
    provider = rotating(world, mailbox)
    hourly(world, mailbox, 3)
    provider.good = {"of a new consent"}
    with pytest.raises(Killed):
        tokens.store(Gremlin(kill_at=2).haunt(world), mailbox, "of a new consent")
    world.clock.sleep(HOUR)
    assert tokens.Tokens(world, mailbox).token()
    assert provider.used[3:] == ["of a new consent"]


def test_no_end_is_believed_before_every_token_is_refused(
    world: LocalWorld, mailbox: Mailbox
) -> None:
    provider = rotating(world, mailbox)
    stored = tokens.read(world, mailbox.id)
    hourly(world, mailbox, 2)
    provider.good = {stored or ""}
    world.clock.sleep(HOUR)
    assert tokens.Tokens(world, mailbox).token()
    assert provider.used[-2:] == ["rotated-2", stored]

    provider.good = set()
    world.clock.sleep(HOUR)
    with pytest.raises(GrantRevoked):
        tokens.Tokens(world, mailbox).token()
    marked = records.mailboxes(world.documents, "acme").get(mailbox.id)
    assert marked.state is GrantState.NEEDS_RECONNECT


@pytest.mark.parametrize("after_hours", [2, 30], ids=["rotated", "stored"])
def test_death_at_any_point_of_a_refresh_loses_no_grant(
    world: LocalWorld, mailbox: Mailbox, clock: FakeClock, after_hours: int
) -> None:
    provider = rotating(world, mailbox)
    hourly(world, mailbox, after_hours)
    deaths = 0
    for kill_at in range(1, 40):
        clock.sleep(30 * HOUR if after_hours > 24 else HOUR)
        gremlin = Gremlin(kill_at)
        haunted = gremlin.haunt(world)
        try:
            tokens.Tokens(haunted, mailbox).token()
        except Killed:
            deaths += 1
            assert tokens.Tokens(world, mailbox).token()
        else:
            break
    assert deaths > (5 if after_hours > 24 else 3)
    assert provider.used


def test_a_claims_challenge_reaches_the_provider(world: LocalWorld, mailbox: Mailbox) -> None:
    provider = rotating(world, mailbox)
    source = tokens.Tokens(world, mailbox)
    challenge = '{"access_token": {"nbf": {"essential": true}}}'
    tokens.forget_access(world, mailbox.id)
    refused = source.token()
    assert source.replace(refused, claims=challenge) != refused
    assert provider.claims == ["", challenge]


def test_nothing_of_a_rotated_token_lies_readable_in_a_document(
    tmp_path: Path, world: LocalWorld, mailbox: Mailbox
) -> None:
    rotating(world, mailbox)
    hourly(world, mailbox, 3)
    assert not any(b"rt3" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()), (
        "rt3 is in the clear"
    )
