"""Metrics come from lines that the functions really log; every alert says what to do."""

import json
import re
from typing import Any

from infra.functions_map import ROOT
from tests.terraform.workspace import Deployed, Workspace

MESSAGE = re.compile(r"""logs\.\w+\(\s*f?"([^"]+)\"""")
SHARED = "\n".join(file.read_text() for file in (ROOT / "shared").rglob("*.py"))


def logged(message: str) -> bool:
    """Whether a line with this message is written; {…} in it stands for anything."""
    patterns = [re.sub(r"\\\{.*?\\\}", ".+", re.escape(one)) for one in MESSAGE.findall(SHARED)]
    return any(re.fullmatch(one, message) for one in patterns)


def condition(values: dict[str, Any]) -> dict[str, Any]:
    (one,) = values["conditions"]
    kinds: list[dict[str, Any]] = one["condition_threshold"] + one["condition_absent"]
    (found,) = kinds
    return found


def test_every_metric_counts_lines_that_are_logged_with_these_fields(deployed: Deployed) -> None:
    for one in deployed.all("logging_metric"):
        (listed,) = re.findall(r"jsonPayload\.message=\(([^)]+)\)", one.values["filter"])
        messages = re.findall(r'"([^"]+)"', listed)
        assert messages
        for message in messages:
            assert logged(message), f"nothing logs {message!r}"
        extracted = [one.values["value_extractor"], *one.values["label_extractors"].values()]
        for field in re.findall(r"EXTRACT\(jsonPayload\.(\w+)\)", " ".join(map(str, extracted))):
            assert re.search(rf"\b{field}\b", SHARED), f"nothing logs {field} with {listed}"


def test_metrics_look_at_this_deployments_functions_only(deployed: Deployed) -> None:
    services = set(deployed.outputs["services"].values())
    for one in deployed.all("logging_metric"):
        (listed,) = re.findall(r"service_name=\(([^)]*)\)", one.values["filter"])
        assert set(re.findall(r'"([^"]+)"', listed)) == services


def test_there_is_an_alert_for_each_kind_of_trouble(deployed: Deployed) -> None:
    alerts = {one.values["user_labels"]["alert"] for one in deployed.all("monitoring_alert_policy")}
    assert alerts == {
        *("sync_lag", "silence", "emails_lost", "reconnects", "destinations"),
        *("server_errors", "queue_depth", "task_age"),
    }


def test_every_alert_reaches_people_and_says_what_to_do(deployed: Deployed) -> None:
    channels = [one.values["id"] for one in deployed.all("monitoring_notification_channel")]
    assert channels
    for one in deployed.all("monitoring_alert_policy"):
        assert one.values["notification_channels"] == channels
        (documentation,) = one.values["documentation"]
        assert "\n1. " in documentation["content"]
        assert "${" not in documentation["content"]


def test_every_alert_looks_at_a_metric_that_is_there(deployed: Deployed) -> None:
    ours = {
        f"logging.googleapis.com/user/{one.values['name']}"
        for one in deployed.all("logging_metric")
    }
    google = {
        "run.googleapis.com/request_count",
        "cloudtasks.googleapis.com/queue/depth",
        "cloudtasks.googleapis.com/queue/task_attempt_delays",
    }
    for one in deployed.all("monitoring_alert_policy"):
        (metric,) = re.findall(r'metric\.type = "([^"]+)"', condition(one.values)["filter"])
        assert metric in ours | google


def test_the_dashboard_has_a_chart_for_each_and_no_chart_lies_on_another(
    deployed: Deployed,
) -> None:
    page = json.loads(deployed.one("monitoring_dashboard")["dashboard_json"])
    tiles = page["mosaicLayout"]["tiles"]
    places = {(tile["xPos"], tile["yPos"]) for tile in tiles}
    assert len(places) == len(tiles) >= 10
    assert all(tile["xPos"] + tile["width"] <= 12 for tile in tiles)


def test_without_addresses_alerts_stay_in_the_console(workspace: Workspace) -> None:
    made = workspace.planned(alert_emails=None)
    assert made.all("monitoring_notification_channel") == []
    assert len(made.all("monitoring_alert_policy")) == 8


def test_a_budget_is_a_command_for_whoever_may_change_the_billing_account(
    deployed: Deployed, workspace: Workspace
) -> None:
    assert deployed.outputs["budget_command"] == ""
    asked = {"billing_account": "01AB23-CD45EF-678901", "monthly": 200, "currency": "CHF"}
    command = workspace.planned(budget=asked).outputs["budget_command"]
    assert "--billing-account=01AB23-CD45EF-678901" in command
    assert "--budget-amount=200CHF" in command
    assert "--filter-projects=projects/acme-mail" in command
