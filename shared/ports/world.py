"""All that a service may touch."""

from typing import Protocol

from shared.config import Settings
from shared.ports.clock import Clock
from shared.ports.destinations import Receivers
from shared.ports.documents import DocumentStore
from shared.ports.providers import Providers
from shared.ports.secrets import Ring, Sealer, SecretStore
from shared.ports.tasks import TaskQueue


class Backend(Protocol):
    """What `backend(settings)` of the module that BACKEND names returns; parts made when used."""

    @property
    def documents(self) -> DocumentStore: ...
    @property
    def secrets(self) -> SecretStore: ...
    @property
    def tasks(self) -> TaskQueue: ...


class World(Backend, Protocol):
    """What a service may touch, handed to it as its first argument. Each part is made when first used."""

    @property
    def clock(self) -> Clock: ...
    @property
    def providers(self) -> Providers: ...
    @property
    def receivers(self) -> Receivers: ...
    def sealer(self, ring: Ring) -> Sealer: ...
    @property
    def settings(self) -> Settings: ...
