"""Documents and secrets in a real Google Cloud project, with the credentials of whoever starts the stack."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from infra.processes.process import Report
from shared import bootstrap
from shared.domain.errors import ConfigurationError, ProviderUnavailable
from shared.gcp import GoogleCloud

DEFAULT_DATABASE = "(default)"
SIMULATED_DEPLOYMENT = "simulated"
"""Keeps the secrets of made-up mailboxes apart from a deployment's."""
_PROBE = "start-probe"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class RealProject:
    inherits = ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG")

    def __init__(self, settings: Mapping[str, str], *, simulated: bool) -> None:
        """Raises ConfigurationError without credentials, and where made-up mail would meet real mail."""
        self.project = settings["GOOGLE_CLOUD_PROJECT"]
        self.keeps = (
            f"documents and secrets stay in the project {self.project}; tasks that wait are gone, and the "
            "sweep makes them again"
        )
        self.settings = {"DEPLOYMENT": SIMULATED_DEPLOYMENT} if simulated else {}
        self.settings |= settings
        if simulated:
            _check_database(settings.get("FIRESTORE_DATABASE", DEFAULT_DATABASE))
        _check_credentials(self.project)

    @contextmanager
    def serving(self, _logs: Path, _report: Report) -> Iterator[Mapping[str, str]]:
        """Raises ConfigurationError when the project does not let us in."""
        with closing(GoogleCloud(bootstrap.settings(self.settings))) as cloud:
            try:
                cloud.secrets.delete(
                    _PROBE
                )  # none is there; both services are asked, and may refuse
            except ProviderUnavailable as error:
                raise ConfigurationError(f"{self.project} cannot be reached: {error}.") from error
        yield self.settings


def _check_database(name: str) -> None:
    """A deployment's mailboxes would be tried at the simulator, which knows none of their tokens, and
    every one of them would be taken for disconnected."""
    if name == DEFAULT_DATABASE:
        raise ConfigurationError(
            "On a real project the simulated providers need a Firestore database of their own, away from "
            "real mailboxes: name one that has terraform/indexes.yaml by FIRESTORE_DATABASE, or unset "
            "GOOGLE_CLOUD_PROJECT to use the emulators."
        )


def _check_credentials(project: str) -> None:
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    try:
        google.auth.default(scopes=[_SCOPE])
    except DefaultCredentialsError as error:
        raise ConfigurationError(
            f"GOOGLE_CLOUD_PROJECT names the project {project}, and there are no credentials for it: run "
            "`gcloud auth application-default login`, or unset GOOGLE_CLOUD_PROJECT to use the emulators. "
            f"({error.args[0]})"
        ) from error
