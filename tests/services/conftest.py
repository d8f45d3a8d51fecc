"""Every test of a service runs once for each provider."""

from collections.abc import Iterator

import pytest

from infra.simulator import Simulator
from shared.providers.registry import PROVIDERS
from tests.vendors import VENDORS, OneVendor, Vendor
from tests.world import FakeClock


@pytest.fixture(params=PROVIDERS)
def vendor(request: pytest.FixtureRequest) -> Vendor:
    return VENDORS[request.param]


@pytest.fixture
def simulator(clock: FakeClock, vendor: Vendor) -> Iterator[Simulator]:
    with OneVendor.start(clock=clock) as running:
        assert isinstance(running, OneVendor)
        running.vendor = vendor
        yield running
