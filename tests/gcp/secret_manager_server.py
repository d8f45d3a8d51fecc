"""Secret Manager, in memory: https://docs.cloud.google.com/secret-manager/docs/reference/rpc."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from itertools import count
from threading import RLock
from typing import Any

import google_crc32c
from google.cloud.secretmanager_v1 import types
from google.cloud.secretmanager_v1.services.secret_manager_service import transports
from google.protobuf.empty_pb2 import Empty

from tests.gcp.grpc_server import Refused, serving

MAX_BYTES = 64 * 1024
State = types.SecretVersion.State

_LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_SECRET_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")


class _Secret:
    def __init__(self, message: types.Secret) -> None:
        self.message = message
        self.versions: list[types.SecretVersion] = []
        self.payloads: dict[str, bytes] = {}


class SecretManager:
    """Answers as Google's. With `lagging`, `latest` and the lists stay as they were, as long as Google
    allows itself."""

    def __init__(self) -> None:
        self._secrets: dict[str, _Secret] = {}
        self._lock = RLock()
        self._etags = count(1)
        self._lag: dict[str, list[types.SecretVersion]] | None = None
        self.calls: list[str] = []

    def serving(self) -> AbstractContextManager[str]:
        return serving(self, transports.SecretManagerServiceGrpcTransport)

    def lag(self, on: bool) -> None:
        with self._lock:
            copies = {name: _copies(one.versions) for name, one in self._secrets.items()}
            self._lag = copies if on else None
