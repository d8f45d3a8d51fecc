"""What the simulator's own tests share."""

from collections.abc import Iterator

import pytest

from infra.simulator import Simulator
from tests.simulator.people import ANA, Program, program


@pytest.fixture
def ana(simulator: Simulator) -> Iterator[Program]:
    """A program that may do everything with Ana's mailbox, with no quota in its way."""
    simulator.google.limits.units_per_minute = None
    with program(simulator, ANA) as ready:
        yield ready
