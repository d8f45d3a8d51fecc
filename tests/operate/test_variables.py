"""An environment's variables are read as Terraform reads them, and agree with its files."""

from pathlib import Path

import pytest

from infra.functions_map import ROOT
from infra.operate import hcl, project, variables
from infra.operate.variables import Variables
from shared.domain.errors import ConfigurationError
from shared.providers.registry import declarations
from tests.operate.conftest import TFVARS

GOOGLE = {"client_id": "1.apps.googleusercontent.com"}


def read(folder: Path, text: str) -> Variables:
    file = folder / "x.tfvars"
    file.write_text(text)
    return variables.read(file)


def test_an_environments_variables_are_read_as_terraform_does(tmp_path: Path) -> None:
    found = read(tmp_path, TFVARS)
    assert (found.project, found.mail_providers) == ("acme-mail", {"google": GOOGLE})
    host = "https://europe-west1-acme-mail.cloudfunctions.net"
    assert found.redirect_uri == f"{host}/acme-oauth_callback"
    assert found.client_secrets == ["acme-google-client-secret"]
    assert found.missing == []


def test_a_public_url_of_ones_own_is_where_consents_come_back(tmp_path: Path) -> None:
    plain = read(tmp_path, 'public_url = "https://mail.example.com"')
    assert plain.redirect_uri == "https://mail.example.com/oauth_callback"
    spelled = read(tmp_path, 'public_url = "https://mail.example.com/{function}/v1"')
    assert spelled.redirect_uri == "https://mail.example.com/oauth_callback/v1"


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    found = read(tmp_path, 'region = "europe-west1"')
    wanted = ["project", "mail_providers", "auth.issuer", "auth.audience", "auth.jwks_url"]
    assert found.missing == wanted


@pytest.mark.parametrize("text", ["project = ", "project = 3", 'mail_providers = "x"', "{"])
def test_variables_that_cannot_be_read_are_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"x\.tfvars"):
        read(tmp_path, text)


def test_its_defaults_are_those_of_variables_tf() -> None:
    blocks = hcl.read(ROOT / "terraform" / "variables.tf")["variable"]
    declared = {name.strip('"'): body for block in blocks for name, body in block.items()}
    assert declared["region"]["default"] == Variables().region
    assert declared["deployment"]["default"] == Variables().deployment
    fields = {*Variables.__struct_fields__} - {"given"}
    assert fields <= declared.keys()


def test_the_outputs_it_reads_are_there() -> None:
    from infra.operate.deployment import Deployment

    blocks = hcl.read(ROOT / "terraform" / "outputs.tf")["output"]
    assert {*Deployment.__struct_fields__} <= {name for block in blocks for name in block}


def test_the_apis_are_those_that_terraform_enables() -> None:
    google = declarations()["google"]
    without, with_google = (project.services(ROOT, given) for given in ((), (google,)))
    assert {"run.googleapis.com", "firestore.googleapis.com"} <= set(without)
    assert "gmail.googleapis.com" in set(with_google) - set(without)


def test_client_secrets_are_named_as_terraform_names_them() -> None:
    from infra.operate.deploying import CLIENT_SECRETS

    kind, name = CLIENT_SECRETS.split(".")
    assert f'resource "{kind}" "{name}"' in (ROOT / "terraform" / "secrets.tf").read_text()
