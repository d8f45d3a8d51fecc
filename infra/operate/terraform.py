"""Terraform on terraform/, one environment at a time: its .tfvars, and a state of its own."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from infra.functions_map import ROOT
from infra.operate import hcl
from infra.operate.deployment import Deployment, from_outputs
from shared.domain.errors import ConfigurationError

INSTALL = "https://developer.hashicorp.com/terraform/install"


class Terraform:
    """Runs with the user's own environment, so that TF_VAR_… reaches it; no value is an argument.

    Every method raises ConfigurationError when Terraform is missing or fails; it has then said why.
    """

    def __init__(self, environment: str, root: Path = ROOT) -> None:
        """Raises ConfigurationError when there are no such variables."""
        self.environment = environment
        self.root = root
        self.folder = root / "terraform"
        self.variables = variables(environment, root)
        self._data = root / "build" / "terraform" / environment
        self._plan = self._data / "plan"

    def init(self, *, quiet: bool = False) -> None:
        """No two environments share a state: it is in the bucket below the environment's name, or without
        a backend.tf in a workspace of that name, on this machine."""
        if self._in_bucket():
            prefix = f"-backend-config=prefix=mailbridge/{self.environment}"
            self._run("init", "-input=false", prefix, capture=quiet)
        else:
            self._run("init", "-input=false", capture=quiet)
            self._run("workspace", "select", "-or-create=true", self.environment, capture=quiet)

    def _in_bucket(self) -> bool:
        backend = self.folder / "backend.tf"
        blocks = hcl.read(backend).get("terraform", []) if backend.exists() else []
        return any("gcs" in kind for block in blocks for kind in block.get("backend", []))

    def plan(self, *targets: str) -> bool:
        """Shows what would change, of `targets` if any are named; True when anything would."""
        self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = self._run(
            "plan",
            "-input=false",
            "-detailed-exitcode",
            f"-var-file={self.variables}",
            f"-out={self._plan}",
            *(f"-target={target}" for target in targets),
            allowed=(0, 2),
        ).returncode
        return status == 2

    def apply(self) -> None:
        """Exactly what was planned."""
        self._run("apply", "-input=false", str(self._plan))

    def forget_plan(self) -> None:
        """It holds the values of all variables."""
        self._plan.unlink(missing_ok=True)

    def deployment(self) -> Deployment:
        """What stands there."""
        if not self._data.exists():
            self.init(quiet=True)
        text = self._run("output", "-json", capture=True).stdout
        return from_outputs(msgspec.json.decode(text), self.environment)

    def version(self) -> str:
        found: Mapping[str, Any] = msgspec.json.decode(
            self._run("version", "-json", capture=True).stdout
        )
        return str(found["terraform_version"])

    def _run(
        self, *arguments: str, allowed: tuple[int, ...] = (0,), capture: bool = False
    ) -> "subprocess.CompletedProcess[str]":
        command = [executable(), f"-chdir={self.folder}", *arguments]
        with _leaving_interrupts_to_it():
            done = subprocess.run(  # noqa: S603  # Terraform, as the user has it installed
                command,
                env=os.environ
                | {
                    "TF_DATA_DIR": str(self._data),
                    "TF_IN_AUTOMATION": "1",
                    "CHECKPOINT_DISABLE": "1",
                },
                stdout=subprocess.PIPE if capture else None,
                text=True,
                check=False,
            )
        if done.returncode not in allowed:
            raise ConfigurationError(
                f"terraform {arguments[0]} failed for {self.environment}; what it said is above. "
                f"What it needs is checked by: make doctor ENVIRONMENT={self.environment}"
            )
        return done


@contextmanager
def _leaving_interrupts_to_it() -> Iterator[None]:
    """Ctrl-C reaches Terraform as well, which then ends in good order; killing it would cost the state."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def executable() -> str:
    if not (path := shutil.which("terraform")):
        raise ConfigurationError(f"Terraform is not installed: {INSTALL}")
    return path


def variables(environment: str, root: Path = ROOT) -> Path:
    """The environment's .tfvars. Raises ConfigurationError naming those there are."""
    folder = root / "terraform" / "environments"
    there = {path.stem: path for path in sorted(folder.glob("*.tfvars"))}
    if environment not in there:
        named = (
            f"There is no terraform/environments/{environment}.tfvars"
            if environment
            else "Name one"
        )
        raise ConfigurationError(
            f"{named}: ENVIRONMENT can be {' or '.join(there) or 'none, as there are no .tfvars yet'}; "
            "another one is a copy of theirs under its own name."
        )
    return there[environment]
