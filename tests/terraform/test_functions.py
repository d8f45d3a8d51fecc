"""Each function as it is deployed: who may call it, what it is told, what it may touch."""

import re
from typing import Any

import pytest
import yaml

from infra.functions_map import CLOUD, ROOT, Trigger, load
from shared import bootstrap
from shared.config import function_url
from shared.ports.declarations import Use
from tests.terraform.workspace import VARIABLES, Deployed, Workspace

MAP = load()
PRIVATE = [name for name, one in MAP.functions.items() if one.trigger is not Trigger.HTTP]
EVERY = pytest.mark.parametrize("name", MAP.functions)
ROLES: dict[str, Any] = yaml.safe_load((ROOT / "terraform" / "roles.yaml").read_text())


def config(deployed: Deployed, name: str) -> dict[str, Any]:
    found: dict[str, Any] = deployed.one("cloudfunctions2_function", name)["service_config"][0]
    return found


def environment(deployed: Deployed, name: str) -> dict[str, str]:
    """Its settings; THREADS is for what runs it."""
    found = dict(config(deployed, name)["environment_variables"])
    assert found.pop("THREADS") == str(config(deployed, name)["max_instance_request_concurrency"])
    return found


def secrets(deployed: Deployed, name: str) -> dict[str, str]:
    return {
        one["key"]: one["secret"] for one in config(deployed, name)["secret_environment_variables"]
    }


def member(deployed: Deployed, name: str) -> str:
    return f"serviceAccount:{deployed.one('service_account', name)['email']}"


# -- who may call ---------------------------------------------------------------------------------


@EVERY
def test_only_what_the_map_says_is_open_to_everybody(deployed: Deployed, name: str) -> None:
    public = MAP.functions[name].public
    invoker = deployed.one("cloud_run_v2_service_iam_member", name)
    assert (invoker["member"] == "allUsers") is public
    assert invoker["role"] == "roles/run.invoker"


def test_functions_for_users_are_public_and_no_others() -> None:
    """Browsers bring users' tokens, which IAM cannot judge; the function does."""
    public = {name for name, one in MAP.functions.items() if one.public}
    assert public == set(MAP.triggered_by(Trigger.HTTP))


def test_nothing_else_is_granted_to_everybody(deployed: Deployed) -> None:
    for one in deployed.resources:
        if "member" in one.values and one.type != "google_cloud_run_v2_service_iam_member":
            assert not one.values["member"].startswith("all"), one.address


@pytest.mark.parametrize("name", PRIVATE)
def test_a_private_function_has_one_caller_whom_it_knows_too(deployed: Deployed, name: str) -> None:
    queue = MAP.functions[name].queue
    account = f"tasks-{queue}" if queue else "scheduler"
    caller = f"mailbridge-{account}@acme-mail.iam.gserviceaccount.com"
    invoker = deployed.one("cloud_run_v2_service_iam_member", name)
    assert invoker["member"] == f"serviceAccount:{caller}"
    assert environment(deployed, name)["INVOKER_EMAIL"] == caller
    assert (
        environment(deployed, name)["INVOKER_AUDIENCE"] == deployed.outputs["function_urls"][name]
    )


@EVERY
def test_the_grant_is_on_the_functions_own_service(deployed: Deployed, name: str) -> None:
    invoker = deployed.one("cloud_run_v2_service_iam_member", name)
    assert invoker["name"] == name.replace("_", "-")  # as Google names it


@EVERY
def test_what_is_scheduled_has_a_job_with_its_own_audience_and_nothing_else_has(
    deployed: Deployed, name: str
) -> None:
    jobs = deployed.all("cloud_scheduler_job", name)
    if MAP.functions[name].trigger is not Trigger.SCHEDULE:
        assert jobs == []
        return
    (job,) = jobs
    (target,) = job.values["http_target"]
    (token,) = target["oidc_token"]
    url = f"https://europe-west1-acme-mail.cloudfunctions.net/{name}"
    assert (target["uri"], token["audience"]) == (url, url)
    assert token["service_account_email"] == environment(deployed, name)["INVOKER_EMAIL"]
    assert job.values["schedule"] == MAP.functions[name].schedule


# -- what it is told ------------------------------------------------------------------------------


@EVERY
def test_it_is_told_what_it_is_granted_and_no_more(deployed: Deployed, name: str) -> None:
    told = {*environment(deployed, name), *secrets(deployed, name)}
    assert told <= MAP.functions[name].grants(CLOUD)
    assert told == set(deployed.outputs["settings"][name])


@EVERY
def test_it_is_told_all_that_this_deployment_has_of_its_grants(
    deployed: Deployed, name: str
) -> None:
    """The rest has defaults that are right in the cloud, or is for emulators."""
    missing = MAP.functions[name].grants(CLOUD) - {*deployed.outputs["settings"][name]}
    optional = {one for one in missing if one.endswith(("_EMULATOR_HOST", "_URL"))}
    optional |= {"INVOKER_ISSUER", "SYNC_BUDGET_SECONDS", "MAX_RECIPIENTS"}
    optional |= {"GMAIL_UNITS_PER_GET", "MICROSOFT_TENANT"}
    optional |= {"USER_REQUESTS_PER_MINUTE", "TEAM_REQUESTS_PER_MINUTE"}
    assert missing <= optional - {"PUBLIC_URL", "FUNCTIONS_URL", "AUTH_JWKS_URL"}


@EVERY
def test_no_secret_is_among_its_plain_settings(deployed: Deployed, name: str) -> None:
    assert not [one for one in environment(deployed, name) if "SECRET" in one and "HOST" not in one]
    assert set(secrets(deployed, name)) == set(MAP.functions[name].secrets)


def test_a_setting_goes_to_those_that_are_granted_it(workspace: Workspace) -> None:
    made = workspace.planned(settings={"MAX_RECIPIENTS": "500", "GMAIL_UNITS_PER_GET": "5"})
    for name, one in MAP.functions.items():
        told = environment(made, name)
        assert told.get("MAX_RECIPIENTS") == ("500" if "MAX_RECIPIENTS" in one.env else None)
        mail = Use.MAIL in one.providers
        assert told.get("GMAIL_UNITS_PER_GET") == ("5" if mail else None)


@pytest.mark.parametrize("deployment", ["mailbridge", "staging"])
def test_tasks_go_to_queues_and_functions_that_are_there(
    workspace: Workspace, deployment: str
) -> None:
    made = workspace.planned(deployment=deployment)
    urls = made.outputs["function_urls"]
    for maker, function in MAP.functions.items():
        told = bootstrap.settings(environment(made, maker))
        assert told.deployment == deployment
        tasks = {n: one for n, one in MAP.functions.items() if one.queue in function.enqueue}
        queues = dict(told.tasks_queues)
        assert set(queues) == set(tasks)
        for name, entry in tasks.items():
            assert function_url(told.functions_url, name) == urls[name]
            assert queues[name] == made.outputs["queues"][entry.queue]
            assert environment(made, name)["INVOKER_AUDIENCE"] == urls[name]
    users = bootstrap.settings(environment(made, "oauth_callback"))
    assert function_url(users.public_url, "oauth_callback") == made.outputs["redirect_uri"]
    assert users.firestore_database == made.outputs["database"]


def test_without_microsoft_nothing_of_it_is_made(workspace: Workspace) -> None:
    google = {"client_id": "1-a.apps.googleusercontent.com"}
    made = workspace.planned(mail_providers={"google": google})
    assert "MICROSOFT" not in str([one.values for one in made.resources]).upper()
    assert set(made.outputs["client_secrets"]) == {"GOOGLE_CLIENT_SECRET"}


def test_the_redirect_uri_is_where_the_callback_is_called(deployed: Deployed) -> None:
    assert deployed.outputs["redirect_uri"] == deployed.outputs["function_urls"]["oauth_callback"]


# -- what it may touch ----------------------------------------------------------------------------


@EVERY
def test_it_has_exactly_the_permissions_of_its_roles(deployed: Deployed, name: str) -> None:
    sets = {one for role in MAP.functions[name].granted for one in ROLES["roles"][role]}
    wanted = {p for one in sets for p in ROLES["permissions"][one]["permissions"]}
    made = {
        f"projects/acme-mail/roles/{one.values['role_id']}": one.values["permissions"]
        for one in deployed.all("project_iam_custom_role")
    }
    kinds = ("project_iam_member", "cloud_tasks_queue_iam_member", "service_account_iam_member")
    granted = [one.values for kind in kinds for one in deployed.all(kind, name)]
    assert {one["member"] for one in granted} <= {member(deployed, name)}
    assert {p for one in granted for p in made[one["role"]]} == wanted


@EVERY
def test_each_client_secret_is_granted_to_exactly_its_readers(
    deployed: Deployed, name: str
) -> None:
    grants = [one.values for one in deployed.all("secret_manager_secret_iam_member", name)]
    assert {one["role"] for one in grants} <= {"roles/secretmanager.secretAccessor"}
    assert {one["member"] for one in grants} <= {member(deployed, name)}
    assert {one["secret_id"] for one in grants} == set(secrets(deployed, name).values())


@EVERY
def test_it_fills_its_queues_as_their_accounts_and_no_others(deployed: Deployed, name: str) -> None:
    wanted = set(MAP.functions[name].enqueue)
    queues = {one.values["name"] for one in deployed.all("cloud_tasks_queue_iam_member", name)}
    assert queues == {f"mailbridge-{queue}" for queue in wanted}
    accounts = {
        one.values["service_account_id"].rpartition("/")[2].partition("@")[0]
        for one in deployed.all("service_account_iam_member", name)
    }
    assert accounts == {f"mailbridge-tasks-{queue}" for queue in wanted}
    told = bootstrap.settings(environment(deployed, name))
    for function, account in told.tasks_invokers:
        assert account == environment(deployed, function)["INVOKER_EMAIL"]


@EVERY
def test_it_opens_its_rings_and_no_others(deployed: Deployed, name: str) -> None:
    expressions = [
        condition["expression"]
        for one in deployed.all("project_iam_member", name)
        for condition in one.values["condition"]
    ]
    rings = set(re.findall(r"sealing-keys-(\w+)", " ".join(expressions)))
    assert rings == set(MAP.functions[name].keys)


def test_images_are_written_into_our_repository_only(deployed: Deployed) -> None:
    (writer,) = [
        one
        for one in deployed.resources
        if one.values.get("role") == "roles/artifactregistry.writer"
    ]
    assert writer.type == "google_artifact_registry_repository_iam_member"
    assert writer.values["repository"] == "mailbridge-functions"


def test_roles_in_the_project_end_at_this_deployments_data(deployed: Deployed) -> None:
    for one in deployed.all("project_iam_member"):
        role = one.values["role"].rpartition("mailbridge_")[2]
        expressions = [condition["expression"] for condition in one.values["condition"]]
        if role in {"create_secrets", "roles/logging.logWriter"}:
            assert expressions == [], "Google cannot check it by name"
        else:
            (expression,) = expressions
            assert "resource.name" in expression, one.address
            assert "mailbridge" in expression or "(default)" in expression or "gcf-" in expression


def test_no_predefined_role_is_wider_than_the_allow_list(deployed: Deployed) -> None:
    predefined = {
        one.values["role"]
        for one in deployed.resources
        if one.values.get("role", "").startswith("roles/")
    }
    assert predefined == {
        "roles/run.invoker",  # on one function, for its caller
        "roles/secretmanager.secretAccessor",  # on one client secret
        "roles/logging.logWriter",  # the account that builds
        "roles/storage.objectViewer",  # likewise, where Google puts the sources
        "roles/artifactregistry.writer",  # likewise, on the repository of its images
    }


def test_every_function_runs_as_an_account_of_its_own(deployed: Deployed) -> None:
    accounts = [config(deployed, name)["service_account_email"] for name in MAP.functions]
    assert len(set(accounts)) == len(MAP.functions)
    assert accounts == [deployed.outputs["accounts"][name] for name in MAP.functions]


# -- how it is deployed ---------------------------------------------------------------------------


@EVERY
def test_its_size_and_code_are_the_maps(deployed: Deployed, name: str) -> None:
    entry, made = MAP.functions[name], deployed.one("cloudfunctions2_function", name)
    (build,), (service,) = made["build_config"], made["service_config"]
    assert (build["runtime"], build["entry_point"]) == (MAP.runtime, name)
    assert build["environment_variables"] == {"SOURCE_DATE_EPOCH": "315532800"}
    assert (service["available_memory"], service["timeout_seconds"]) == (
        entry.memory,
        entry.timeout,
    )
    bundle = deployed.one("storage_bucket_object", name)["name"]
    assert build["source"][0]["storage_source"][0]["object"] == bundle
    assert bundle.startswith(f"{name}/")
    assert len(bundle) == len(f"{name}/") + 64 + len(".zip")


def test_a_task_function_can_be_called_as_often_as_its_queue_does(deployed: Deployed) -> None:
    for name, entry in MAP.triggered_by(Trigger.TASK).items():
        instances = config(deployed, name)["max_instance_count"]
        assert instances * entry.concurrency >= MAP.queues[entry.queue].concurrent


@EVERY
def test_it_has_as_many_instances_and_threads_as_the_map_says(
    deployed: Deployed, name: str
) -> None:
    entry, service = MAP.functions[name], config(deployed, name)
    assert service["max_instance_count"] == MAP.instances(name)
    assert service["max_instance_request_concurrency"] == entry.concurrency
    assert service["available_cpu"] == entry.cpu or not entry.cpu  # then Google says


def test_a_size_can_be_another(workspace: Workspace) -> None:
    sizes = {"memory": "1Gi", "cpu": "1", "concurrency": 8, "min_instances": 1, "max_instances": 3}
    made = workspace.planned(overrides={"emails": sizes, "sweep": {"schedule": "*/5 * * * *"}})
    service = config(made, "emails")
    assert (service["available_memory"], service["available_cpu"]) == ("1Gi", "1")
    assert service["max_instance_request_concurrency"] == 8
    assert (service["min_instance_count"], service["max_instance_count"]) == (1, 3)
    assert made.one("cloud_scheduler_job", "sweep")["schedule"] == "*/5 * * * *"


def test_behind_a_load_balancer_nobody_goes_round_it(workspace: Workspace) -> None:
    made = workspace.planned(load_balancer=True, public_url="https://mail.example.com")
    users = set(MAP.triggered_by(Trigger.HTTP))
    for name in MAP.functions:
        expected = "ALLOW_INTERNAL_AND_GCLB" if name in users else "ALLOW_ALL"
        assert config(made, name)["ingress_settings"] == expected, name


def test_the_queues_are_the_maps(deployed: Deployed) -> None:
    assert set(deployed.outputs["queues"]) == set(MAP.queues)
    for one in deployed.all("cloud_tasks_queue"):
        queue = MAP.queues[one.values["name"].removeprefix("mailbridge-")]
        (rates,), (retries,) = one.values["rate_limits"], one.values["retry_config"]
        assert rates["max_dispatches_per_second"] == queue.dispatches_per_second
        assert rates["max_concurrent_dispatches"] == queue.concurrent
        assert retries["max_attempts"] == queue.max_attempts
        assert retries["min_backoff"] == f"{queue.min_backoff}s"


def test_the_project_is_the_one_asked_for(deployed: Deployed) -> None:
    assert deployed.outputs["project"] == VARIABLES["project"]
