"""The whole of Mailbridge on this machine, as one object.

with Stack(os.environ, Path(".local")) as stack:
    print(stack.url)
"""

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from infra import functions_map
from infra.delivery.invoker import Invoker, Upstream
from infra.delivery.queue import Counts
from infra.functions_map import Trigger
from infra.issuer import Issuer
from infra.local import configuration, pages, platform
from infra.local.gateway import Gateway, listen, serving
from infra.local.scheduler import Scheduler
from infra.private import private
from infra.processes.ports import HOST, free_port
from infra.processes.process import Process, Report, stop_all, wait_ready
from shared import bootstrap
from shared.bootstrap import World
from shared.domain.errors import ConfigurationError

THREADS = 16
"""Of one function, at most: this machine has a few cores, and not those of all its instances."""


class Stack:
    """Every function in a process of its own, a gateway, a scheduler, and a simulator if needed."""

    url: str
    """The gateway's, without a trailing slash."""
    simulator_url: str
    """ "" when real providers, or other servers, are set."""
    processes: dict[str, Process]
    """By name: the functions, and "simulator"."""
    settings: Mapping[str, str]
    """All there are; each function sees those that it is granted."""

    def __init__(
        self,
        environment: Mapping[str, str],
        data: Path,
        port: int = 0,
        *,
        mail: Path | None = None,
        report: Report = lambda _line: None,
    ) -> None:
        """`environment` may hold any setting of shared/config.py; `data` is the folder of it all.

        `port` is the gateway's, 0 for a free one; `mail` is loaded into a new simulator. Raises
        ConfigurationError when something here is wrong.
        """
        self.map = functions_map.load()
        self._chosen = configuration.chosen(environment)
        self._simulated = configuration.needs_simulator(self._chosen, self.map)
        self._make_platform = platform.platform_for(self._chosen, simulated=self._simulated)
        self._data, self._port, self._mail, self._report = data.resolve(), port, mail, report
        self._check_mail()
        for line in configuration.misspelt(environment):
            report(line)
        self.development = not configuration.has_issuer(self._chosen)
        """True when the stack gives out tokens itself."""

    def __enter__(self) -> "Stack":
        """Returns when everything answers. Raises ConfigurationError or ChildProcessError."""
        with ExitStack() as running:
            self._start(running)
            self._running = running.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Leaves no process and no thread behind."""
        self._running.close()

    @property
    def keeps(self) -> str:
        """What stays when it stops."""
        return self._platform.keeps

    def run_schedule(self, name: str) -> None:
        """Calls a scheduled function now. Raises RuntimeError when it fails."""
        if (status := self._invoker.call(name)) >= 300:
            raise RuntimeError(f"{name} answered {status}")

    def tasks(self) -> Counts:
        return self._platform.counts()

    def wait_idle(self, timeout: float = 60.0) -> None:
        """Returns when no task runs or is due; those planned for later do not count.

        Raises TimeoutError after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while (counts := self.tasks()).running or counts.due:
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {timeout} s: {counts}")
            time.sleep(0.02)

    def _check_mail(self) -> None:
        if self._mail is None:
            return
        if not self._simulated:
            raise ConfigurationError("MAIL fills the simulator, and these settings need none.")
        if not self._mail.exists():
            raise ConfigurationError(
                f"MAIL names {self._mail}, and there is no such file or folder."
            )

    # -- Start, in the order in which things need each other ----------------------------------------

    def _start(self, running: ExitStack) -> None:
        self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        running.enter_context(_locked(self._data))
        listener = running.enter_context(listen(self._port))
        self.url = f"http://{HOST}:{listener.getsockname()[1]}"
        self.simulator_url = f"http://{HOST}:{free_port()}" if self._simulated else ""
        upstreams = {name: self._upstream(name) for name in self.map.functions}
        self._invoker = Invoker(self._issuer("invokers"), upstreams, self.url)
        self._platform = self._make_platform(self.map, self._data, self._invoker, self._report)
        self.settings = self._complete(running.enter_context(self._platform.serving()))
        self.processes = self._make_processes()
        running.enter_context(serving(listener, self._gateway(upstreams)))
        self._scheduler = Scheduler(self._schedules(), self._call_reporting)
        running.callback(self._scheduler.join)  # once the processes are gone, no run can last
        processes = list(self.processes.values())
        running.callback(stop_all, processes)
        for process in processes:
            process.start()
        wait_ready(processes)
        running.enter_context(self._platform.dispatching())
        self._scheduler.start()
        running.callback(self._scheduler.ask_to_stop)

    def _complete(self, below: Mapping[str, str]) -> dict[str, str]:
        added = configuration.complete(self._chosen, url=self.url, simulator=self.simulator_url)
        return {**added, **below}

    def _schedules(self) -> dict[str, str]:
        scheduled = self.map.triggered_by(Trigger.SCHEDULE)
        return {name: function.schedule for name, function in scheduled.items()}

    def _upstream(self, name: str) -> Upstream:
        return Upstream(lambda: self.processes[name].port, self.map.functions[name].timeout)

    def _issuer(self, name: str) -> Issuer:
        return Issuer(f"{self.url}/dev", self._data / f"{name}.pem")

    def _make_processes(self) -> dict[str, Process]:
        logs = self._data / "logs"
        logs.mkdir(exist_ok=True)
        make = partial(Process, logs=logs, report=self._report)
        processes = {
            name: make(name, partial(_function_command, name), self._environment(name))
            for name in self.map.functions
        }
        if self.simulator_url:
            port = urlsplit(self.simulator_url).port or 0
            processes["simulator"] = make(
                "simulator", self._simulator_command, {}, port=port, announces="Simulated Google"
            )
        return processes

    def _environment(self, name: str) -> dict[str, str]:
        """Of a function: what it is granted, and no more. One process stands for all its instances."""
        known = {**self.settings, **self._invoker.settings(name)}
        granted = self.map.functions[name].grants(self.settings["BACKEND"])
        inherited = {key: os.environ[key] for key in self._platform.inherits if key in os.environ}
        threads = min(self.map.functions[name].concurrency * self.map.instances(name), THREADS)
        told = {key: known[key] for key in granted if key in known}
        return {**inherited, **told, "THREADS": str(threads)}

    def _simulator_command(self, port: int) -> list[str]:
        mail = ["--mail", str(self._mail.resolve())] if self._mail else []
        return ["infra.simulator", "--port", str(port), "--data", str(self._data), *mail]

    def _gateway(self, upstreams: Mapping[str, Upstream]) -> Gateway:
        world = World(bootstrap.settings(self.settings))
        users = self._issuer("users") if self.development else None
        index = pages.Index(
            functions={name: f"{self.url}/{name}" for name in self.map.functions},
            openapi=f"{self.url}/openapi",
            token=f"{self.url}/dev/token" if users else "",
            simulator=self.simulator_url,
        )
        own = pages.stack_pages(index, self._absent)
        development = pages.development_pages(self._issuer("invokers"), users)
        return Gateway(
            {**upstreams, "openapi.json": upstreams["openapi"]},
            {
                "": partial(own.answer, world=world),
                "ready": partial(own.answer, world=world),
                "dev": partial(development.answer, world=world),
            },
            configuration.hosts(self.settings),
        )

    def _absent(self) -> list[str]:
        return [name for name, process in self.processes.items() if not process.ready()]

    def _call_reporting(self, name: str) -> None:
        """A scheduled run that fails comes round again; its own log says more."""
        try:
            self.run_schedule(name)
        except (OSError, RuntimeError) as error:
            if not self._scheduler.stopping:  # then functions are stopped at their work
                self._report(f"{name}: {error}")


def _function_command(name: str, port: int) -> list[str]:
    source = str(functions_map.ROOT / "functions" / name / "main.py")
    return [
        *("functions_framework", "--target", name, "--source", source),
        *("--host", HOST, "--port", str(port)),
    ]


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One stack a folder. The kernel lets go of the lock however the stack ends."""
    with private(folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigurationError(f"Another stack is running on {folder}.") from error
        yield
