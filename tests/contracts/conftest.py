"""Runs every exam once for each backend, or for each provider."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.simulator import Simulator
from shared.ports.providers import MailProvider
from shared.providers.registry import PROVIDERS
from tests.contracts.backends import BACKENDS, Candidate
from tests.contracts.providers import ACCOUNT, ANA, HARNESSES, Harness, Tokens, tokens_of


@pytest.fixture(params=BACKENDS)
def candidate(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Candidate]:
    with BACKENDS[request.param](tmp_path) as made:
        yield made


@pytest.fixture(params=PROVIDERS)
def harness(request: pytest.FixtureRequest, simulator: Simulator) -> Harness:
    return HARNESSES[request.param](simulator)


@pytest.fixture
def tokens(harness: Harness) -> Tokens:
    return tokens_of(harness, ANA)


@pytest.fixture
def mailbox(harness: Harness, tokens: Tokens) -> MailProvider:
    return harness.provider.mail(ACCOUNT, tokens)
