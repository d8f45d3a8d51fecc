"""Small slips that Terraform would deploy without a word: each is told from what the code relies on."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from croniter import croniter  # type: ignore[import-untyped]  # it ships none

from infra.functions_map import ROOT, Trigger, load
from shared.config import Settings
from shared.gcp.cloud_tasks import DISPATCH_DEADLINE
from tests.terraform.workspace import Deployed

MAP = load()
EVERY_MINUTE = {"dispatch_syncs", "sweep"}
"""What users wait for: new mail, and what a crash left behind."""
SCHEDULED = pytest.mark.parametrize("name", MAP.triggered_by(Trigger.SCHEDULE))


def longest_pause(schedule: str) -> timedelta:
    """Between two runs, in a day; a step beyond its field's range (`*/70`) runs at its start only."""
    times = croniter(schedule, datetime(2026, 11, 27, tzinfo=UTC))
    runs: list[datetime] = [times.get_next(datetime) for _ in range(200)]
    return max(later - sooner for sooner, later in pairwise(runs))


@SCHEDULED
def test_a_schedule_runs_as_often_as_its_work_needs(name: str) -> None:
    most = timedelta(minutes=1) if name in EVERY_MINUTE else timedelta(hours=1)
    assert longest_pause(MAP.functions[name].schedule) <= most


@SCHEDULED
def test_every_step_of_a_schedule_fits_into_its_field(name: str) -> None:
    minute, hour, *_ = MAP.functions[name].schedule.split()
    for field, most in ((minute, 59), (hour, 23)):
        assert all(int(number) <= most for number in re.findall(r"\d+", field))


def test_a_sync_hands_over_before_it_is_stopped() -> None:
    spare = MAP.functions["sync_mailbox"].timeout - Settings().sync_budget_seconds
    assert spare >= 30, "a batch and a token may take as long"


def test_a_task_function_answers_while_cloud_tasks_still_listens() -> None:
    for name, function in MAP.triggered_by(Trigger.TASK).items():
        assert timedelta(seconds=function.timeout) <= DISPATCH_DEADLINE, name


@pytest.mark.parametrize("name", MAP.queues)
def test_a_queue_tries_for_as_long_as_an_outage_lasts(name: str) -> None:
    queue = MAP.queues[name]
    pauses = [
        min(queue.min_backoff * 2**attempt, queue.max_backoff)
        for attempt in range(queue.max_attempts - 1)
    ]
    assert sum(pauses) >= 3600, "an hour; then the schedules take it up again"


def test_queues_and_schedules_are_where_the_functions_look_for_them(deployed: Deployed) -> None:
    found = [*deployed.all("cloud_tasks_queue"), *deployed.all("cloudfunctions2_function")]
    assert {one.values["location"] for one in found} == {"europe-west1"}
    assert {one.values["region"] for one in deployed.all("cloud_scheduler_job")} == {"europe-west1"}


def test_what_has_an_end_is_deleted_after_it(deployed: Deployed) -> None:
    """Each kind of record with an `expires_at`, but for connections: sweep destroys their tokens first."""
    files = (ROOT / "shared" / "domain").glob("*.py")
    text = "".join(map(Path.read_text, files))
    kinds = re.findall(r"^    expires_at: datetime$", text, re.M)
    made = {
        (one.values["collection"], one.values["field"])
        for one in deployed.all("firestore_field")
        if one.values["ttl_config"]
    }
    assert {field for _, field in made} == {"expires_at"}
    assert "connections" not in {collection for collection, _ in made}
    assert len(made) == len(kinds) - 1
    listed: dict[str, Any] = yaml.safe_load((ROOT / "terraform" / "indexes.yaml").read_text())
    assert len(listed["ttl"]) == len(made)


def test_the_bucket_of_bundles_cannot_be_made_public(deployed: Deployed) -> None:
    bucket = deployed.one("storage_bucket")
    assert bucket["public_access_prevention"] == "enforced"
    assert bucket["uniform_bucket_level_access"] is True


def test_the_image_of_a_revision_that_serves_is_kept(deployed: Deployed) -> None:
    policies = {
        one["action"]: one
        for one in deployed.one("artifact_registry_repository")["cleanup_policies"]
    }
    assert set(policies) == {"DELETE", "KEEP"}
    (kept,) = policies["KEEP"]["most_recent_versions"]
    assert kept["keep_count"] >= 2


def test_every_alert_is_raised_by_more_and_never_by_less(deployed: Deployed) -> None:
    """The alert on silence alone has no limit: it is raised when nothing comes at all. More than zero is
    any at all."""
    above, absent = [], []
    for one in deployed.all("monitoring_alert_policy"):
        (condition,) = one.values["conditions"]
        above += condition["condition_threshold"]
        absent += condition["condition_absent"]
    assert {one["comparison"] for one in above} == {"COMPARISON_GT"}
    assert all(one["threshold_value"] >= 0 for one in above)
    assert len(absent) == 1
