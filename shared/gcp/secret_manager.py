"""The SecretStore on Secret Manager."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Struct

from shared.config import Settings
from shared.domain.errors import (
    ConfigurationError,
    Conflict,
    InvalidRequest,
    ProviderUnavailable,
)
from shared.gcp.calls import TIMEOUT, ask
from shared.ports.documents import Document, DocumentStore, Write

if TYPE_CHECKING:
    from google.cloud.secretmanager_v1 import SecretManagerServiceClient, SecretVersion

T = TypeVar("T")

MAX_BYTES = 64 * 1024
_NAME = re.compile(r"[A-Za-z0-9_-]{1,200}")
"""Secret Manager's 255 less the deployment."""
_ONCE: dict[str, Any] = {"retry": None, "timeout": TIMEOUT}
"""Retries are ours."""


class _Version(Struct, frozen=True):
    number: int
    at: datetime
    """Its making. Orders all versions of a name; numbers begin anew when the secret was deleted."""


class Secrets:
    """Implements `shared.ports.SecretStore`.

    Secret Manager promises that a version can be read by its number as soon as it was added, and of
    `latest`, aliases and lists only that they follow within minutes
    (https://docs.cloud.google.com/secret-manager/docs/reference/consistency). So a document says which
    version is the live one. It also decides among those who write at once: the newest version stays,
    and of several creators the first.
    """

    def __init__(
        self,
        client: Callable[[], "SecretManagerServiceClient"],
        settings: Settings,
        documents: DocumentStore,
    ) -> None:
        self._client = client
        self._project = f"projects/{settings.google_cloud_project}"
        self._deployment = settings.deployment
        self._documents = documents

    def get(self, name: str) -> bytes | None:
        document = self._documents.get(_path(_checked(name)))
        if document is None:
            return None
        try:
            return self._read(name, _version(document).number)
        except ConfigurationError:  # disabled, or destroyed because a newer one took its place
            if self._documents.get(document.path) == document:
                raise
            return self.get(name)

    def put(self, name: str, value: bytes, *, labels: Mapping[str, str] | None = None) -> None:
        added = self._add(_checked(name, value), value, labels or {})
        live = self._make_live(name, added)
        self._destroy_before(name, live.number)

    def create(self, name: str, value: bytes, *, labels: Mapping[str, str] | None = None) -> bytes:
        if (older := self.get(_checked(name, value))) is not None:
            return older
        added = self._add(name, value, labels or {})
        try:
            self._documents.write(Write("create", _path(name), _data(added)))
        except Conflict:
            self._destroy(name, added.number)
            return self._winner(name)
        return value

    def delete(self, name: str) -> None:
        """The document goes first: without it nobody reads the secret any more."""
        self._documents.write(Write("delete", _path(_checked(name))))
        self._ask(lambda client: _unless_gone(client.delete_secret, name=self._secret(name)))

    # -- the live version -------------------------------------------------------------------------

    def _make_live(self, name: str, added: _Version) -> _Version:
        """The live version then: `added`, or one that was added after it."""
        while True:
            document = self._documents.get(_path(name))
            if document and _version(document).at >= added.at:
                return _version(document)
            try:
                self._documents.write(_pointing(name, added, document))
            except Conflict:
                continue
            return added

    def _winner(self, name: str) -> bytes:
        if (value := self.get(name)) is None:
            raise ProviderUnavailable(f"Secret {name} is being deleted.", reason="backend")
        return value

    # -- versions ---------------------------------------------------------------------------------

    def _add(self, name: str, value: bytes, labels: Mapping[str, str]) -> _Version:
        """A new version, proven to be readable."""
        version = self._ask(lambda client: _version_of(self._added(client, name, value, labels)))
        if self._read(name, version.number) != value:
            raise ProviderUnavailable(f"Secret {name} was not stored.", reason="backend")
        return version

    def _added(
        self,
        client: "SecretManagerServiceClient",
        name: str,
        value: bytes,
        labels: Mapping[str, str],
    ) -> "SecretVersion":
        from google.api_core import exceptions as google

        payload = {"data": value, "data_crc32c": _crc32c(value)}
        request = {"parent": self._secret(name), "payload": payload}
        try:
            return client.add_secret_version(request, **_ONCE)
        except google.NotFound as error:
            self._create(client, name, labels)  # and tried again until it can be seen
            raise google.Aborted(f"{name} is new") from error  # type: ignore[no-untyped-call]

    def _create(
        self, client: "SecretManagerServiceClient", name: str, labels: Mapping[str, str]
    ) -> None:
        from google.api_core import exceptions as google

        secret = {"replication": {"automatic": {}}, "labels": _labels(labels)}
        request = {"parent": self._project, "secret_id": self._id(name), "secret": secret}
        with suppress(google.AlreadyExists):  # somebody else was faster
            client.create_secret(request, **_ONCE)

    def _read(self, name: str, number: int) -> bytes | None:
        """None when there is no such version. ConfigurationError when it is not enabled."""
        from google.api_core import exceptions as google

        def access(client: "SecretManagerServiceClient") -> bytes | None:
            try:
                payload = client.access_secret_version(
                    name=self._name(name, number), **_ONCE
                ).payload
            except google.NotFound:
                return None
            if payload.data_crc32c != _crc32c(payload.data):
                raise google.DataLoss(f"{name} arrived damaged")  # type: ignore[no-untyped-call]
            return bytes(payload.data)

        return self._ask(access)

    def _destroy_before(self, name: str, number: int) -> None:
        """Also those that others left behind when they died. The last one is known without the list,
        which may not have it yet."""
        for older in {number - 1, *self._ask(lambda client: self._enabled(client, name))}:
            if 0 < older < number:
                self._destroy(name, older)

    def _enabled(self, client: "SecretManagerServiceClient", name: str) -> list[int]:
        from google.api_core import exceptions as google

        request = {"parent": self._secret(name), "filter": "state:ENABLED"}
        try:
            return [_number(one) for one in client.list_secret_versions(request, **_ONCE)]
        except google.NotFound:  # deleted meanwhile
            return []

    def _destroy(self, name: str, number: int) -> None:
        path = self._name(name, number)
        self._ask(lambda client: _unless_gone(client.destroy_secret_version, name=path))

    def _secret(self, name: str) -> str:
        return f"{self._project}/secrets/{self._id(name)}"

    def _id(self, name: str) -> str:
        """Its start says whose it is; what a function's account may touch is granted by it."""
        return f"{self._deployment}-{name}"

    def _name(self, name: str, number: int) -> str:
        return f"{self._secret(name)}/versions/{number}"

    def _ask(self, call: Callable[["SecretManagerServiceClient"], T]) -> T:
        return ask("Secret Manager", lambda: call(self._client()))


def _unless_gone(remove: Callable[..., object], *, name: str) -> None:
    from google.api_core import exceptions as google

    with suppress(google.NotFound, google.FailedPrecondition):  # the latter of destroyed versions
        remove(name=name, **_ONCE)


def _path(name: str) -> str:
    return f"secrets/live-{name}"


def _version_of(made: "SecretVersion") -> _Version:
    message = type(made).pb(made)
    return _Version(_number(made), message.create_time.ToDatetime(UTC))


def _number(version: "SecretVersion") -> int:
    return int(version.name.rpartition("/")[2])


def _version(document: Document) -> _Version:
    return msgspec.convert(document.data, _Version)


def _data(version: _Version) -> dict[str, Any]:
    return {"number": version.number, "at": version.at}


def _pointing(name: str, version: _Version, current: Document | None) -> Write:
    if current is None:
        return Write("create", _path(name), _data(version))
    return Write("put", _path(name), _data(version), current.version)


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    """As Secret Manager allows them: lower case, at most 63 characters; for people and for filters."""
    return {_label(key): _label(value) for key, value in labels.items()}


def _label(text: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "_", text.lower())[:63]


def _crc32c(data: bytes) -> int:
    import google_crc32c

    return int(google_crc32c.value(data))


def _checked(name: str, value: bytes = b"") -> str:
    if not _NAME.fullmatch(name):
        raise InvalidRequest(f"{name!r} is no name of a secret: [A-Za-z0-9_-]{{1,200}}.")
    if len(value) > MAX_BYTES:
        raise InvalidRequest(f"A secret of {len(value)} bytes; at most {MAX_BYTES} are kept.")
    return name
