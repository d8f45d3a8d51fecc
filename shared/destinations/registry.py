"""Every kind of destination, by name. A new one is one more line here and one more module."""

from importlib import import_module

from shared.config import Settings
from shared.domain.errors import InvalidRequest
from shared.ports.destinations import Receiver

KINDS = {
    "webhook": "shared.destinations.webhook",
}
"""Name → a module with `receiver(settings) -> Receiver`, imported when first asked for."""


class Registry:
    """`ports.Receivers` over KINDS. Each is made once and kept."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: dict[str, Receiver] = {}

    def get(self, kind: str) -> Receiver:
        if kind not in KINDS:
            raise InvalidRequest.field("/kind", f"must be one of: {', '.join(KINDS)}")
        if kind not in self._made:
            made: Receiver = import_module(KINDS[kind]).receiver(self._settings)
            self._made.setdefault(kind, made)
        return self._made[kind]
