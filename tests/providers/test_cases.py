"""What real providers answered, as people reported it: each answer means what the reports say it should."""

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from shared.domain.errors import (
    ConfigurationError,
    CursorExpired,
    MailboxUnavailable,
    MailbridgeError,
    ProviderRejected,
    ProviderUnavailable,
    RateLimited,
)
from shared.providers.google import errors as google
from shared.providers.google import refusals as google_login
from shared.providers.http import Answer
from shared.providers.microsoft import errors as microsoft
from shared.providers.microsoft import refusals as microsoft_login
from shared.providers.waits import retry_after, wait

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "cases" / "provider"

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the reports are not beside the project"
)


def answer(case: str) -> str:
    """The line of a report that gives the provider's answer."""
    found = re.search(
        r"^Provider's answer: (.+)$", (FOLDER / f"{case}.md").read_text(), re.MULTILINE
    )
    assert found, case
    return found[1].strip("`")


def replied(status: int, body: object = b"", *, header: float | None = None) -> Answer:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Answer(status, "application/json", header, raw)


def coded(text: str) -> list[tuple[int, str]]:
    """ "404 SomeCode" and its like."""
    return [(int(status), code) for status, code in re.findall(r"\b(\d{3}) (\w*[A-Z]\w+)", text)]


def graph(status: int, code: str, message: str = "Words.") -> MailbridgeError:
    return microsoft.error_of(replied(status, {"error": {"code": code, "message": message}}))


def test_a_403_with_every_scope_granted_is_no_missing_scope() -> None:
    status, _, body = answer("01-graph-403-once").partition(" ")
    error = microsoft.error_of(replied(int(status), body.encode()), concerns="item")
    assert type(error) is ProviderRejected
    assert "Access is denied" in error.detail


def test_a_broken_delta_is_its_folders_trouble() -> None:
    text = answer("04-inbox-delta-broken")
    assert "nextLink value" in text
    for status, code in ((500, "InternalServerError"), (500, "ErrorInternalServerError")):
        assert type(graph(status, code)) is ProviderUnavailable
    malformed = graph(400, "BadRequest", text.rpartition("400 ")[2])
    assert isinstance(malformed, ProviderRejected | CursorExpired)


@pytest.mark.parametrize(
    ("case", "judge", "kind"),
    [
        (
            "08-token-hiccup-loses-email",
            lambda a: microsoft_login.of_refresh(a.json()),
            ProviderUnavailable,
        ),
        ("10-google-client-words", google_login.of_grant, ConfigurationError),
    ],
)
def test_what_a_login_says_is_judged_by_its_code(
    case: str, judge: Callable[[Answer], MailbridgeError], kind: type[MailbridgeError]
) -> None:
    status, body = re.findall(r"(\d{3}) ({.*?})", answer(case))[0]
    error = judge(replied(int(status), body.encode()))
    assert type(error) is kind
    assert error.reason


def test_every_word_for_our_client_is_ours() -> None:
    known = r"\b(deleted_client|disabled_client|org_internal|invalid_scope)\b"
    words = set(re.findall(known, answer("10-google-client-words")))
    assert len(words) == 4
    for word in words:
        for status in (400, 401, 403):
            error = google_login.of_grant(replied(status, {"error": word}))
            assert type(error) is ConfigurationError
            assert word in error.detail


def test_accounts_without_a_mailbox_are_told_so() -> None:
    found = coded(answer("13-mailbox-that-is-none"))
    assert len(found) >= 5
    for status, code in found:
        assert type(graph(status, code)) is MailboxUnavailable


def test_a_precondition_passes_by_itself() -> None:
    status, _, body = answer("15-gmail-precondition-once").partition(" ")
    said = msgspec.json.decode(body)
    error = {"message": said["message"], "errors": [{"reason": said["reason"]}]}
    assert type(google.error_of(replied(int(status), {"error": error}))) is ProviderUnavailable


def test_short_waits_are_at_least_a_second() -> None:
    named = re.findall(r"[\d.]+", answer("18-retry-after-decimal").partition("Retry-After:")[2])
    assert len(named) >= 3
    for value in named:
        assert retry_after(value) == max(1.0, float(value))


def test_reasons_of_sending_are_kept_and_limits_wait() -> None:
    text = (FOLDER / "24-send-refusals.md").read_text()
    for code in re.findall(r"\bError\w+", text):
        error = graph(403, code)
        assert isinstance(error, RateLimited if "Limit" in code else ProviderRejected), code
        assert error.reason == code


def test_a_gateways_413_is_certain() -> None:
    status, _, body = answer("25-send-413-html").partition(" ")
    for judge in (google.error_of, microsoft.error_of):
        assert type(judge(replied(int(status), body.encode()))) is ProviderRejected


def test_a_time_within_the_sentence_is_waited_for() -> None:
    past, daily = re.findall(r'"([^"]+)"', answer("27-gmail-retry-after-in-text"))
    assert wait(None, past) == 1
    assert wait(None, daily) == 3600
