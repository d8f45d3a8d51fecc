"""Terraform is called for one environment, with a state of its own, and its failures say what to do."""

import os
import shutil
import signal
from pathlib import Path

import msgspec
import pytest
from packaging.specifiers import SpecifierSet

from infra.operate.terraform import Terraform
from shared.domain.errors import ConfigurationError
from tests.operate.conftest import OUTPUTS, StandIn, outputs


def test_each_environment_has_its_own_state_on_this_machine(
    terraform: Terraform, stand_in: StandIn, root: Path
) -> None:
    terraform.init()
    assert stand_in.calls[1]["arguments"][1:] == ["workspace", "select", "-or-create=true", "acme"]
    data = {call["environment"]["TF_DATA_DIR"] for call in stand_in.calls}
    assert data == {str(root / "build" / "terraform" / "acme")}


def test_and_in_a_bucket(terraform: Terraform, stand_in: StandIn, root: Path) -> None:
    example = root / "terraform" / "backend.tf.example"
    (root / "terraform" / "backend.tf").write_text(example.read_text())
    terraform.init()
    assert stand_in.commands == ["init"]
    assert "-backend-config=prefix=mailbridge/acme" in stand_in.calls[0]["arguments"]


def test_a_backend_that_is_commented_out_is_none(
    terraform: Terraform, stand_in: StandIn, root: Path
) -> None:
    text = 'terraform {\n  # backend "gcs" {}\n  required_version = ">= 1.9"\n}\n'
    (root / "terraform" / "backend.tf").write_text(text)
    terraform.init()
    assert stand_in.commands == ["init", "workspace"]


def test_variables_come_from_the_environments_file_and_from_tf_var(
    terraform: Terraform, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_VAR_secret", "s3cret")
    terraform.plan()
    call = stand_in.calls[0]
    assert f"-var-file={terraform.variables}" in call["arguments"]
    assert call["environment"]["TF_VAR_secret"] == "s3cret"
    assert "s3cret" not in " ".join(call["arguments"])


def test_a_plan_can_be_read_by_its_owner_only(terraform: Terraform, root: Path) -> None:
    terraform.plan()
    assert (root / "build" / "terraform" / "acme").stat().st_mode & 0o077 == 0


def test_what_is_deployed_is_read_from_the_outputs(terraform: Terraform, stand_in: StandIn) -> None:
    stand_in.answers(output=outputs())
    found = terraform.deployment()
    assert (found.project, found.database) == ("acme-mail", "acme")
    assert found.service("contacts") == "acme-contacts"


def test_an_environment_without_outputs_is_not_deployed_yet(
    terraform: Terraform, stand_in: StandIn
) -> None:
    stand_in.answers(output={"says": "{}"})
    with pytest.raises(ConfigurationError, match="make deploy ENVIRONMENT=acme"):
        terraform.deployment()


def test_an_unknown_environment_is_answered_with_those_there_are(root: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nope\.tfvars.*acme or production or staging"):
        Terraform("nope", root)


def test_a_name_that_leads_elsewhere_is_no_environment(root: Path) -> None:
    with pytest.raises(ConfigurationError):
        Terraform("../environments/acme", root)


def test_without_terraform_it_says_where_to_get_it(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"not installed: https://"):
        Terraform("acme", root).init()


@pytest.mark.skipif(not shutil.which("terraform"), reason="Terraform is not installed")
def test_the_real_one_plans_applies_and_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a configuration that needs no provider."""
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", os.devnull)
    environments = tmp_path / "terraform" / "environments"
    environments.mkdir(parents=True)
    (environments / "one.tfvars").write_text('deployment = "one"')
    (environments / "two.tfvars").write_text('deployment = "two"')
    (tmp_path / "terraform" / "main.tf").write_text(
        'variable "deployment" {}\nresource "terraform_data" "it" {\n  input = var.deployment\n}\n'
        + "".join(
            f'output "{name}" {{\n  value = {msgspec.json.encode(value).decode()}\n}}\n'
            for name, value in OUTPUTS.items()
            if name != "deployment"
        )
        + 'output "deployment" {\n  value = terraform_data.it.output\n}\n'
    )
    one, two = Terraform("one", tmp_path), Terraform("two", tmp_path)
    one.init()
    assert one.plan() is True
    one.apply()
    assert one.plan() is False
    assert one.deployment().deployment == "one"
    with pytest.raises(ConfigurationError, match="Nothing is deployed to two yet"):
        two.deployment()
    assert SpecifierSet(">=1.4").contains(one.version())


def test_an_interrupt_does_not_kill_it_at_work(terraform: Terraform, stand_in: StandIn) -> None:
    """It gets the terminal's signal itself, and ends in good order."""
    stand_in.answers(apply={"interrupted": True, "status": 1})
    with pytest.raises(ConfigurationError, match="apply failed"):
        terraform.apply()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
