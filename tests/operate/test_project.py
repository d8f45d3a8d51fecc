"""A deployment's project is looked at; what cannot be seen is never taken for right."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec import Struct

from infra import functions_map
from infra.functions_map import ROOT
from infra.operate import findings, project, variables
from infra.operate.findings import Finding, State
from infra.operate.google import Google, Refused
from infra.operate.project import Project
from infra.operate.terraform import Terraform
from infra.operate.variables import Variables
from infra.sizes import Override
from shared.config import Settings
from shared.domain.errors import ConfigurationError
from shared.providers.google.declaration import GoogleSettings
from tests.operate.conftest import TFVARS, FakeGoogle, StandIn
from tests.providers.server import Asked, Reply, json_reply, serving


class Scene(Struct):
    """A project in which all is well, until a test breaks something."""

    google: FakeGoogle
    project: Project
    terraform: StandIn

    def find(self, name: str) -> Finding:
        return next(one for found, one in findings.run(self.project.checks()) if found == name)


@pytest.fixture
def scene(
    root: Path, terraform: Terraform, stand_in: StandIn, fake_google: FakeGoogle
) -> Iterator[Scene]:
    keys = json_reply(keys=[{"kid": "1"}])
    with serving(lambda asked: _provider(asked, keys)) as server:
        file = root / "terraform" / "environments" / "acme.tfvars"
        file.write_text(TFVARS.replace("https://login.example.com", server.url))
        settings = Settings(vendors=(GoogleSettings(google_accounts_url=server.url),))
        chosen = variables.read(file)
        _all_is_well(fake_google, chosen)
        stand_in.answers(version={"says": '{"terraform_version": "1.11.4"}'})
        yield Scene(fake_google, Project(chosen, fake_google.google, terraform, settings), stand_in)


def _provider(asked: Asked, keys: Reply) -> Reply:
    """The issuer of users' tokens, and Google's consent page, which sends strangers to its sign-in."""
    if asked.target == "/keys":
        return keys
    return Reply(302, headers={"Location": "https://accounts.google.com/v3/signin/identifier?x=1"})


def quota(vcpu: int, gib: int) -> list[dict[str, object]]:
    """As Service Usage says a region's: a general limit, and a smaller one of another region."""
    return [
        {
            "metric": f"run.googleapis.com/{name}_allocation",
            "consumerQuotaLimits": [
                {
                    "quotaBuckets": [
                        {"effectiveLimit": str(limit)},
                        {"effectiveLimit": "1", "dimensions": {"region": "us-central1"}},
                    ]
                }
            ],
        }
        for name, limit in (("cpu", vcpu * 1000), ("memory", gib * 2**30))
    ]


def _all_is_well(google: FakeGoogle, chosen: Variables) -> None:
    google.says("v3/projects/acme-mail", state="ACTIVE", displayName="Acme")
    names = project.services(ROOT, chosen.providers)
    enabled = [{"name": f"projects/1/services/{name}", "state": "ENABLED"} for name in names]
    google.says("services:batchGet", services=enabled)
    google.says("consumerQuotaMetrics", metrics=quota(20, 40))
    google.says("/versions", versions=[{}])
    google.says("/functions", functions=_deployed(chosen))


def _deployed(chosen: Variables, *, without: str = "") -> list[dict[str, object]]:
    """As Cloud Functions lists them, each with all it needs."""
    return [
        {
            "name": f"projects/p/locations/l/functions/acme-{name}",
            "state": "ACTIVE",
            "serviceConfig": {
                "environmentVariables": dict.fromkeys(
                    project.needed(function, chosen) - {without, "GOOGLE_CLIENT_SECRET"}, "x"
                ),
                "secretEnvironmentVariables": [{"key": "GOOGLE_CLIENT_SECRET"}],
            },
        }
        for name, function in functions_map.load().functions.items()
    ]


def test_a_project_in_which_all_is_well_has_nothing_to_mend(scene: Scene) -> None:
    found = dict(findings.run(scene.project.checks()))
    assert {name: one for name, one in found.items() if one.state is not State.OK} == {}
    assert {"Terraform", "project", "APIs", "client secret", "functions"} <= found.keys()


def test_an_older_terraform_is_to_be_replaced(scene: Scene) -> None:
    scene.terraform.answers(version={"says": '{"terraform_version": "1.3.0"}'})
    found = scene.find("Terraform")
    assert (found.state, "1.3.0" in found.said) == (State.MEND, True)


def test_a_project_that_one_cannot_see_is_to_be_mended(scene: Scene) -> None:
    scene.google.refuses("v3/projects/acme-mail", 403, "permission denied")
    found = scene.find("project")
    assert (found.state, "permission denied" in found.said) == (State.MEND, True)


def test_an_api_that_is_off_is_named_with_the_command(scene: Scene) -> None:
    scene.google.says("services:batchGet", services=[])
    found = scene.find("APIs")
    assert found.state is State.BY_HAND
    assert "gcloud services enable" in found.to_do
    assert "run.googleapis.com" in found.to_do


def test_what_google_refuses_to_say_is_never_ok(scene: Scene) -> None:
    for part in ("services:batchGet", "/versions", "/functions"):
        scene.google.refuses(part, 403, "permission denied")
    states = {name: scene.find(name).state for name in ("APIs", "client secret", "functions")}
    assert set(states.values()) == {State.UNKNOWN}


@pytest.mark.parametrize(
    ("answer", "state"),
    [({"status": 404}, State.BY_HAND), ({"versions": []}, State.MEND)],
)
def test_a_client_secret_without_a_value_is_noticed(
    scene: Scene, answer: dict[str, object], state: State
) -> None:
    scene.google.answers["/versions"] = json_reply(**answer)  # type: ignore[arg-type]
    assert scene.find("client secret").state is state


def test_an_answer_in_a_form_nobody_foresaw_is_never_ok(scene: Scene) -> None:
    scene.google.says("services:batchGet", services=[{}])
    scene.google.says("/functions", functions=[[]])
    assert scene.find("APIs").state is State.UNKNOWN
    assert scene.find("functions").state is State.UNKNOWN


def test_a_function_that_lacks_a_setting_is_named(scene: Scene) -> None:
    chosen = scene.project._variables
    scene.google.says("/functions", functions=_deployed(chosen, without="AUTH_ISSUER"))
    found = scene.find("functions")
    assert found.state is State.MEND
    assert "contacts lacks AUTH_ISSUER" in found.said
    assert "make deploy ENVIRONMENT=acme" in found.to_do


def test_a_function_that_is_not_there_is_named(scene: Scene) -> None:
    chosen = scene.project._variables
    others = [one for one in _deployed(chosen) if not str(one["name"]).endswith("acme-sweep")]
    scene.google.says("/functions", functions=others)
    assert "sweep is not deployed" in scene.find("functions").said


def test_before_the_first_deployment_functions_are_nothing_to_mend(scene: Scene) -> None:
    scene.google.says("/functions")
    assert scene.find("functions").state is State.BY_HAND


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        (json_reply(keys=[]), State.MEND),
        (Reply(200, b"<html>"), State.MEND),
        (Reply(404), State.MEND),
        (Reply(drop=True), State.UNKNOWN),
    ],
)
def test_users_keys_that_cannot_be_read_are_noticed(
    scene: Scene, reply: Reply, state: State
) -> None:
    with serving(lambda _: reply) as server:
        auth = msgspec.structs.replace(scene.project._variables.auth, jwks_url=server.url)
        scene.project._variables = msgspec.structs.replace(scene.project._variables, auth=auth)
        assert scene.find("users' keys").state is state


def test_without_credentials_it_says_how_to_sign_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(ConfigurationError, match="gcloud auth application-default login"):
        Google("acme-mail").get("cloudresourcemanager", "v3/projects/acme-mail")


def test_a_refusal_carries_googles_words(fake_google: FakeGoogle) -> None:
    fake_google.refuses("x", 403, "permission denied")
    with pytest.raises(Refused, match="permission denied"):
        fake_google.google.get("run", "x")
    fake_google.answers["y"] = Reply(502, b"<html>")
    with pytest.raises(Refused, match="HTTP status 502"):
        fake_google.google.get("run", "y")


def test_sizes_that_the_regions_quota_does_not_hold_are_to_be_mended(scene: Scene) -> None:
    scene.google.says("consumerQuotaMetrics", metrics=quota(4, 40))
    found = scene.find("quota")
    assert found.state is State.MEND
    assert "more than europe-west1 has: 4.0 vCPU and 40.0 GiB" in found.said


def test_a_quota_without_an_end_holds_everything(scene: Scene) -> None:
    unlimited = {"quotaBuckets": [{"effectiveLimit": "-1"}]}
    names = ("cpu", "memory")
    metrics = [
        {"metric": f"run.googleapis.com/{name}_allocation", "consumerQuotaLimits": [unlimited]}
        for name in names
    ]
    scene.google.says("consumerQuotaMetrics", metrics=metrics)
    assert scene.find("quota").state is State.OK


def test_a_quota_that_google_does_not_tell_is_not_taken_for_enough(scene: Scene) -> None:
    scene.google.says("consumerQuotaMetrics", metrics=[])
    assert scene.find("quota").state is State.UNKNOWN


def test_sizes_of_the_environments_own_count_against_the_quota(scene: Scene) -> None:
    larger = {"emails": Override(cpu="2", max_instances=10)}
    scene.project._variables = msgspec.structs.replace(scene.project._variables, overrides=larger)
    assert scene.find("quota").state is State.MEND
