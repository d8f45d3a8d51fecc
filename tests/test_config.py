"""Settings: read once, every problem named at once."""

import pytest

from shared.config import Settings
from shared.domain.errors import ConfigurationError


def test_settings_come_from_the_environment_and_the_rest_has_defaults() -> None:
    settings = Settings.from_env(
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
    assert settings.gmail_url == "https://gmail.googleapis.com"


@pytest.mark.parametrize(
    "url",
    [
        "http://gmail.example.com",
        "ftp://127.0.0.1",
        "gmail.googleapis.com",
        "https://",
        "http://127.0.0.1.evil.example",
    ],
)
def test_plain_http_leaves_only_for_this_machine(url: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        Settings.from_env({"GMAIL_URL": url})
    assert "GMAIL_URL" in wrong.value.detail


def test_all_malformed_settings_are_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as wrong:
        Settings.from_env({"GMAIL_URL": "x", "SYNC_BUDGET_SECONDS": "-1", "MAX_RECIPIENTS": "ten"})
    for name in ("GMAIL_URL", "SYNC_BUDGET_SECONDS", "MAX_RECIPIENTS"):
        assert name in wrong.value.detail


def test_all_missing_settings_are_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as wrong:
        Settings().require("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET", "BACKEND")
    assert "GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET" in wrong.value.detail
    assert "BACKEND" not in wrong.value.detail
