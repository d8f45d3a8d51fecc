"""Documents and secrets on this machine: Google's Firestore emulator and our Secret Manager."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from infra.cloud import firestore_emulator
from infra.cloud.secret_manager_server import SecretManager
from infra.processes.process import Report
from shared.domain.errors import ConfigurationError

FIRESTORE, SECRETS = "FIRESTORE_EMULATOR_HOST", "SECRET_MANAGER_EMULATOR_HOST"
PROJECT = "mailbridge-local"
"""Where nobody names one: emulators take any."""


class Emulators:
    """Started here, but for those that run already and are named by their *_EMULATOR_HOST."""

    inherits = ()

    def __init__(self, settings: Mapping[str, str]) -> None:
        """Raises ConfigurationError when the Firestore emulator is needed and not installed."""
        self.project = settings.get("GOOGLE_CLOUD_PROJECT", PROJECT)
        self._given = {name: settings[name] for name in (FIRESTORE, SECRETS) if name in settings}
        if FIRESTORE not in self._given and (why := firestore_emulator.missing()):
            raise ConfigurationError(why)

    @property
    def keeps(self) -> str:
        if not self._given:
            return "what is stored is gone then, for the emulators keep it in memory"
        return f"what is stored stays only where {' and '.join(self._given)} says"

    @contextmanager
    def serving(self, logs: Path, report: Report) -> Iterator[Mapping[str, str]]:
        with ExitStack() as running:
            found = {"GOOGLE_CLOUD_PROJECT": self.project, **self._given}
            if FIRESTORE not in found:
                emulator = firestore_emulator.running(logs / "firestore.log", report)
                found[FIRESTORE] = running.enter_context(emulator)
                firestore_emulator.warm_up(found[FIRESTORE])
            if SECRETS not in found:
                found[SECRETS] = running.enter_context(SecretManager().serving())
            yield found
