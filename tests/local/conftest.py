"""A stack of its own for a module, once on each backend: every function, the simulator."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.cloud import platform
from infra.functions_map import CLOUD, EMBEDDED
from infra.local.stack import Stack
from shared import bootstrap
from shared.bootstrap import World
from tests.gcp import emulator
from tests.local.kept import RememberingTasks

ON_CLOUD = pytest.param(
    CLOUD, marks=pytest.mark.skipif(bool(emulator.missing()), reason=emulator.missing())
)


@pytest.fixture(scope="module", params=[EMBEDDED, ON_CLOUD])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, backend: str) -> Path:
    return tmp_path_factory.mktemp(backend)


@pytest.fixture(scope="module")
def stack(data: Path, backend: str) -> Iterator[Stack]:
    with pytest.MonkeyPatch.context() as patch:
        # The queue forgets a task that is done, and a test wants to see all that ever were.
        patch.setattr(platform, "CloudTasks", RememberingTasks)
        with Stack({"BACKEND": backend}, data) as running:
            yield running


@pytest.fixture
def world(stack: Stack) -> Iterator[World]:
    """As a function with every right has it."""
    made = World(bootstrap.settings(stack.settings))
    yield made
    made.backend.close()  # type: ignore[attr-defined]  # both of ours have it
