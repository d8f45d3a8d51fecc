"""What lies below the functions of a stack: BACKEND as it runs on this machine."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from infra.delivery.invoker import Invoker
from infra.delivery.queue import Counts
from infra.functions_map import CLOUD, EMBEDDED, FunctionsMap
from infra.processes.process import Report
from shared.domain.errors import ConfigurationError


class Platform(Protocol):
    """Keeps documents, secrets and tasks, and delivers the tasks. Both contexts are entered once,
    `serving` first and around the functions, `dispatching` within, when all of them answer."""

    @property
    def keeps(self) -> str:
        """For whoever starts it: what stays when the stack stops."""

    @property
    def inherits(self) -> tuple[str, ...]:
        """Variables of this process's environment that functions need besides their settings."""

    def serving(self) -> AbstractContextManager[Mapping[str, str]]:
        """The settings by which functions find it. Raises ConfigurationError or ChildProcessError."""

    def dispatching(self) -> AbstractContextManager[None]:
        """Tasks are delivered meanwhile. At the end no more are begun, and those that run have
        STOP_SECONDS."""

    def counts(self) -> Counts:
        """Of the tasks. To be asked while dispatching."""


MakePlatform = Callable[[FunctionsMap, Path, Invoker, Report], Platform]
"""Of the functions, the stack's folder, who calls the functions, and who is told of trouble."""


def platform_for(settings: Mapping[str, str], *, simulated: bool) -> MakePlatform:
    """The one for these settings; `simulated` says that the providers are. ConfigurationError when it
    cannot run here."""
    backend = settings.get("BACKEND", EMBEDDED)
    if backend == EMBEDDED:
        from infra.embedded.platform import OnEmbedded

        return OnEmbedded
    if backend == CLOUD:
        from infra.cloud import platform  # Google's libraries take half a second to load

        return platform.platform_for(settings, simulated=simulated)
    raise ConfigurationError(f"BACKEND names {backend!r}; this machine has {EMBEDDED} and {CLOUD}.")
