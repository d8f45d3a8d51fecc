"""What must not be read by others: named secrets, and sealing what leaves our hands."""

from collections.abc import Mapping
from typing import Literal, Protocol


class SecretStore(Protocol):
    """Named secrets of at most 64 KiB, sealed at rest. A name is [A-Za-z0-9_-]{1,200}."""

    def get(self, name: str) -> bytes | None: ...
    def put(self, name: str, value: bytes, *, labels: Mapping[str, str] | None = None) -> None:
        """Makes `value` the one live version: written and read back before the old is destroyed."""

    def create(self, name: str, value: bytes, *, labels: Mapping[str, str] | None = None) -> bytes:
        """The live value: `value`, or the older one when somebody was first."""

    def delete(self, name: str) -> None:
        """Destroys every version; fine if absent."""


Ring = Literal["state", "access", "refresh", "page", "destination"]
"""What a ring of keys seals, and nothing else: OAuth states, live access tokens, rotated refresh tokens,
page tokens, the secrets that sign webhooks. A function that is granted one ring opens nothing of another."""


class Sealer(Protocol):
    """Authenticated encryption of small things; `shared.sealing` says how."""

    def seal(self, plain: bytes, *, context: str) -> str:
        """Text safe in URLs. It opens only with the same `context`, which is not part of it."""

    def open(self, sealed: str, *, context: str) -> bytes:
        """What was sealed. InvalidRequest (reason "unreadable_seal") on anything else."""
