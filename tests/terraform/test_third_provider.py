"""A provider's declaration is all that Terraform needs to deploy functions that reach it."""

import pytest

from infra import declared
from shared.providers.registry import PROVIDERS
from tests.terraform.workspace import Workspace

GOOGLE = {"client_id": "1-a.apps.googleusercontent.com"}
READERS = {
    "mailboxes",
    "messages",
    "sync_mailbox",
    "deliver_email",
    "check_mailbox",
    "disconnect_mailbox",
}


def test_terraform_deploys_it(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROVIDERS, "pretend", "tests.pretend")
    (workspace.folder / "providers.yaml").write_text(declared.text())
    assert "pretend.key must start with key-" in workspace.refusal(
        mail_providers={"pretend": {"key": "lock-1"}}
    )
    providers = {"google": GOOGLE, "pretend": {"key": "key-1"}}
    made = workspace.planned(mail_providers=providers, settings={"PRETEND_PAGE": "7"})
    told = made.outputs["settings"]
    assert {name for name, names in told.items() if "PRETEND_KEY" in names} == READERS
    assert {name for name, names in told.items() if "PRETEND_KEY_SECRET" in names} == READERS
    assert {name for name, names in told.items() if "PRETEND_PAGE" in names} == {
        "messages",
        "sync_mailbox",
        "deliver_email",
    }
    assert "PRETEND_KEY_SECRET" in made.outputs["client_secrets"]
    services = {one.values["service"] for one in made.all("project_service")}
    assert "pretendmail.googleapis.com" in services
