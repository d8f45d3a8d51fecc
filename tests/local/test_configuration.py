"""What a stack adds to the settings that its user chose."""

from pathlib import Path

import pytest

from infra.functions_map import load
from infra.local import configuration
from infra.local.stack import Stack
from infra.simulator import CLIENT_ID
from shared import bootstrap
from shared.domain.errors import ConfigurationError
from shared.providers.google.declaration import GoogleSettings

URL = "http://127.0.0.1:8080"
MAP = load()
ENDPOINTS = dict.fromkeys(
    ("GOOGLE_ACCOUNTS_URL", "GOOGLE_OAUTH_URL", "GMAIL_URL", "CALENDAR_URL"), "http://127.0.0.1:2"
)


def completed(chosen: dict[str, str], simulator: str = "http://127.0.0.1:1") -> dict[str, str]:
    return configuration.complete(configuration.chosen(chosen), url=URL, simulator=simulator)


def test_with_nothing_chosen_everything_stays_on_this_machine() -> None:
    settings = bootstrap.settings(completed({}))
    assert settings.backend == "infra.embedded"
    assert settings.public_url == URL
    assert settings.auth_jwks_url.startswith(URL)
    google = settings.of(GoogleSettings)
    assert google.gmail_url == google.google_oauth_url == "http://127.0.0.1:1"
    assert settings.allowed_origins == (URL, "http://localhost:8080")


def test_what_is_chosen_stays_chosen() -> None:
    chosen = {"PUBLIC_URL": "http://localhost:8080", "GMAIL_URL": "http://127.0.0.1:2"}
    settings = completed(chosen)
    assert settings | chosen == settings


def test_other_variables_of_the_environment_go_nowhere() -> None:
    assert "AWS_SECRET_ACCESS_KEY" not in completed({"AWS_SECRET_ACCESS_KEY": "x"})


@pytest.mark.parametrize(
    ("chosen", "needed"),
    [
        ({}, True),
        ({"GMAIL_URL": "http://127.0.0.1:2"}, True),
        (ENDPOINTS, False),
        ({"GOOGLE_CLIENT_ID": "x"}, False),
        ({"MICROSOFT_CLIENT_ID": "x"}, False),
        ({"MICROSOFT_LOGIN_URL": "http://127.0.0.1:2", "GRAPH_URL": "http://127.0.0.1:2"}, False),
    ],
)
def test_the_simulator_runs_only_where_nothing_else_would_answer(
    chosen: dict[str, str], needed: bool
) -> None:
    assert configuration.needs_simulator(chosen, MAP) is needed


def test_another_server_is_met_with_the_simulators_client() -> None:
    assert completed(ENDPOINTS, simulator="")["GOOGLE_CLIENT_ID"] == CLIENT_ID


def test_a_provider_nobody_set_up_stays_unknown_beside_a_real_one() -> None:
    assert "MICROSOFT_CLIENT_ID" not in completed(ENDPOINTS, simulator="")
    assert "MICROSOFT_CLIENT_ID" in completed({})


def test_ones_own_client_is_used_alone() -> None:
    settings = completed({"GOOGLE_CLIENT_ID": "x", "GOOGLE_CLIENT_SECRET": "y"}, simulator="")
    assert settings["GOOGLE_CLIENT_ID"] == "x"
    assert "GMAIL_URL" not in settings


def test_ones_own_issuer_ends_the_development_one() -> None:
    chosen = {
        "AUTH_ISSUER": "https://login.example.com",
        "AUTH_AUDIENCE": "crm",
        "AUTH_JWKS_URL": "https://login.example.com/jwks",
    }
    assert configuration.has_issuer(configuration.chosen(chosen))
    assert completed(chosen)["AUTH_JWKS_URL"] == "https://login.example.com/jwks"


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"AUTH_AUDIENCE": "x"}, "AUTH_ISSUER, AUTH_JWKS_URL must be set"),
        ({"GOOGLE_CLIENT_SECRET": "x"}, "GOOGLE_CLIENT_ID must be set"),
        ({"PUBLIC_URL": "https://mail.example.com"}, "anybody"),
        ({"GMAIL_URL": "gmail"}, "GMAIL_URL must be"),
    ],
)
def test_half_of_a_setting_is_refused(chosen: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        configuration.chosen(chosen)


@pytest.mark.parametrize("text", ["", "x", "-1", "65536", "١"])  # the last is a digit, in Arabic
def test_a_port_is_a_number_that_ports_can_be(text: str) -> None:
    with pytest.raises(ConfigurationError, match="PORT must be"):
        configuration.port(text)


def test_a_start_names_what_is_nearly_a_setting(tmp_path: Path) -> None:
    said: list[str] = []
    Stack({"GMAIL_URLL": "http://127.0.0.1:1", "HOME": "/"}, tmp_path, report=said.append)
    assert said == ["GMAIL_URLL is no setting and is ignored: is it GMAIL_URL?"]
