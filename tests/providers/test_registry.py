"""The registry of providers."""

import subprocess
import sys
from pathlib import Path

import pytest

from shared.config import Settings
from shared.domain.errors import InvalidRequest
from shared.ports.providers import Providers
from shared.providers.registry import PROVIDERS, Registry


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_goes_by_its_name_and_is_made_once(name: str) -> None:
    registry: Providers = Registry(Settings())
    assert registry.get(name).name == name
    assert registry.get(name) is registry.get(name)


@pytest.mark.parametrize("name", ["", "microsoft365", "os", "shared.providers.google", "../google"])
def test_an_unknown_name_is_refused_naming_those_there_are(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Registry(Settings()).get(name)
    (error,) = caught.value.errors
    assert error.pointer == "/provider"
    assert "google" in error.detail


def test_importing_it_imports_no_provider_and_no_http_library() -> None:
    code = (
        "import sys, shared.providers.registry, shared.providers.http;"
        "heavy = {'requests', 'jwt', 'msal', 'idna', 'nh3', 'shared.providers.google',"
        "'shared.providers.microsoft'};"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(  # noqa: S603 - our own interpreter, our own code
        [sys.executable, "-c", code], cwd=root, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
