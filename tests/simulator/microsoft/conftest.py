"""What the tests of the simulated Microsoft share."""

from collections.abc import Iterator

import pytest

from infra.simulator import Simulator
from tests.simulator.microsoft.people import ANA, BEN, Person, Program, program


@pytest.fixture
def person(simulator: Simulator) -> Person:
    simulator.add_account(ANA, name="Ana Flores", provider="microsoft")
    simulator.add_account(BEN, provider="microsoft")
    return Person(simulator)


@pytest.fixture
def ana(simulator: Simulator) -> Iterator[Program]:
    """A program that may read and send Ana's mail."""
    with program(simulator, ANA) as ready:
        yield ready
