"""The only module that names concrete adapters. An instance makes its World when first asked."""

import functools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from threading import RLock
from typing import TYPE_CHECKING, Generic, TypeVar, overload

from shared.config import Group, Setting, Settings, declared
from shared.domain.errors import ConfigurationError
from shared.metering import MeteredDocuments, MeteredSecrets, MeteredTasks
from shared.ports.clock import Clock
from shared.ports.destinations import Receivers
from shared.ports.documents import DocumentStore, Write
from shared.ports.providers import Providers
from shared.ports.secrets import Ring, Sealer, SecretStore
from shared.ports.tasks import TaskQueue
from shared.ports.world import Backend
from shared.records.telling import TellingDocuments

if TYPE_CHECKING:
    from shared.services.accounts.keys import Keyring
    from shared.services.events.hints import Hints

T = TypeVar("T")


class once(Generic[T]):  # noqa: N801  # used as a decorator
    """A property computed by the first who asks, while the others wait.

    functools.cached_property takes no lock since Python 3.12, and two threads would make two of it.
    """

    def __init__(self, make: Callable[..., T]) -> None:
        self._make = make
        self._name = make.__name__
        self._lock = RLock()

    @overload
    def __get__(self, owner: None, kind: type) -> "once[T]": ...
    @overload
    def __get__(self, owner: object, kind: type) -> T: ...
    def __get__(self, owner: object | None, kind: type) -> "T | once[T]":
        if owner is None:
            return self
        with self._lock:
            if self._name not in owner.__dict__:
                owner.__dict__[self._name] = self._make(owner)  # found there before us from now on
        made: T = owner.__dict__[self._name]
        return made


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class World:
    """The World of `shared.ports`, with the adapters that the settings name, each use of them metered."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @once
    def backend(self) -> Backend:
        return _backend(self.settings)

    @property
    def documents(self) -> DocumentStore:
        return MeteredDocuments(TellingDocuments(self.backend.documents, self._stored))

    def _stored(self, writes: Sequence[Write]) -> None:
        if any(write.kind == "create" for write in writes):
            self._hints.after(writes)

    @once
    def _hints(self) -> "Hints":
        from shared.services.events.hints import Hints

        return Hints(self)

    @property
    def secrets(self) -> SecretStore:
        return MeteredSecrets(self.backend.secrets)

    @property
    def tasks(self) -> TaskQueue:
        return MeteredTasks(self.backend.tasks)

    @once
    def clock(self) -> Clock:
        return SystemClock()

    @once
    def providers(self) -> Providers:
        from shared.providers.registry import Registry

        return Registry(self.settings)

    @once
    def receivers(self) -> Receivers:
        from shared.destinations.registry import Registry

        return Registry(self.settings)

    def sealer(self, ring: Ring) -> Sealer:
        return self._keyrings[ring].sealer()

    @once
    def _keyrings(self) -> "dict[Ring, Keyring]":
        from shared.services.accounts.keys import RINGS, Keyring

        return {ring: Keyring(self.secrets, self.clock, ring) for ring in RINGS}


def settings(env: Mapping[str, str]) -> Settings:
    """With those that each provider declares. Raises ConfigurationError naming every malformed one."""
    return Settings.from_env(env, _vendors())


def every_setting() -> dict[str, Setting]:
    """All that there are, by name."""
    groups = [Settings, *_vendors()]
    return {name: one for group in groups for name, one in declared(group).items()}


def _vendors() -> list[type[Group]]:
    from shared.providers.registry import declarations

    return [one.settings for one in declarations().values()]


@functools.cache
def _this_instance() -> World:
    return World(settings(os.environ))


_making = RLock()


def this_instance() -> World:
    """The World of this process's environment. Raises ConfigurationError until that is in order."""
    with _making:
        return _this_instance()


def _backend(settings: Settings) -> Backend:
    try:
        module = import_module(settings.backend)
    except ModuleNotFoundError as error:
        if error.name is None or not settings.backend.startswith(error.name):
            raise
        raise ConfigurationError(
            f"Settings: BACKEND names {settings.backend!r}, and there is no such module."
        ) from error
    made: Backend = module.backend(settings)
    return made
