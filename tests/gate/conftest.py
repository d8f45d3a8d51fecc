"""One stage for all that asks; the requests of each test are undone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from infra.simulator import Simulator
from tests.gate.stage import Stage
from tests.issuers import auth_settings, new_issuer, published
from tests.world import FakeClock, LocalWorld, settings


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("gate")
    clock = FakeClock()
    with Simulator.start(clock=clock) as simulator, published(new_issuer(folder)) as keys:
        world = LocalWorld(folder, simulator, clock)
        auth = structs.asdict(auth_settings(new_issuer(folder), keys))
        chosen = {name: auth[name] for name in ("auth_issuer", "auth_audience", "auth_jwks_url")}
        world.settings = structs.replace(
            settings(simulator),
            user_requests_per_minute=10**6,
            team_requests_per_minute=10**6,
            **chosen,
        )
        yield Stage(world, new_issuer(folder))
        world.backend.close()
