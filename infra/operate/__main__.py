"""`python -m infra.operate plan | deploy | doctor | logs | status`. The rest is in the environment.

Exit codes: 0 as it should be, 1 something is not, 2 it cannot be done as things are set up.
"""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console

from infra.functions_map import EMBEDDED, ROOT
from infra.operate import doctor, logs, queues, status, status_screen
from infra.operate.deploying import Deploying
from infra.operate.deployment import Deployment
from infra.operate.google import Google, Refused
from infra.operate.terraform import Terraform
from shared import bootstrap
from shared.bootstrap import World
from shared.config import Settings
from shared.domain.errors import ConfigurationError, MailbridgeError

WIDE = 200


class Command:
    """One run of it, in an environment."""

    def __init__(self, env: Mapping[str, str], console: Console) -> None:
        self._env = env
        self._environment = env.get("ENVIRONMENT", "")
        self._console = console

    def plan(self) -> int:
        return Deploying(Terraform(self._environment), self._console).plan()

    def deploy(self) -> int:
        return Deploying(Terraform(self._environment), self._console).deploy()

    def doctor(self) -> int:
        if self._environment:
            checks = doctor.of_deployment(self._environment)
            return doctor.show(checks, self._console, f"make deploy{self._where}")
        return doctor.show(doctor.of_machine(self._env), self._console, "make run")

    def logs(self) -> int:
        wanted = logs.Wanted.from_env(self._env)
        if not self._environment:
            source: logs.Source = logs.of_machine(logs.folder(self._env), wanted)
            return logs.show(source, wanted, self._console, logs.LOCAL_PAUSE)
        deployment = self._deployment()
        source = logs.of_deployment(Google(deployment.project), deployment, wanted)
        return logs.show(source, wanted, self._console, logs.CLOUD_PAUSE)

    def status(self) -> int:
        if self._environment:
            deployment = self._deployment()
            world = World(_settings(deployment))
            waiting = queues.of_deployment(Google(deployment.project), deployment)
        else:
            world = World(_here(self._env))
            waiting = queues.of_machine(world.settings)
        status_screen.show(status.read(world), waiting, self._console, self._where)
        return 0

    def _deployment(self) -> Deployment:
        return Terraform(self._environment).deployment()

    @property
    def _where(self) -> str:
        return f" ENVIRONMENT={self._environment}" if self._environment else ""


def _settings(deployment: Deployment) -> Settings:
    return Settings(
        google_cloud_project=deployment.project,
        firestore_database=deployment.database,
        deployment=deployment.deployment,
    )


def _here(env: Mapping[str, str]) -> Settings:
    """Those of the stack on this machine. Raises ConfigurationError when it never ran."""
    data = Path(env.get("EMBEDDED_DATA") or ROOT / ".local")
    settings = bootstrap.settings({"BACKEND": EMBEDDED, **env, "EMBEDDED_DATA": str(data)})
    if settings.backend == EMBEDDED and not (data / "documents.sqlite3").exists():
        raise ConfigurationError(f"Nothing is kept in {data} yet. Next: make run")
    return settings


_COMMANDS: dict[str, Callable[[Command], int]] = {
    "plan": Command.plan,
    "deploy": Command.deploy,
    "doctor": Command.doctor,
    "logs": Command.logs,
    "status": Command.status,
}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in _COMMANDS:
        print(f"python -m infra.operate {' | '.join(_COMMANDS)}", file=sys.stderr)
        return 2
    try:
        return _COMMANDS[arguments[0]](Command(os.environ, _console()))
    except MailbridgeError as error:
        print(f"mailbridge: {error.detail}", file=sys.stderr)
    except Refused as error:
        print(f"mailbridge: Google refused ({error.status}): {error.detail}", file=sys.stderr)
        print("Next: make doctor, with the same ENVIRONMENT", file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
    return 2


def _console() -> Console:
    """A pipe is as wide as it takes."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
