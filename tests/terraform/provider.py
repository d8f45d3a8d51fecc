"""Where terraform gets hashicorp/google from: a stand-in that serves its schema, or the registry."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.functions_map import ROOT

FOLDER = "TERRAFORM_STANDIN"
"""Environment variable: the folder of standin.py and its data/<version>/."""
VERSIONS = ("7.43.0", "8.7.0")
"""The oldest that versions.tf allows, and the newest that this was tried with."""
_FAKES = {
    "google_artifact_registry_repository": {
        "id": "projects/{project}/locations/{location}/repositories/{repository_id}",
        "name": "{repository_id}",
    },
    "google_project_iam_custom_role": {
        "id": "projects/{project}/roles/{role_id}",
        "name": "projects/{project}/roles/{role_id}",
    },
}
"""What Google makes up for these; the stand-in's own data lack it."""
_WRITER = "google_artifact_registry_repository_iam_member"
"""The stand-in's schema lacks this one. It is that of a queue's grant, its `name` called `repository`."""


def no_terraform() -> str:
    """Why terraform cannot even test itself here; "" if it can."""
    if not shutil.which("terraform"):
        return "terraform is not installed"
    if _folder() is None and not _registry_answers():
        return f"neither a registry nor a stand-in ({FOLDER}) has hashicorp/google"
    return ""


def no_standin() -> str:
    """Why nothing can be planned and applied here, as the real provider would in a real project."""
    if not _folder():
        return f"there is no stand-in for hashicorp/google; {FOLDER} names its folder"
    return no_terraform()


@contextmanager
def provider(version: str, folder: Path) -> Iterator[dict[str, str]]:
    """The environment in which terraform finds it; `folder` is for its data. One process serves all."""
    standin = _folder()
    if standin is None:
        folder.mkdir(parents=True)
        yield {"TF_PLUGIN_CACHE_DIR": str(folder)}  # `terraform init` asks the registry, once
        return
    shutil.copytree(standin / "data" / version, folder)
    fakes = json.loads((folder / "fakes.json").read_text())
    (folder / "fakes.json").write_text(json.dumps(fakes | _FAKES))
    _add_writer(folder / "schema.json")
    process = subprocess.Popen(  # noqa: S603  # the stand-in's own program
        [sys.executable, str(standin / "standin.py"), "--serve"],
        env={**os.environ, "STANDIN_DATA": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:  # leaving it closes stdin, which ends the process
        assert process.stdout
        line = process.stdout.readline().strip()
        assert line, "the stand-in did not start; it needs grpcio and msgpack"
        yield {"TF_REATTACH_PROVIDERS": line}


def _add_writer(path: Path) -> None:
    document = json.loads(path.read_text())
    ((_, served),) = document["provider_schemas"].items()
    schema = json.loads(
        json.dumps(served["resource_schemas"]["google_cloud_tasks_queue_iam_member"])
    )
    attributes = schema["block"]["attributes"]
    attributes["repository"] = attributes.pop("name")
    served["resource_schemas"].setdefault(_WRITER, schema)
    path.write_text(json.dumps(document))


def _folder() -> Path | None:
    named = os.environ.get(FOLDER)
    folder = Path(named) if named else ROOT.parent / "shared" / "tools" / "terraform"
    return folder if (folder / "standin.py").exists() else None


def _registry_answers() -> bool:
    try:
        socket.create_connection(("registry.terraform.io", 443), timeout=2).close()
    except OSError:
        return False
    return True
