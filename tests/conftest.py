"""What every test may use. Sockets to other machines are refused."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.simulator import Simulator
from tests.world import FakeClock, LocalWorld


@pytest.fixture(autouse=True)
def _only_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6}:
            assert isinstance(address, tuple)
            assert address[0] in {"127.0.0.1", "::1", "localhost"}, f"a test called out: {address}"
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def simulator(clock: FakeClock) -> Iterator[Simulator]:
    with Simulator.start(clock=clock) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, simulator: Simulator, clock: FakeClock) -> Iterator[LocalWorld]:
    made = LocalWorld(tmp_path, simulator, clock)
    yield made
    made.backend.close()
