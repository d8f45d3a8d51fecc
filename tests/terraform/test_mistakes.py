"""What is wrong with the map is said before anything is made, with how to mend it."""

import pytest

from tests.terraform.workspace import Workspace


def test_a_folder_without_an_entry(workspace: Workspace) -> None:
    workspace.add_function("forgotten")
    said = workspace.refusal()
    assert "folders without an entry in terraform/functions.yaml: forgotten." in said
    assert "Add the entry or remove the folder." in said


def test_an_entry_without_a_folder(workspace: Workspace) -> None:
    workspace.change("functions.yaml", "  messages:\n", "  letters:\n")
    said = workspace.refusal()
    assert "entries without functions/<name>/main.py: letters." in said


def test_a_function_without_a_bundle(workspace: Workspace) -> None:
    (workspace.folder.parent / "build" / "bundles" / "emails.zip").unlink()
    assert "lacks the bundles of emails. Run: make bundle" in workspace.refusal()


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("    memory: 256Mi\n", "    memory: 256Mi\n    concurency: 8\n", "not known: concurency"),
        ("    trigger: http", "    trigger: htpp", "trigger must be http, task or schedule"),
        (
            "    trigger: task\n",
            "    public: true\n    trigger: task\n",
            "trigger http may be public",
        ),
        ('    schedule: "* * * * *"\n', "", "schedule exactly when that is its trigger"),
        ("queue: sync\n", "queue: synch\n", "synch"),
        ("memory: 256Mi", "memory: 256", "memory must be a number of Mi or Gi"),
        ("[consent]", "[consnet]", "what none of them declares: consnet."),
        ("timeout: 30", "timeout: 30\n    concurrency: 8", "needs a cpu of 1 or more"),
    ],
)
def test_a_mistake_in_an_entry(workspace: Workspace, right: str, wrong: str, said: str) -> None:
    workspace.change("functions.yaml", right, wrong)
    assert said in workspace.refusal()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"project": "Acme"}, "as `gcloud projects list` shows it"),
        ({"deployment": "staging-eu"}, "4 to 20 lower case letters and digits"),
        ({"mail_providers": {}}, "give one of google, microsoft what it takes"),
        ({"mail_providers": {"gogle": {}}}, "names gogle; there are: google, microsoft."),
        ({"mail_providers": {"google": {"client_id": "1"}}}, "google.client_id must end in .apps"),
        ({"mail_providers": {"microsoft": {"tenant": "common"}}}, "microsoft.client_id must be"),
        ({"mail_providers": {"google": {"tennant": "x"}}}, "no provider takes: google.tennant."),
        ({"allowed_origins": ["https://crm.example.com/"]}, "without a path"),
        ({"load_balancer": True}, "load_balancer needs public_url"),
        ({"settings": {"SYNC_INTERVAL": "60"}}, "variable of their own: SYNC_INTERVAL."),
        ({"settings": {"PUBLIC_URL": "https://x"}}, "variable of their own: PUBLIC_URL."),
        ({"overrides": {"sync": {"memory": "1Gi"}}}, "functions.yaml does not have: sync."),
        ({"overrides": {"emails": {"schedule": "* * * * *"}}}, "whose trigger"),
        ({"overrides": {"emails": {"min_instances": 30}}}, "no more than max_instances"),
        ({"sync_interval_seconds": 30}, "syncs are dispatched once a minute"),
        ({"backup_days": 99}, "a whole number from 0 to 98"),
        ({"budget": {"billing_account": "x", "monthly": 50}}, "must look like 01AB23"),
    ],
)
def test_a_mistake_in_a_variable(
    workspace: Workspace, variables: dict[str, object], said: str
) -> None:
    assert said in workspace.refusal(**variables)
