"""One provider process a version for all tests, and one deployment made with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terraform.provider import VERSIONS, no_standin, no_terraform, provider
from tests.terraform.workspace import Deployed, Workspace


@pytest.fixture(scope="session")
def any_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Good for what terraform tests by itself, which asks Google for nothing."""
    if reason := no_terraform():
        pytest.skip(reason)
    with provider(VERSIONS[-1], tmp_path_factory.mktemp("provider") / "data") as environment:
        yield environment


@pytest.fixture(scope="session")
def standin(any_provider: dict[str, str]) -> dict[str, str]:
    """Good for planning and applying."""
    if reason := no_standin():
        pytest.skip(reason)
    return any_provider


@pytest.fixture
def workspace(standin: dict[str, str], tmp_path: Path) -> Workspace:
    """A copy of terraform/ of the test's own."""
    made = Workspace(tmp_path, standin)
    made.init()
    return made


@pytest.fixture(scope="session")
def applied(standin: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """After `terraform apply`; nobody changes it."""
    made = Workspace(tmp_path_factory.mktemp("applied"), standin)
    made.init()
    made.apply()
    return made


@pytest.fixture(scope="session")
def deployed(applied: Workspace) -> Deployed:
    return applied.shown()
