"""A third provider is one folder and one line of the registry: everything but its behaviour works."""

import re
from pathlib import Path

import pytest

from infra import functions_map
from infra.local import configuration
from infra.operate import consents, findings, machine, project, variables
from infra.operate.findings import State
from infra.operate.variables import Variables
from infra.simulator import Simulator
from shared import bootstrap
from shared.config import Settings
from shared.domain.errors import ConfigurationError, InvalidRequest
from shared.ports.declarations import Use
from shared.providers.registry import PROVIDERS, Registry, declarations
from shared.services.accounts import connecting
from tests.pretend.declaration import PretendSettings
from tests.pretend.provider import Pretend
from tests.world import ANA, FakeClock, LocalWorld

KEY = {"PRETEND_KEY": "key-1", "PRETEND_KEY_SECRET": "s3cret"}
READERS = {
    "mailboxes",
    "messages",
    "sync_mailbox",
    "deliver_email",
    "check_mailbox",
    "disconnect_mailbox",
}


@pytest.fixture(autouse=True)
def third(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line in the registry."""
    monkeypatch.setitem(PROVIDERS, "pretend", "tests.pretend")


# -- settings ---------------------------------------------------------------------------------------


def test_its_settings_are_read_and_handed_to_it() -> None:
    settings = bootstrap.settings({**KEY, "PRETEND_PAGE": "7"})
    assert settings.of(PretendSettings).pretend_key_secret == "s3cret"
    made = Registry(settings).get("pretend")
    assert isinstance(made, Pretend)
    assert made.page == 7


def test_what_is_malformed_is_named_together_with_all_the_rest() -> None:
    wrong = {"PRETEND_URL": "x", "GMAIL_URL": "y", "PRETEND_PAGE": "0", "MAX_RECIPIENTS": "ten"}
    with pytest.raises(ConfigurationError) as caught:
        bootstrap.settings(wrong)
    assert set(re.findall(r"\b[A-Z]+_[A-Z_]+\b", caught.value.detail)) == set(wrong)


def test_a_misspelt_setting_of_it_is_named() -> None:
    (said,) = configuration.misspelt({"PRETEND_URI": "https://mail.example.com"})
    assert said == "PRETEND_URI is no setting and is ignored: is it PRETEND_URL?"


# -- functions --------------------------------------------------------------------------------------


def test_functions_are_granted_what_their_use_of_it_takes() -> None:
    functions = functions_map.load().functions
    granted = {
        name: one.grants() & bootstrap.every_setting().keys() for name, one in functions.items()
    }
    secret = {name for name, one in functions.items() if "PRETEND_KEY_SECRET" in one.secrets}
    assert {name for name, names in granted.items() if "PRETEND_KEY" in names} == READERS == secret
    paged = {name for name, names in granted.items() if "PRETEND_PAGE" in names}
    assert paged == {name for name, one in functions.items() if Use.MAIL in one.providers}


def test_the_refusal_of_another_name_names_it() -> None:
    with pytest.raises(InvalidRequest) as caught:
        Registry(Settings()).get("pretent")
    assert caught.value.errors[0].detail == "must be one of: google, microsoft, pretend"


def test_who_signs_in_with_a_password_is_not_sent_to_a_consent(tmp_path: Path) -> None:
    with Simulator.start() as simulator:
        world = LocalWorld(tmp_path, simulator, FakeClock())
        with pytest.raises(InvalidRequest, match="password"):
            connecting.start(world, ANA, connecting.StartConsent("pretend"))


# -- this machine -----------------------------------------------------------------------------------


def complete(chosen: dict[str, str], simulator: str = "http://127.0.0.1:1") -> dict[str, str]:
    url = "http://127.0.0.1:8080"
    return configuration.complete(configuration.chosen(chosen), url=url, simulator=simulator)


def test_the_stack_passes_on_its_settings_and_points_it_at_no_simulator() -> None:
    settings = complete(KEY)
    assert settings | KEY == settings
    assert "PRETEND_URL" not in settings
    assert "PRETEND_KEY" not in complete({})


def test_a_real_account_there_leaves_the_simulator_out() -> None:
    functions = functions_map.load()
    assert configuration.needs_simulator({}, functions)
    assert not configuration.needs_simulator(KEY, functions)


def test_half_of_its_client_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="PRETEND_KEY_SECRET must be set"):
        configuration.chosen({"PRETEND_KEY": "key-1"})


def test_the_doctor_of_the_machine_knows_its_settings() -> None:
    found = machine.settings(KEY)
    assert (found.state, found.said) == (
        State.OK,
        "from your environment: PRETEND_KEY, PRETEND_KEY_SECRET",
    )


# -- a project --------------------------------------------------------------------------------------


def test_the_doctor_of_a_deployment_looks_for_its_secret_its_api_and_its_settings() -> None:
    chosen = Variables(deployment="acme", mail_providers={"pretend": {"key": "key-1"}})
    assert chosen.client_secrets == ["acme-pretend-key-secret"]
    assert "pretendmail.googleapis.com" in project.services(functions_map.ROOT, chosen.providers)
    sync = functions_map.load().functions["sync_mailbox"]
    assert {*KEY} <= project.needed(sync, chosen)
    assert not {"GOOGLE_CLIENT_ID", "MICROSOFT_CLIENT_ID"} & project.needed(sync, chosen)


def test_there_is_no_redirect_uri_to_look_for_where_nobody_is_redirected() -> None:
    pretend = declarations()["pretend"]
    assert consents.checks(pretend, {}, "https://x.example/cb", Settings()) == []


def test_a_provider_that_tells_strangers_nothing_is_looked_at_by_hand() -> None:
    google = declarations()["google"]
    other = type(google)(
        **{name: getattr(google, name) for name in google.__struct_fields__}
        | {"name": "other", "title": "Other"}
    )
    ((_, found),) = findings.run(consents.checks(other, {}, "https://x.example/cb", Settings()))
    assert found.state is State.BY_HAND
    assert google.redirects_at in found.to_do


def test_an_environments_variables_may_name_it(tmp_path: Path) -> None:
    file = tmp_path / "x.tfvars"
    file.write_text('mail_providers = {\n  pretend = { key = "key-1" }\n}\n')
    assert [one.title for one in variables.read(file).providers] == ["Pretend Mail"]
