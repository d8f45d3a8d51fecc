"""What every provider declares holds together, and costs nothing to read."""

import subprocess
import sys

import pytest

from infra import declared as providers_yaml
from infra.functions_map import ROOT
from shared import bootstrap
from shared.config import Settings, declared
from shared.domain.mailboxes import Capability
from shared.ports.declarations import Declaration, SignIn, Use
from shared.providers.registry import Registry, declarations

EVERY = pytest.mark.parametrize("one", declarations().values(), ids=lambda one: one.name)


@EVERY
def test_it_goes_by_its_name_in_the_registry_and_is_the_providers_own(one: Declaration) -> None:
    assert declarations()[one.name] is one
    assert Registry(Settings()).get(one.name).declaration is one


@EVERY
def test_it_names_only_settings_that_it_has(one: Declaration) -> None:
    known = set(declared(one.settings))
    assert set(one.client) <= known
    assert {name for names in one.uses.values() for name in names} <= known
    assert {variable.setting for variable in one.variables.values()} <= known - {*one.secrets}


@EVERY
def test_every_setting_of_it_is_for_some_use_and_says_what_it_is(one: Declaration) -> None:
    used = {name for names in one.uses.values() for name in names}
    settings = declared(one.settings)
    assert used == set(settings)
    assert all(setting.said or setting.form.secret for setting in settings.values())


@EVERY
def test_the_readme_says_of_each_setting_what_its_declaration_says(one: Declaration) -> None:
    text = (ROOT / "README.md").read_text()
    for name, setting in declared(one.settings).items():
        (row,) = [
            line for line in text.splitlines() if line.startswith("|") and f"`{name}`" in line
        ]
        assert setting.said in row, name


@EVERY
def test_secrets_have_no_default_and_are_needed_to_connect(one: Declaration) -> None:
    assert one.secrets
    assert set(one.secrets) <= set(one.client)
    assert not any(declared(one.settings)[name].default for name in one.client)


@EVERY
def test_only_who_deals_with_tokens_is_given_a_secret(one: Declaration) -> None:
    with_secret = {use for use, names in one.uses.items() if {*names} & {*one.secrets}}
    assert with_secret <= {Use.SIGN_IN, Use.TOKENS}


@EVERY
def test_every_scope_behind_a_capability_is_asked_for(one: Declaration) -> None:
    assert {Capability.READ, Capability.SEND} <= set(one.capabilities)
    provider = Registry(Settings()).get(one.name)
    for capability, scopes in one.capabilities.items():
        assert set(scopes) <= set(one.scopes)
        assert provider.scopes_for(capability) == scopes
    assert provider.missing_scopes(()) == one.scopes


@EVERY
def test_a_consent_has_somewhere_to_enter_our_redirect_uri(one: Declaration) -> None:
    assert bool(one.redirects_at) == (one.sign_in is SignIn.OAUTH)


def test_no_two_groups_have_a_setting_of_one_name() -> None:
    groups = [Settings, *(one.settings for one in declarations().values())]
    assert len(bootstrap.every_setting()) == sum(len(declared(group)) for group in groups)


def test_no_setting_of_a_vendor_stands_outside_its_folder() -> None:
    """functions.yaml and Terraform's own files say what is wanted; providers.yaml is written by us."""
    names = {name for one in declarations().values() for name in declared(one.settings)}
    files = [
        ROOT / "shared" / "config.py",
        ROOT / "terraform" / "functions.yaml",
        ROOT / "terraform" / "settings.tf",
        ROOT / "terraform" / "functions.tf",
        *(ROOT / "infra" / "local").glob("*.py"),
        *(ROOT / "infra" / "operate").glob("*.py"),
        ROOT / "infra" / "functions_map.py",
    ]
    for file in files:
        assert not [name for name in names if name in file.read_text()], file


def test_terraform_reads_what_the_providers_declare() -> None:
    assert providers_yaml.PATH.read_text() == providers_yaml.text(), "renew it: make providers"


def test_reading_them_makes_nothing_of_any_provider() -> None:
    code = (
        "import sys; from shared.providers.registry import declarations; assert declarations();"
        "heavy = {'requests', 'jwt', 'msal', 'idna', 'nh3', 'cryptography', 'shared.providers.http',"
        "'shared.providers.google.provider', 'shared.providers.microsoft.provider'};"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run(  # noqa: S603  # our own interpreter, our own code
        [sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
