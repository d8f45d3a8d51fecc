"""Runs every exam once for each backend."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.backends import BACKENDS, Candidate


@pytest.fixture(params=BACKENDS)
def candidate(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Candidate]:
    with BACKENDS[request.param](tmp_path) as made:
        yield made
