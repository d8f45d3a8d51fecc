"""The whole of Mailbridge on this machine, as one object.

    with Stack(os.environ, Path(".local")) as stack:
        requests.get(f"{stack.url}/mailboxes", …)
"""

import fcntl
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from infra.embedded.tasks import Tasks
from infra.local import configuration, functions_map, gateway, pages
from infra.local.functions_map import Function, Trigger
from infra.local.gateway import Gateway, Upstream
from infra.local.invoker import Invoker
from infra.local.issuer import Issuer
from infra.local.processes import HOST, Process, Report, free_port, stop_all, wait_ready
from infra.local.scheduler import scheduling
from shared.bootstrap import World
from shared.config import LOOPBACK, Settings
from shared.domain.errors import ConfigurationError


def _silence(_line: str) -> None:
    pass


class Stack:
    """Every function in a process of its own, a gateway, a scheduler, and a simulator if needed."""

    def __init__(
        self,
        environment: Mapping[str, str],
        data: Path,
        port: int = 0,
        *,
        mail: Path | None = None,
        report: Report = _silence,
    ) -> None:
        """`environment` may hold any setting of shared/config.py; `data` keeps everything.

        `port` is the gateway's, 0 for a free one. `mail` is loaded into the simulator. Raises
        ConfigurationError when a setting or the map of functions is wrong.
        """
        self.map = functions_map.load()
        self.data = data.resolve()
        self._chosen = configuration.chosen(environment)
        self._port = port
        self._mail = mail
        self._report = report
        self._running = ExitStack()

    def __enter__(self) -> "Stack":
        with ExitStack() as running:
            self._start(running)
            self._running = running.pop_all()
        return self
