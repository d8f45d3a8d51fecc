"""Two deployments live in one project, and no name is too long for where it goes."""

import re

import pytest

from tests.terraform.workspace import Deployed, Workspace

NAMED_BY = {
    "artifact_registry_repository": "repository_id",
    "cloud_scheduler_job": "name",
    "cloud_tasks_queue": "name",
    "cloudfunctions2_function": "name",
    "firestore_database": "name",
    "logging_metric": "name",
    "monitoring_alert_policy": "display_name",
    "project_iam_custom_role": "role_id",
    "secret_manager_secret": "secret_id",
    "service_account": "account_id",
    "storage_bucket": "name",
}
"""By which attribute a type's resources are told apart in their project."""
ALLOWED = {
    "service_account": r"[a-z][a-z0-9-]{4,28}[a-z0-9]",
    "storage_bucket": r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]",
    "cloudfunctions2_function": r"[a-z][a-z0-9_-]{0,61}[a-z0-9]",
    "cloud_tasks_queue": r"[A-Za-z0-9-]{1,100}",
    "cloud_scheduler_job": r"[A-Za-z0-9_-]{1,500}",
    "project_iam_custom_role": r"[A-Za-z0-9_.]{3,64}",
    "secret_manager_secret": r"[A-Za-z0-9_-]{1,255}",
    "artifact_registry_repository": r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?",
    "firestore_database": r"\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9]",
}
"""What Google accepts."""


def names(made: Deployed) -> set[tuple[str, str]]:
    found = [(type, one.values[name]) for type, name in NAMED_BY.items() for one in made.all(type)]
    assert len(set(found)) == len(found), "one deployment uses a name twice"
    return set(found)


def services(made: Deployed) -> set[str]:
    return set(made.outputs["services"].values())


@pytest.fixture(scope="module")
def staging(standin: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    made = Workspace(tmp_path_factory.mktemp("staging"), standin)
    made.init()
    return made.planned(deployment="staging")


def test_two_deployments_in_one_project_share_no_name(
    deployed: Deployed, staging: Deployed
) -> None:
    assert names(deployed) & names(staging) == set()
    assert services(deployed) & services(staging) == set()
    assert {one for _, one in names(staging) if "staging" not in one} == set()


def test_each_reads_only_its_own_secrets_and_documents(staging: Deployed) -> None:
    expressions = {
        condition["expression"]
        for one in staging.all("project_iam_member")
        for condition in one.values["condition"]
    }
    mine = re.compile(r"secrets/staging-|databases/staging\"|buckets/gcf-v2-sources-")
    parts = [part for one in expressions for part in one.split(" || ")]
    assert parts
    assert [part for part in parts if not mine.search(part)] == []


def test_the_longest_name_of_a_deployment_still_fits(workspace: Workspace) -> None:
    made = workspace.planned(deployment="x" * 20, project="p" + "x" * 29)
    for type, pattern in ALLOWED.items():
        for one in made.all(type):
            name = one.values[NAMED_BY[type]]
            assert re.fullmatch(pattern, name), f"{type} {name}"
    assert all(len(service) <= 63 for service in services(made))
    names(made)
