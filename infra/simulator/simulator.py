"""The simulator as one object: started in a thread of this process, or by `python -m infra.simulator`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.simulator.clock import SystemClock
from infra.simulator.control import Control
from infra.simulator.http import Server
from infra.simulator.providers import Providers
from infra.simulator.store import Store
from shared.ports.clock import Clock


class Simulator(Providers):
    """All providers behind one URL. Use `with Simulator.start() as simulator:`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        super().__init__(store, clock)
        self.exchange.open([*self.routes(), *Control(self).routes()])
        self._server: Server | None = None

    @classmethod
    def start(
        cls, port: int = 0, data: Path | None = None, *, clock: Clock | None = None
    ) -> "Simulator":
        """Serves on 127.0.0.1:`port` (0: a free one) from threads of its own until `stop`.

        `data` is the folder that keeps everything across restarts; None keeps it in memory.
        Raises OSError when the port is taken or another process uses the folder.
        """
        store = Store(data / "simulator.sqlite" if data else None)
        simulator = cls(store, clock or SystemClock())
        try:
            simulator._server = Server(simulator.exchange.answer, port)
        except OSError:
            store.close()
            raise
        simulator._server.start()
        return simulator

    def stop(self) -> None:
        """Leaves no thread and no open connection behind. May be called twice."""
        if self._server is None:
            return
        self.exchange.stop()
        self._server.stop()
        self._server = None
        self.office.store.close()

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        """Nobody listens at the port: connections are refused, as in an outage of the network."""
        if self._server is None:
            raise RuntimeError("the simulator is stopped")
        self._server.stop()
        try:
            yield
        finally:
            self._server = self._server.again()
            self._server.start()

    def __enter__(self) -> "Simulator":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """http://127.0.0.1:PORT; every endpoint setting of a vendor may be this one URL."""
        if self._server is None:
            raise RuntimeError("the simulator is stopped")
        return f"http://127.0.0.1:{self._server.port}"
