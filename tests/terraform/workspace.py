"""A copy of terraform/ to run terraform in: nothing is ever written into the repository."""

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from infra.functions_map import ROOT

VARIABLES: dict[str, object] = {
    "project": "acme-mail",
    "mail_providers": {
        "google": {"client_id": "1-a.apps.googleusercontent.com"},
        "microsoft": {"client_id": "00000000-0000-0000-0000-000000000001"},
    },
    "auth": {
        "issuer": "https://login.example.com/",
        "audience": "mailbridge",
        "jwks_url": "https://login.example.com/jwks.json",
        "user_claim": "uid",
        "team_claim": "org",
        "role_claim": "role",
    },
    "allowed_origins": ["https://crm.example.com"],
    "alert_emails": ["ops@example.com"],
}


class Done(Struct):
    status: int
    said: str
    """Without the frames around errors and their line breaks."""


class Workspace:
    """terraform/ and functions/, with empty bundles."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder / "terraform"
        kept = shutil.ignore_patterns(".terraform*", "*.tfstate*", "backend.tf")
        shutil.copytree(ROOT / "terraform", self.folder, ignore=kept)
        for main in ROOT.glob("functions/*/main.py"):
            self.add_function(main.parent.name)
        self._rc = folder / "terraform.rc"
        self._rc.write_text("disable_checkpoint = true\n")
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TF_")},
            **environment,
            "TF_CLI_CONFIG_FILE": str(self._rc),
            "TF_IN_AUTOMATION": "1",
        }

    def add_function(self, name: str) -> None:
        """A folder, and its bundle."""
        source = self.folder.parent / "functions" / name
        source.mkdir(parents=True)
        (source / "main.py").write_text("")
        bundles = self.folder.parent / "build" / "bundles"
        bundles.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(bundles / f"{name}.zip", "w") as bundle:
            bundle.writestr(zipfile.ZipInfo("main.py"), name)

    def change(self, file: str, right: str, wrong: str) -> None:
        path = self.folder / file
        text = path.read_text()
        assert right in text, f"{file} has no {right!r}"
        path.write_text(text.replace(right, wrong, 1))

    def init(self) -> None:
        self.run("init", "-backend=false", "-input=false")

    def apply(self) -> None:
        self.run("apply", "-auto-approve", *self._chosen({}))

    def shown(self) -> "Deployed":
        """What is there."""
        return Deployed.of(json.loads(self.run("show", "-json").said))

    def planned(self, **variables: object) -> "Deployed":
        """What would be made, as far as it is known before: with VARIABLES, and `variables` in their place
        (None takes one away)."""
        self.run("plan", "-out=p", *self._chosen(variables))
        return Deployed.of(
            {"values": json.loads(self.run("show", "-json", "p").said)["planned_values"]}
        )

    def plan(self, **variables: object) -> Done:
        """What would change; status 2 when anything does."""
        return self._ended("plan", "-refresh=false", "-detailed-exitcode", *self._chosen(variables))

    def destroy(self) -> None:
        self.run("destroy", "-refresh=false", "-auto-approve", *self._chosen({}))

    def refusal(self, **variables: object) -> str:
        """What terraform says when it refuses to plan."""
        done = self.plan(**variables)
        assert done.status == 1, done.said
        return " ".join(line.strip("│╷╵ ") for line in done.said.splitlines())

    def run(self, *arguments: str) -> Done:
        done = self._ended(*arguments)
        assert done.status == 0, done.said
        return done

    def _ended(self, *arguments: str) -> Done:
        colour = () if arguments[0] in {"show", "fmt"} else ("-no-color",)
        ended = subprocess.run(  # noqa: S603
            ["terraform", *arguments, *colour],  # noqa: S607  # wherever it is installed
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        return Done(ended.returncode, ended.stdout + ended.stderr)

    def _chosen(self, variables: Mapping[str, object]) -> tuple[str, str]:
        chosen = {**VARIABLES, **variables}
        path = self.folder / "test.tfvars.json"
        path.write_text(json.dumps({name: one for name, one in chosen.items() if one is not None}))
        return "-input=false", f"-var-file={path}"


class Resource(Struct):
    type: str
    address: str
    values: dict[str, Any]
    function: str = ""
    """The function whose it is, "" for those of all."""


class Deployed(Struct):
    """Everything that Terraform made."""

    resources: list[Resource]
    outputs: dict[str, Any]

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Deployed":
        values = state["values"]
        outputs = {name: one.get("value") for name, one in values["outputs"].items()}
        return cls(list(_within(values["root_module"])), outputs)

    def all(self, type: str, function: str | None = None) -> list[Resource]:
        """Of one type, without "google_"; those of one function, or "" for those of none."""
        wanted = [one for one in self.resources if one.type == f"google_{type}"]
        return [one for one in wanted if function is None or one.function == function]

    def one(self, type: str, function: str | None = None) -> dict[str, Any]:
        (found,) = self.all(type, function)
        return found.values


def _within(module: Mapping[str, Any]) -> Iterator[Resource]:
    function = module.get("address", "").partition('["')[2].removesuffix('"]')
    for one in module["resources"]:
        if one["mode"] == "managed":
            yield Resource(one["type"], one["address"], one["values"], function)
    for child in module.get("child_modules", ()):
        yield from _within(child)
