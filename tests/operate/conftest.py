"""An environment in a copy of the sources, with stand-ins for Terraform and Google's APIs."""

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
from msgspec import Struct
from rich.console import Console

from infra.operate.google import Google
from infra.operate.terraform import Terraform
from tests.isolation import copy_sources
from tests.operate import terraform_stand_in
from tests.providers.server import Asked, Reply, json_reply, serving

PROJECT = "acme-mail"
TFVARS = f"""
project    = "{PROJECT}"
region     = "europe-west1"
deployment = "acme"
mail_providers = {{
  google = {{ client_id = "1.apps.googleusercontent.com" }}
}}
auth = {{
  issuer   = "https://login.example.com"
  audience = "mailbridge"
  jwks_url = "https://login.example.com/keys"
}}
"""
URLS = {"contacts": "https://functions.example.com/acme-contacts"}
REDIRECT_URI = "https://functions.example.com/acme-oauth_callback"
OUTPUTS: dict[str, Any] = {
    "deployment": "acme",
    "project": PROJECT,
    "region": "europe-west1",
    "database": "acme",
    "redirect_uri": REDIRECT_URI,
    "function_urls": URLS,
    "queues": {"sync": "acme-sync"},
}


class StandIn(Struct):
    """What Terraform was asked, and what it is to answer by subcommand."""

    folder: Path

    def answers(self, **by_command: dict[str, Any]) -> None:
        (self.folder / "answers").write_bytes(msgspec.json.encode(by_command))

    @property
    def calls(self) -> list[dict[str, Any]]:
        file = self.folder / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        return [msgspec.json.decode(line) for line in lines]

    @property
    def commands(self) -> list[str]:
        """The subcommands, in their order."""
        return [
            next(word for word in call["arguments"] if not word.startswith("-"))
            for call in self.calls
        ]


def outputs(**other: Any) -> dict[str, Any]:
    """As `terraform output -json` says them."""
    values = OUTPUTS | other
    said = {name: {"value": value, "sensitive": False} for name, value in values.items()}
    return {"says": msgspec.json.encode(said).decode()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The sources, with an environment "acme"."""
    root = tmp_path / "sources"
    copy_sources(root)
    (root / "terraform" / "environments" / "acme.tfvars").write_text(TFVARS)
    return root


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "terraform"
    program.write_text(f"#!{sys.executable}\n{Path(terraform_stand_in.__file__).read_text()}")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    made = StandIn(folder)
    made.answers()
    return made


@pytest.fixture
def terraform(root: Path, stand_in: StandIn) -> Terraform:
    assert stand_in.folder.exists()
    return Terraform("acme", root)


class FakeGoogle(Struct):
    """Google's APIs: what they answer by a part of the path, and what they were asked."""

    google: Google
    answers: dict[str, Reply]
    asked: list[Asked]

    def says(self, part: str, status: int = 200, **body: Any) -> None:
        self.answers[part] = json_reply(status, **body)

    def refuses(self, part: str, status: int, message: str = "no", reason: str = "") -> None:
        error = {"message": message, "details": [{"@type": "ErrorInfo", "reason": reason}]}
        self.says(part, status, error=error)


@pytest.fixture
def fake_google() -> Iterator[FakeGoogle]:
    answers: dict[str, Reply] = {}

    def answer(asked: Asked) -> Reply:
        fitting = [reply for part, reply in answers.items() if part in asked.target]
        return fitting[0] if fitting else json_reply(404, error={"message": "not found"})

    with serving(answer) as server, requests.Session() as session:
        google = Google(PROJECT, session=session, host=f"{server.url}/{{service}}")
        yield FakeGoogle(google, answers, server.asked)


@pytest.fixture
def screen() -> Console:
    """Not a terminal; `text` reads it."""
    return Console(file=io.StringIO(), width=200, highlight=False)


@pytest.fixture
def text(screen: Console) -> Callable[[], str]:
    def read() -> str:
        assert isinstance(screen.file, io.StringIO)
        return screen.file.getvalue()

    return read
