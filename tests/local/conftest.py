"""A stack of its own for a module: every function, the embedded backend, the simulator."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.stack import Stack


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stack")


@pytest.fixture(scope="module")
def stack(data: Path) -> Iterator[Stack]:
    with Stack({}, data) as running:
        yield running
