"""Secret Manager, in memory: https://docs.cloud.google.com/secret-manager/docs/reference/rpc."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from datetime import UTC, datetime
from itertools import count
from threading import RLock
from typing import Any, TypeVar

import google_crc32c
from google.cloud.secretmanager_v1 import types
from google.protobuf.empty_pb2 import Empty  # type: ignore[import-untyped]

from infra.cloud.grpc_server import Refused, page, serving

T = TypeVar("T")

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
    """Answers as Google's does, and keeps count: `calls` holds the method of each call."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._secrets: dict[str, _Secret] = {}
        self._lock = RLock()
        self._etags = count(1)
        self._seen: dict[str, list[types.SecretVersion]] | None = None

    def serving(self) -> AbstractContextManager[str]:
        return serving(self, "google.cloud.secretmanager.v1.SecretManagerService")

    def lag(self, on: bool) -> None:
        """From now on `latest` and the lists show what is now, as Google allows itself for a while."""
        with self._lock:
            now = {name: deepcopy(one.versions) for name, one in self._secrets.items()}
            self._seen = now if on else None

    def versions(self, secret: str) -> list[types.SecretVersion]:
        """As they are."""
        with self._lock:
            return list(self._secrets[secret].versions) if secret in self._secrets else []

    # -- secrets ----------------------------------------------------------------------------------

    def create_secret(self, request: types.CreateSecretRequest) -> types.Secret:
        name = f"{request.parent}/secrets/{request.secret_id}"
        _check_secret(request)
        with self._called("create_secret"):
            if name in self._secrets and not _expired(self._secrets[name].message):
                raise Refused("ALREADY_EXISTS", f"Secret [{name}] already exists.")
            made = deepcopy(request.secret)
            made.name, made.create_time, made.etag = name, datetime.now(UTC), self._etag()
            _settle_expiry(made)
            self._secrets[name] = _Secret(made)
            return made

    def get_secret(self, request: types.GetSecretRequest) -> types.Secret:
        with self._called("get_secret"):
            return self._secret(request.name).message

    def list_secrets(self, request: types.ListSecretsRequest) -> types.ListSecretsResponse:
        with self._called("list_secrets"):
            alive = [
                known.message for known in self._secrets.values() if not _expired(known.message)
            ]
            mine = [
                secret for secret in alive if secret.name.startswith(f"{request.parent}/secrets/")
            ]
            matching = _matching(mine, request.filter)
            found, following = page(matching[::-1], request.page_size, request.page_token)
            return types.ListSecretsResponse(
                secrets=found, next_page_token=following, total_size=len(matching)
            )

    def update_secret(self, request: types.UpdateSecretRequest) -> types.Secret:
        with self._called("update_secret"):
            secret = self._secret(request.secret.name)
            _check_etag(request.secret.etag, secret.message.etag)
            _check_labels(request.secret.labels)
            for field in request.update_mask.paths:
                setattr(secret.message, field, getattr(request.secret, field))
            _settle_expiry(secret.message)
            secret.message.etag = self._etag()
            return secret.message

    def delete_secret(self, request: types.DeleteSecretRequest) -> Empty:
        with self._called("delete_secret"):
            _check_etag(request.etag, self._secret(request.name).message.etag)
            del self._secrets[request.name]
            return Empty()

    # -- versions ---------------------------------------------------------------------------------

    def add_secret_version(self, request: types.AddSecretVersionRequest) -> types.SecretVersion:
        data, checksum = request.payload.data, request.payload.data_crc32c
        if len(data) > MAX_BYTES or not data:
            raise Refused("INVALID_ARGUMENT", f"A payload of {len(data)} bytes.")
        if "data_crc32c" in request.payload and checksum != google_crc32c.value(data):
            raise Refused("INVALID_ARGUMENT", "The payload's checksum does not match its data.")
        with self._called("add_secret_version"):
            secret = self._secret(request.parent)
            version = types.SecretVersion(
                name=f"{request.parent}/versions/{len(secret.versions) + 1}",
                create_time=datetime.now(UTC),
                state=State.ENABLED,
                etag=self._etag(),
                client_specified_payload_checksum="data_crc32c" in request.payload,
            )
            secret.versions.append(version)
            secret.payloads[version.name] = data
            return version

    def get_secret_version(self, request: types.GetSecretVersionRequest) -> types.SecretVersion:
        with self._called("get_secret_version"):
            return self._version(request.name)

    def access_secret_version(
        self, request: types.AccessSecretVersionRequest
    ) -> types.AccessSecretVersionResponse:
        with self._called("access_secret_version"):
            version = self._version(request.name)
            if version.state != State.ENABLED:
                raise Refused("FAILED_PRECONDITION", f"{version.name} is in {version.state.name}.")
            data = self._secret(_parent(version.name)).payloads[version.name]
            payload = types.SecretPayload(data=data, data_crc32c=google_crc32c.value(data))
            return types.AccessSecretVersionResponse(name=version.name, payload=payload)

    def list_secret_versions(
        self, request: types.ListSecretVersionsRequest
    ) -> types.ListSecretVersionsResponse:
        with self._called("list_secret_versions"):
            matching = _matching(self._listed(request.parent)[::-1], request.filter)
            found, following = page(matching, request.page_size, request.page_token)
            return types.ListSecretVersionsResponse(
                versions=found, next_page_token=following, total_size=len(matching)
            )

    def enable_secret_version(
        self, request: types.EnableSecretVersionRequest
    ) -> types.SecretVersion:
        return self._change(request, State(State.ENABLED))

    def disable_secret_version(
        self, request: types.DisableSecretVersionRequest
    ) -> types.SecretVersion:
        return self._change(request, State(State.DISABLED))

    def destroy_secret_version(
        self, request: types.DestroySecretVersionRequest
    ) -> types.SecretVersion:
        return self._change(request, State(State.DESTROYED))

    # -- within -----------------------------------------------------------------------------------

    def _change(self, asked: Any, state: types.SecretVersion.State) -> types.SecretVersion:
        with self._called(f"to {state.name}"):
            version = self._version(asked.name)
            _check_etag(asked.etag, version.etag)
            if version.state == State.DESTROYED:
                raise Refused("FAILED_PRECONDITION", f"{version.name} is in DESTROYED state.")
            version.state, version.etag = state, self._etag()
            if version.state == State.DESTROYED:
                version.destroy_time = datetime.now(UTC)
                del self._secret(_parent(version.name)).payloads[version.name]
            return version

    def _secret(self, name: str) -> _Secret:
        secret = self._secrets.get(name)
        if secret is None or _expired(secret.message):
            raise Refused("NOT_FOUND", f"Secret [{name}] not found.")
        return secret

    def _version(self, name: str) -> types.SecretVersion:
        """`latest` is the newest made, whatever its state."""
        secret, number = self._secret(_parent(name)), name.rpartition("/")[2]
        listed = self._listed(secret.message.name)
        if number == "latest" and listed:
            name = listed[-1].name
        found = [version for version in secret.versions if version.name == name]
        if not found:
            raise Refused("NOT_FOUND", f"Secret Version [{name}] not found.")
        return found[0]

    def _listed(self, secret: str) -> list[types.SecretVersion]:
        versions = self._secret(secret).versions
        return versions if self._seen is None else self._seen.get(secret, [])

    @contextmanager
    def _called(self, method: str) -> Iterator[None]:
        with self._lock:
            self.calls.append(method)
            yield

    def _etag(self) -> str:
        return f'"{next(self._etags):x}"'


def _parent(version: str) -> str:
    return version.rpartition("/versions/")[0]


def _check_secret(request: types.CreateSecretRequest) -> None:
    if not _SECRET_ID.fullmatch(request.secret_id):
        raise Refused("INVALID_ARGUMENT", f"{request.secret_id!r} is no secret's id.")
    if "replication" not in request.secret:
        raise Refused("INVALID_ARGUMENT", "A secret must say how it is replicated.")
    _check_labels(request.secret.labels)


def _check_labels(labels: Any) -> None:
    if len(labels) > 64:
        raise Refused("INVALID_ARGUMENT", "At most 64 labels.")
    for key, value in labels.items():
        if not _LABEL.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise Refused("INVALID_ARGUMENT", f"The label {key}={value} is not allowed.")


def _check_etag(asked: str, now: str) -> None:
    if asked and asked != now:
        raise Refused("FAILED_PRECONDITION", f"The etag is {now}, not {asked}.")


def _settle_expiry(secret: types.Secret) -> None:
    if "ttl" in secret:
        secret.expire_time = datetime.now(UTC) + secret.ttl


def _expired(secret: types.Secret) -> bool:
    return "expire_time" in secret and secret.expire_time <= datetime.now(UTC)


def _matching(found: Sequence[T], text: str) -> list[T]:
    """By a filter of terms that must all hold: name:part, state:ENABLED, labels.team=acme."""
    tests = [_term(term) for term in re.split(r"\s+AND\s+|\s+", text.strip()) if term]
    return [item for item in found if all(test(item) for test in tests)]


def _term(term: str) -> Callable[[Any], bool]:
    field, operator, value = re.fullmatch(r"([\w.]+)([:=])(.+)", term).groups()  # type: ignore[union-attr]
    if field == "state":
        return lambda version: bool(version.state.name == value)
    if field.startswith("labels."):
        return lambda secret: bool(secret.labels.get(field.removeprefix("labels.")) == value)
    if field == "name" and operator == ":":
        return lambda item: value in item.name.rpartition("/")[2]
    raise Refused("INVALID_ARGUMENT", f"The filter {term!r} is not understood.")
