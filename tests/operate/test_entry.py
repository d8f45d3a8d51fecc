"""After a deployment, a scheduled job and a task show that they get in."""

from typing import Any

import msgspec
import pytest

from infra.operate import entry
from infra.operate.deployment import Deployment
from tests.operate.conftest import PROJECT, FakeGoogle
from tests.providers.server import Reply
from tests.world import FakeClock

URLS = {
    "sweep": "https://f.example/acme-sweep",
    "sync_mailbox": "https://f.example/acme-sync_mailbox",
}
DEPLOYED = Deployment(
    deployment="acme",
    project=PROJECT,
    region="europe-west1",
    database="acme",
    redirect_uri="",
    function_urls=URLS,
    queues={"sync": "acme-sync"},
    invokers={"sync": "sync@acme-mail.iam.gserviceaccount.com"},
)
DENIED = {"code": 7, "message": "PERMISSION_DENIED"}


def deployed(google: FakeGoogle, *, job: dict[str, Any], task: dict[str, Any] | None) -> None:
    """A scheduler whose job ran once, and a queue that has the task, or has it no more."""
    google.says(":run")
    last = {"lastAttemptTime": "2026-11-27T00:00:00Z"} | job
    google.answers["/jobs/acme-sweep"] = Reply(200, msgspec.json.encode(last))
    if task is None:
        google.refuses("/tasks/1", 404)
    else:
        google.says("/tasks/1", **task)
    google.says("/queues/acme-sync/tasks", name="projects/p/tasks/1")


@pytest.fixture
def ran(fake_google: FakeGoogle, monkeypatch: pytest.MonkeyPatch) -> FakeGoogle:
    """The job's last attempt is a new one as soon as it was asked to run."""
    asked = fake_google.google.get

    def get(service: str, path: str, **query: Any) -> dict[str, Any]:
        found = asked(service, path, **query)
        if "/jobs/" in path and any(":run" in one.target for one in fake_google.asked):
            found["lastAttemptTime"] = "2026-11-27T00:01:00Z"
        return found

    monkeypatch.setattr(fake_google.google, "get", get)
    return fake_google


def test_both_get_in(ran: FakeGoogle, clock: FakeClock) -> None:
    deployed(ran, job={"status": {}}, task=None)
    seen = entry.prove(ran.google, DEPLOYED, clock)
    assert [(one.function, one.ok, one.said) for one in seen] == [
        ("sweep", True, "the scheduler gets in"),
        ("sync_mailbox", True, "its queue gets in"),
    ]
    (made,) = [one for one in ran.asked if one.target.endswith("/queues/acme-sync/tasks")]
    request = msgspec.json.decode(made.body)["task"]["httpRequest"]
    assert request["url"] == "https://f.example/acme-sync_mailbox/ready"
    assert request["oidcToken"] == {
        "serviceAccountEmail": "sync@acme-mail.iam.gserviceaccount.com",
        "audience": "https://f.example/acme-sync_mailbox",
    }


def test_who_is_turned_away_is_named_and_its_task_taken_back(
    ran: FakeGoogle, clock: FakeClock
) -> None:
    deployed(ran, job={"status": DENIED}, task={"lastAttempt": {"responseStatus": DENIED}})
    began = clock.now()
    seen = entry.prove(ran.google, DEPLOYED, clock)
    assert [one.said for one in seen] == [
        "the scheduler is turned away: PERMISSION_DENIED",
        "its queue is turned away: PERMISSION_DENIED",
    ]
    assert clock.now() - began > entry.PATIENCE, "a right may take a while until it holds"
    assert ran.asked[-1].method == "DELETE"


def test_silence_is_no_proof(fake_google: FakeGoogle, clock: FakeClock) -> None:
    deployed(fake_google, job={}, task={})
    seen = entry.prove(fake_google.google, DEPLOYED, clock)
    assert [one.said for one in seen] == ["the scheduler did not come", "its queue did not come"]


def test_who_may_not_try_is_told_why(fake_google: FakeGoogle, clock: FakeClock) -> None:
    fake_google.refuses("/jobs/", 403, "lacks cloudscheduler.jobs.run")
    fake_google.refuses("/tasks", 403, "lacks iam.serviceAccounts.actAs")
    job, task = entry.prove(fake_google.google, DEPLOYED, clock)
    assert not job.ok
    assert not task.ok
    assert "lacks cloudscheduler.jobs.run" in job.said
    assert "lacks iam.serviceAccounts.actAs" in task.said
