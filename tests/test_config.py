"""Settings: read once, every problem named at once."""

import pytest

from shared import bootstrap
from shared.config import Group, Settings, declared, function_url, misspelt
from shared.domain.errors import ConfigurationError
from shared.providers.google.declaration import GoogleSettings


def test_settings_come_from_the_environment_and_the_rest_has_defaults() -> None:
    settings = bootstrap.settings(
        {
            "PUBLIC_URL": "https://mail.example.com/",
            "ALLOWED_ORIGINS": "https://crm.example.com, http://localhost:3000",
            "SYNC_INTERVAL_SECONDS": "60",
            "AUTH_TEAM_CLAIM": "org",
            "AUTH_ISSUER": "https://tenant.login.example/",
            "PATH": "/bin",
        }
    )
    assert settings.public_url == "https://mail.example.com"
    assert settings.allowed_origins == ("https://crm.example.com", "http://localhost:3000")
    assert settings.sync_interval_seconds == 60
    assert settings.auth_team_claim == "org"
    assert settings.auth_issuer == "https://tenant.login.example/"
    assert settings.of(GoogleSettings).gmail_url == "https://gmail.googleapis.com"


@pytest.mark.parametrize(
    "url",
    [
        "http://gmail.example.com",
        "ftp://127.0.0.1",
        "gmail.googleapis.com",
        "https://",
        "http://127.0.0.1.evil.example",
        "http://[",
        "https://a]b/",
        "https://user@gmail.example.com",
        "https://gmail.example.com/#",
    ],
)
def test_plain_http_leaves_only_for_this_machine(url: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        bootstrap.settings({"GMAIL_URL": url})
    assert "GMAIL_URL" in wrong.value.detail


@pytest.mark.parametrize("origin", ["https://crm.example.com/mail", "https://crm.example.com?x"])
def test_an_allowed_origin_is_no_page(origin: str) -> None:
    with pytest.raises(ConfigurationError, match="ALLOWED_ORIGINS"):
        bootstrap.settings({"ALLOWED_ORIGINS": f"https://a.example, {origin}"})


def test_all_malformed_settings_are_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as wrong:
        bootstrap.settings({"GMAIL_URL": "x", "SYNC_BUDGET_SECONDS": "-1", "MAX_RECIPIENTS": "ten"})
    for name in ("GMAIL_URL", "SYNC_BUDGET_SECONDS", "MAX_RECIPIENTS"):
        assert name in wrong.value.detail


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://mail.example.com", "https://mail.example.com/emails"),
        ("https://x.example/staging-{function}", "https://x.example/staging-emails"),
    ],
)
def test_a_function_is_below_its_base_or_in_its_place(base: str, url: str) -> None:
    assert function_url(bootstrap.settings({"PUBLIC_URL": base}).public_url, "emails") == url


@pytest.mark.parametrize("name", ["Staging", "a-b", "abc", "1stt", "x" * 21])
def test_a_deployment_s_name_fits_into_all_names_made_of_it(name: str) -> None:
    with pytest.raises(ConfigurationError, match="DEPLOYMENT must be 4 to 20"):
        bootstrap.settings({"DEPLOYMENT": name})


def test_all_missing_settings_are_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as wrong:
        Settings().require("AUTH_ISSUER", "AUTH_AUDIENCE", "BACKEND")
    assert "AUTH_ISSUER, AUTH_AUDIENCE" in wrong.value.detail
    assert "BACKEND" not in wrong.value.detail


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("GMAIL_URLL", "GMAIL_URL"),
        ("SYNC_INTERVALL_SECONDS", "SYNC_INTERVAL_SECONDS"),
        ("SYNC_INTERVAL", "SYNC_INTERVAL_SECONDS"),
        ("AUTH_ISUER", "AUTH_ISSUER"),
        ("BAKCEND", "BACKEND"),
        ("PUBLIC_URI", "PUBLIC_URL"),
    ],
)
def test_a_misspelt_setting_is_found_with_what_it_was_meant_for(name: str, meant: str) -> None:
    assert misspelt({name, "PATH"}, bootstrap.every_setting()) == {name: meant}


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "HOME", "PORT", "MAIL", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_REGION"),
        *("BACKEND_URL", "AWS_ENDPOINT_URL", "K_SERVICE", "AUTH_TOKEN", "SYNC", "GMAIL_URL"),
    ],
)
def test_other_programs_variables_are_none_of_our_business(name: str) -> None:
    assert misspelt({name}, bootstrap.every_setting()) == {}


def test_a_setting_that_is_no_text_must_say_how_a_text_becomes_it() -> None:
    class Careless(Group, frozen=True, kw_only=True):
        pages: int = 5

    with pytest.raises(TypeError, match="PAGES needs a Form"):
        declared(Careless)
