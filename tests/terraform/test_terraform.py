"""What terraform itself says: its formatter, its validator, its tests; and that applying twice is once."""

import shutil
from pathlib import Path

import pytest

from infra.functions_map import ROOT
from tests.terraform.provider import VERSIONS, no_standin, provider
from tests.terraform.workspace import Deployed, Workspace


@pytest.mark.skipif(not shutil.which("terraform"), reason="terraform is not installed")
def test_it_is_formatted(tmp_path: Path) -> None:
    assert Workspace(tmp_path, {}).run("fmt", "-check", "-recursive", "-diff").said == ""


def test_applying_again_changes_nothing(applied: Workspace) -> None:
    assert applied.plan().status == 0


@pytest.mark.skipif(bool(no_standin()), reason=no_standin())
def test_it_comes_and_goes_with_the_oldest_version_too(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    with provider(VERSIONS[0], tmp_path / "data") as environment:
        workspace = Workspace(tmp_path / "work", environment)
        workspace.init()
        workspace.apply()
        assert workspace.plan().status == 0
        workspace.destroy()


def test_going_away_leaves_the_database_behind(deployed: Deployed) -> None:
    database = deployed.one("firestore_database")
    assert database["deletion_policy"] == "ABANDON"
    assert database["delete_protection_state"] == "DELETE_PROTECTION_ENABLED"


def test_its_own_tests_pass(any_provider: dict[str, str], tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, any_provider)
    workspace.init()
    workspace.run("validate")
    assert ", 0 failed" in workspace.run("test").said


@pytest.mark.parametrize("environment", ["production", "staging"])
def test_the_examples_of_environments_can_be_planned(
    workspace: Workspace, environment: str
) -> None:
    workspace.run("plan", "-input=false", f"-var-file=environments/{environment}.tfvars")


def test_no_state_lock_file_or_secret_is_in_the_repository() -> None:
    ignored = (ROOT / ".gitignore").read_text().split()
    assert {".terraform/", "*.tfstate*", ".terraform.lock.hcl", "terraform/backend.tf"} <= set(
        ignored
    )
