"""The Google Cloud backend: Firestore, Secret Manager and Cloud Tasks.

BACKEND=shared.gcp selects it. It reads GOOGLE_CLOUD_PROJECT, DEPLOYMENT, FIRESTORE_DATABASE, FUNCTIONS_URL,
TASKS_LOCATION, TASKS_QUEUES and TASKS_INVOKERS; with the *_EMULATOR_HOST variables set it talks to emulators
instead.
"""

from shared.config import Settings
from shared.gcp.clients import Clients
from shared.gcp.cloud_tasks import Tasks
from shared.gcp.firestore import Documents
from shared.gcp.secret_manager import Secrets


class GoogleCloud:
    """Each part makes its client when first used."""

    def __init__(self, settings: Settings) -> None:
        settings.require("GOOGLE_CLOUD_PROJECT")
        self.clients = Clients(settings)
        self.documents = Documents(self.clients.firestore, settings)
        self.secrets = Secrets(self.clients.secret_manager, settings, self.documents)
        self.tasks = Tasks(self.clients.cloud_tasks, settings)

    def close(self) -> None:
        self.clients.close()


def backend(settings: Settings) -> GoogleCloud:
    """Raises ConfigurationError without GOOGLE_CLOUD_PROJECT."""
    return GoogleCloud(settings)
