"""The functions' log lines, of this machine and of a deployment, as one story in order."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from infra.operate import logs
from infra.operate.deployment import Deployment
from infra.operate.lines import Line
from infra.operate.local_logs import LocalLogs
from shared.domain.errors import ConfigurationError
from tests.operate.conftest import OUTPUTS, FakeGoogle

NOW = datetime.now(UTC).replace(microsecond=0)
DEPLOYMENT = msgspec.convert(
    OUTPUTS
    | {"function_urls": {name: f"https://x/acme-{name}" for name in ("sync_mailbox", "sweep")}},
    Deployment,
)
Text = Callable[[], str]


def wanted(**env: str) -> logs.Wanted:
    return logs.Wanted.from_env(env)


# -- this machine -----------------------------------------------------------------------------------


def write(folder: Path, name: str, *lines: dict[str, Any], file: str = "") -> None:
    with (folder / (file or f"{name}.log")).open("ab") as log:
        log.writelines(msgspec.json.encode(line) + b"\n" for line in lines)


def line(
    message: str, seconds: float = 0.0, severity: str = "INFO", **facts: Any
) -> dict[str, Any]:
    time = (NOW + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    return {"severity": severity, "time": time, "message": message, **facts}


def messages(lines: list[Line]) -> list[str]:
    return [one.fields["message"] for one in lines]


def test_the_lines_of_all_processes_are_in_one_order(tmp_path: Path) -> None:
    write(tmp_path, "sweep", line("one", 1), line("three", 3))
    write(tmp_path, "sync_mailbox", line("two", 2))
    found = LocalLogs(tmp_path).read()
    assert messages(found) == ["one", "two", "three"]
    assert [one.function for one in found] == ["sweep", "sync_mailbox", "sweep"]


def test_a_line_without_a_time_stays_behind_the_one_before_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        "sweep",
        line("one", 1),
        {"severity": "INFO", "message": "print"},
        line("three", 3),
    )
    write(tmp_path, "contacts", line("two", 2))
    assert messages(LocalLogs(tmp_path).read()) == ["one", "print", "two", "three"]


def test_what_is_no_object_is_shown_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "sweep.log").write_text("plain text\n[1]\n")
    assert messages(LocalLogs(tmp_path).read()) == ["plain text", "[1]"]


def test_the_next_read_has_only_what_is_new(tmp_path: Path) -> None:
    write(tmp_path, "sweep", line("old"))
    found = LocalLogs(tmp_path)
    assert messages(found.read()) == ["old"]
    assert found.read() == []
    with (tmp_path / "sweep.log").open("ab") as log:
        log.write(msgspec.json.encode(line("half")))
    assert found.read() == [], "a half line is not shown"
    with (tmp_path / "sweep.log").open("ab") as log:
        log.write(b"\n")
    write(tmp_path, "emails", line("of one that started later"))
    assert messages(found.read()) == ["half", "of one that started later"]


def test_nothing_is_lost_when_a_log_is_renamed(tmp_path: Path) -> None:
    write(tmp_path, "sweep", line("one", 1))
    found = LocalLogs(tmp_path)
    assert messages(found.read()) == ["one"]
    write(tmp_path, "sweep", line("two", 2))
    (tmp_path / "sweep.log").rename(tmp_path / "sweep.log.1")
    write(tmp_path, "sweep", line("three", 3))
    assert messages(found.read()) == ["two", "three"]
    assert messages(LocalLogs(tmp_path).read()) == ["one", "two", "three"]


def test_only_what_is_wanted_is_shown(tmp_path: Path, screen: Console, text: Text) -> None:
    write(tmp_path, "sweep", line("too old", -7200, "ERROR"), line("info"), line("bad", 0, "ERROR"))
    write(tmp_path, "contacts", line("another's", 0, "ERROR"))
    asked = wanted(FUNCTION="sweep", SEVERITY="warning")
    assert logs.show(logs.of_machine(tmp_path, asked), asked, screen, 0) == 0
    [shown] = text().splitlines()
    assert "ERROR    sweep" in shown
    assert shown.endswith("bad")


def test_following_goes_on_until_it_is_stopped(tmp_path: Path, screen: Console, text: Text) -> None:
    write(tmp_path, "sweep", line("one"))
    asked = wanted(FOLLOW="1")
    rounds = iter([lambda: write(tmp_path, "sweep", line("two"))])

    def sleep(_seconds: float) -> None:
        if (step := next(rounds, None)) is None:
            raise KeyboardInterrupt
        step()

    assert logs.show(logs.of_machine(tmp_path, asked), asked, screen, 0, sleep) == 0
    assert [shown.split()[-1] for shown in text().splitlines()] == ["one", "two"]


def test_facts_follow_the_message_and_a_trace_comes_below() -> None:
    fields = line("request", status=500, mailbox="m1", exception="Trace\n  here", team=None)
    fields["logging.googleapis.com/trace"] = "projects/p/traces/1"
    shown = str(Line(NOW, "ERROR", "emails", fields))
    assert shown.splitlines()[0].endswith("request  status=500 mailbox=m1")
    assert shown.splitlines()[1:] == ["    Trace", "      here"]


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"SEVERITY": "loud"}, "SEVERITY must be one of DEFAULT, DEBUG, INFO"),
        ({"SINCE": "yesterday"}, "SINCE must be like 30m, 6h or 2d"),
        ({"FUNCTION": "swep"}, "FUNCTION names swep; there are sweep"),
    ],
)
def test_a_wish_that_cannot_be_met_is_explained(
    tmp_path: Path, env: dict[str, str], said: str
) -> None:
    write(tmp_path, "sweep", line("one"))
    with pytest.raises(ConfigurationError, match=said):
        logs.of_machine(tmp_path, wanted(**env))


def test_without_any_logs_it_says_how_to_get_some(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="make run"):
        logs.of_machine(tmp_path, wanted())


# -- a deployment -----------------------------------------------------------------------------------


def entry(id: str, seconds: float, **more: Any) -> dict[str, Any]:
    time = (NOW + timedelta(seconds=seconds)).isoformat().replace("+00:00", ".123456789Z")
    labels = {"labels": {"service_name": "acme-sync-mailbox"}}
    return {"insertId": id, "timestamp": time, "severity": "INFO", "resource": labels, **more}


def test_a_deployments_lines_come_from_cloud_logging(fake_google: FakeGoogle) -> None:
    request = {"requestMethod": "GET", "requestUrl": "https://x/y?code=s3cret", "status": 503}
    fake_google.says(
        "entries:list",
        entries=[
            entry("3", 3, httpRequest=request, severity="WARNING"),
            entry("2", 2, textPayload="plain"),
            entry("1", 1, jsonPayload={"message": "request", "status": 200}),
        ],
    )
    found = logs.of_deployment(fake_google.google, DEPLOYMENT, wanted()).read()
    assert messages(found) == ["request", "plain", "Cloud Run answered 503 to GET /y"]
    assert {one.function for one in found} == {"sync_mailbox"}
    assert "s3cret" not in "".join(map(str, found))


def test_only_the_functions_and_severity_asked_for_are_asked_for(fake_google: FakeGoogle) -> None:
    fake_google.says("entries:list")
    asked = wanted(FUNCTION="sync_mailbox", SEVERITY="error", SINCE="2d")
    logs.of_deployment(fake_google.google, DEPLOYMENT, asked).read()
    body = msgspec.json.decode(fake_google.asked[0].body)
    assert body["resourceNames"] == ["projects/acme-mail"]
    assert 'resource.labels.service_name=("acme-sync-mailbox")' in body["filter"]
    assert "severity>=ERROR" in body["filter"]
    since = datetime.now(UTC) - timedelta(days=2)
    assert f'timestamp>="{since:%Y-%m-%d}' in body["filter"]


def test_a_line_is_shown_once_even_when_it_arrives_late(fake_google: FakeGoogle) -> None:
    source = logs.of_deployment(fake_google.google, DEPLOYMENT, wanted())
    first, late, later = (
        entry(id, seconds, textPayload=id) for id, seconds in (("a", 100), ("late", 95), ("b", 101))
    )
    fake_google.says("entries:list", entries=[first])
    assert messages(source.read()) == ["a"]
    fake_google.says("entries:list", entries=[later, first, late])
    assert messages(source.read()) == ["late", "b"]
    asked = [msgspec.json.decode(one.body)["filter"] for one in fake_google.asked]
    again = NOW + timedelta(seconds=90)
    assert f'timestamp>="{again:%Y-%m-%dT%H:%M:%S}' in asked[1]


def test_all_pages_are_read_up_to_the_limit(
    fake_google: FakeGoogle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "LIMIT", 3)
    page = [entry("x", 2, textPayload="x"), entry("y", 1, textPayload="y")]
    fake_google.says("entries:list", entries=page, nextPageToken="more")
    logs.of_deployment(fake_google.google, DEPLOYMENT, wanted()).read()
    tokens = [msgspec.json.decode(one.body)["pageToken"] for one in fake_google.asked]
    assert tokens == ["", "more"]


def test_an_unknown_function_of_a_deployment_is_named(fake_google: FakeGoogle) -> None:
    with pytest.raises(
        ConfigurationError, match="FUNCTION names nope; there are sweep, sync_mailbox"
    ):
        logs.of_deployment(fake_google.google, DEPLOYMENT, wanted(FUNCTION="nope"))
