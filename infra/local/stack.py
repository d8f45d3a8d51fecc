"""The whole of Mailbridge on this machine, as one object.

with Stack(os.environ, Path(".local")) as stack:
    print(stack.url)
"""

import fcntl
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import asdict

from infra import functions_map, openapi
from infra.embedded.dispatcher import Dispatcher
from infra.embedded.lanes import Limits
from infra.embedded.tasks import PendingTask
from infra.functions_map import Trigger
from infra.local import configuration, pages
from infra.local.gateway import Gateway, Upstream, listen, serving
from infra.local.invoker import Invoker
from infra.local.issuer import Issuer
from infra.local.processes import (
    HOST,
    STOP_SECONDS,
    Process,
    Report,
    free_port,
    stop_all,
    wait_ready,
)
from infra.local.scheduler import Scheduler
from shared.bootstrap import World
from shared.config import Settings
from shared.domain.errors import ConfigurationError


class Stack:
    """Every function in a process of its own, a gateway, a scheduler, and a simulator if needed."""

    url: str
    """The gateway's, without a trailing slash."""
    simulator_url: str
    """ "" when real providers, or other servers, are set."""
    processes: dict[str, Process]
    """By name: the functions, and "simulator"."""

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
        self._data, self._port, self._mail, self._report = data.resolve(), port, mail, report
        self._check_mail()
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

    def run_schedule(self, name: str) -> None:
        """Calls a scheduled function now. Raises RuntimeError when it fails."""
        if (status := self._invoker.call(name)) >= 300:
            raise RuntimeError(f"{name} answered {status}")

    def wait_idle(self, timeout: float = 60.0) -> None:
        """Returns when no task runs or is due; those planned for later do not count.

        Raises TimeoutError after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while not self._dispatcher.idle():
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {timeout} s: {self._dispatcher.pending()}")
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
        settings = configuration.complete(
            self._chosen, url=self.url, data=str(self._data), simulator=self.simulator_url
        )
        upstreams = {name: self._upstream(name) for name in self.map.functions}
        self._invoker = Invoker(self._issuer("invokers"), upstreams, self.url)
        self.processes = self._make_processes(settings)
        running.enter_context(serving(listener, self._gateway(upstreams, settings)))
        scheduler = Scheduler(self._schedules(), self._call_reporting)
        running.callback(scheduler.join)  # once the processes are gone, no run can last
        processes = list(self.processes.values())
        running.callback(stop_all, processes)
        for process in processes:
            process.start()
        wait_ready(processes)
        self._dispatcher = self._make_dispatcher()
        self._dispatcher.start()
        running.callback(self._dispatcher.stop, grace=STOP_SECONDS)
        scheduler.start()
        running.callback(scheduler.ask_to_stop)

    def _schedules(self) -> dict[str, str]:
        scheduled = self.map.triggered_by(Trigger.SCHEDULE)
        return {name: function.schedule for name, function in scheduled.items()}

    def _upstream(self, name: str) -> Upstream:
        return Upstream(lambda: self.processes[name].port, self.map.functions[name].timeout)

    def _issuer(self, name: str) -> Issuer:
        return Issuer(f"{self.url}/dev", self._data / f"{name}.pem")

    def _make_processes(self, settings: Mapping[str, str]) -> dict[str, Process]:
        logs = self._data / "logs"
        logs.mkdir(exist_ok=True)
        make = partial(Process, logs=logs, report=self._report)
        processes = {}
        for name, function in self.map.functions.items():
            known = {**settings, **self._invoker.settings(name)}
            granted = {key: known[key] for key in function.grants() if key in known}
            processes[name] = make(name, partial(_function_command, name), granted)
        if self.simulator_url:
            port = urlsplit(self.simulator_url).port or 0
            processes["simulator"] = make(
                "simulator", self._simulator_command, {}, port=port, announces="Simulated Google"
            )
        return processes

    def _simulator_command(self, port: int) -> list[str]:
        mail = ["--mail", str(self._mail.resolve())] if self._mail else []
        return ["infra.simulator", "--port", str(port), "--data", str(self._data), *mail]

    def _gateway(self, upstreams: Mapping[str, Upstream], settings: Mapping[str, str]) -> Gateway:
        world = World(Settings.from_env(settings))
        users = self._issuer("users") if self.development else None
        index = pages.Index(
            functions={name: f"{self.url}/{name}" for name in self.map.functions},
            openapi=f"{self.url}/openapi.json",
            token=f"{self.url}/dev/token" if users else "",
            simulator=self.simulator_url,
        )
        own = pages.stack_pages(index, partial(openapi.document, self.map, self.url))
        development = pages.development_pages(self._issuer("invokers"), users)
        return Gateway(
            upstreams,
            {
                "": partial(own.answer, world=world),
                "openapi.json": partial(own.answer, world=world),
                "dev": partial(development.answer, world=world),
            },
            configuration.hosts(settings),
        )

    def _make_dispatcher(self) -> Dispatcher:
        tasks = self.map.triggered_by(Trigger.TASK)
        return Dispatcher(
            self._data,
            {name: Limits(**asdict(queue)) for name, queue in self.map.queues.items()},
            queue_of={name: function.queue for name, function in tasks.items()},
            deliver=self._deliver,
        )

    def _deliver(self, task: PendingTask) -> int:
        """As Cloud Tasks does, its headers included."""
        headers = {
            "Content-Type": "application/json",
            "X-CloudTasks-QueueName": self.map.functions[task.function].queue,
            "X-CloudTasks-TaskName": task.name,
            "X-CloudTasks-TaskRetryCount": str(task.attempt - 1),
        }
        return self._invoker.call(task.function, msgspec.json.encode(task.body), headers)

    def _call_reporting(self, name: str) -> None:
        """A scheduled run that fails comes round again; its own log says more."""
        try:
            self.run_schedule(name)
        except (OSError, RuntimeError) as error:
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
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigurationError(f"Another stack is running on {folder}.") from error
        yield
