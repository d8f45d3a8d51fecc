"""The one place that makes Google's clients: with the function's own identity, or for an emulator."""

import os
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from shared.config import Settings

if TYPE_CHECKING:
    from google.cloud.firestore_v1.services.firestore import FirestoreClient
    from google.cloud.secretmanager_v1 import SecretManagerServiceClient
    from google.cloud.tasks_v2 import CloudTasksClient

C = TypeVar("C", bound=Any)


class PerProcess(Generic[C]):
    """A client, made by the first who asks, and once more in a forked process: its channel's threads
    stay behind in the parent. The parent's one is left alone, since closing it would be felt there.
    """

    def __init__(self, make: Callable[[], C]) -> None:
        self._make = make
        self._made: dict[int, C] = {}
        self._locks: dict[int, Lock] = {}

    def __call__(self) -> C:
        me = os.getpid()
        with self._locks.setdefault(me, Lock()):  # the parent's may have been held when it forked
            if me not in self._made:
                self._made[me] = self._make()
            return self._made[me]

    def close(self) -> None:
        if client := self._made.pop(os.getpid(), None):
            client.transport.close()


class Clients:
    """All over gRPC: over REST these libraries raise other errors."""

    def __init__(self, settings: Settings) -> None:
        self.firestore = PerProcess(lambda: _firestore(settings.firestore_emulator_host))
        self.secret_manager = PerProcess(
            lambda: _secret_manager(settings.secret_manager_emulator_host)
        )
        self.cloud_tasks = PerProcess(lambda: _cloud_tasks(settings.cloud_tasks_emulator_host))

    def close(self) -> None:
        for client in (self.firestore, self.secret_manager, self.cloud_tasks):
            client.close()


def _firestore(emulator: str) -> "FirestoreClient":
    from google.cloud.firestore_v1.services.firestore import FirestoreClient, transports

    if not emulator:
        return FirestoreClient()
    return FirestoreClient(transport=transports.FirestoreGrpcTransport(channel=_plain(emulator)))


def _secret_manager(emulator: str) -> "SecretManagerServiceClient":
    from google.cloud.secretmanager_v1 import SecretManagerServiceClient
    from google.cloud.secretmanager_v1.services.secret_manager_service import transports

    if not emulator:
        return SecretManagerServiceClient()
    transport = transports.SecretManagerServiceGrpcTransport(channel=_plain(emulator))
    return SecretManagerServiceClient(transport=transport)


def _cloud_tasks(emulator: str) -> "CloudTasksClient":
    from google.cloud.tasks_v2 import CloudTasksClient
    from google.cloud.tasks_v2.services.cloud_tasks import transports

    if not emulator:
        return CloudTasksClient()
    return CloudTasksClient(transport=transports.CloudTasksGrpcTransport(channel=_plain(emulator)))


def _plain(host: str) -> Any:
    """A channel without TLS, which an `api_endpoint` of the client options cannot ask for."""
    import grpc  # type: ignore[import-untyped]

    return grpc.insecure_channel(host, options=[("grpc.max_receive_message_length", -1)])
