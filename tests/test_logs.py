"""Log lines are objects, and tell no secrets."""

from collections.abc import Callable
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
    ],
)
def test_a_token_in_an_error_text_does_not_get_into_a_line(written: Written, text: str) -> None:
    logs.error("it failed", error=text, exc_info=ValueError(text))
    line = written()
    assert "hunter2" not in str(line)
    assert "ValueError" in line["exception"]
