"""Log lines are objects, say what request they belong to, and tell no secrets."""

import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from shared import logs

Written = Callable[[], dict[str, Any]]


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Written:
    """The one line that was written."""
    return lambda: msgspec.json.decode(capsys.readouterr().err)


def test_a_line_is_an_object_with_the_clouds_names(written: Written) -> None:
    logs.info("mailbox synced", stored=3)
    line = written()
    assert (line["severity"], line["message"], line["stored"]) == ("INFO", "mailbox synced", 3)
    assert datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer hunter2hunter2",
        "POST https://oauth2.example/token?code=hunter2hunter2&x=1",
        '{"refresh_token": "hunter2hunter2"}',
        "access_token=hunter2hunter2",
        "Authorization: Basic hunter2hunter2",
        "token ya29.hunter2hunter2 is too long",
        "('1//hunter2hunter2-hunter2',)",
        "secret 'GOCSPX-hunter2hunter2'",
        "not eyJhbGciOiJub25lIn0.hunter2hunter2.hunter2",
    ],
)
def test_a_token_in_an_error_text_does_not_get_into_a_line(written: Written, text: str) -> None:
    logs.error("it failed", error=text, exc_info=ValueError(text))
    line = written()
    assert "hunter2" not in str(line)
    assert "ValueError" in line["exception"]


def test_what_a_request_is_about_stands_on_its_later_lines(written: Written) -> None:
    with logs.request(function="sync_mailbox", team="acme"):
        logs.about(mailbox="m1")
        logs.warning("lease lost", team="said on the line itself")
    line = written()
    assert (line["function"], line["mailbox"]) == ("sync_mailbox", "m1")
    assert line["team"] == "said on the line itself"


def test_nothing_of_a_request_is_left_behind(written: Written) -> None:
    with logs.request(function="sync_mailbox"):
        logs.about(mailbox="m1")
    logs.about(mailbox="m2")
    logs.info("later")
    assert written().keys() == {"severity", "time", "message"}


def test_a_pools_thread_speaks_of_the_request_in_whose_context_it_runs(written: Written) -> None:
    with ThreadPoolExecutor(1) as pool, logs.request(function="sync_mailbox"):
        context = contextvars.copy_context()
        pool.submit(context.run, lambda: logs.about(mailbox="m1")).result(10)
        logs.info("afterwards")
    assert written()["mailbox"] == "m1"
