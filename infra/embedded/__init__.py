"""The backend of one machine: documents, secrets and tasks in SQLite files in one folder.

BACKEND=infra.embedded selects it, EMBEDDED_DATA names the folder. Every function's process and the
local stack use the same files at once.
"""

from pathlib import Path

from infra.embedded.documents import Documents
from infra.embedded.secrets import Secrets
from infra.embedded.tasks import Tasks
from shared.config import Settings


class Embedded:
    """Each part opens its file when first used."""

    def __init__(self, folder: Path) -> None:
        self.documents = Documents(folder)
        self.secrets = Secrets(folder)
        self.tasks = Tasks(folder)

    def close(self) -> None:
        self.documents.close()
        self.secrets.close()
        self.tasks.close()


def backend(settings: Settings) -> Embedded:
    return Embedded(Path(settings.embedded_data))
