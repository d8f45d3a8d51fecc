"""What lies below a stack: chosen by the settings, refused with the way out, and granted sparingly."""

from pathlib import Path

import msgspec
import pytest

from infra.cloud import firestore_emulator
from infra.cloud.emulators import Emulators
from infra.cloud.real_project import RealProject
from infra.functions_map import CLOUD, EMBEDDED, Trigger, load
from infra.local import platform
from infra.processes.ports import free_port
from shared import bootstrap
from shared.domain.errors import ConfigurationError
from shared.gcp import calls
from tests.gcp import emulator
from tests.gcp.cloud import servers

MAP = load()
REAL = {"BACKEND": CLOUD, "GOOGLE_CLOUD_PROJECT": "acme-crm"}
OWN = {"FIRESTORE_DATABASE": "tryout"}


def refusal(settings: dict[str, str], *, simulated: bool = True) -> str:
    with pytest.raises(ConfigurationError) as refused:
        platform.platform_for(settings, simulated=simulated)
    return str(refused.value.detail)


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file such as `gcloud auth application-default login` writes."""
    user = {"client_id": "i", "client_secret": "s", "refresh_token": "r"}
    file = tmp_path / "credentials.json"
    file.write_bytes(msgspec.json.encode(user | {"type": "authorized_user"}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))


@pytest.fixture
def no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("PATH", str(tmp_path))  # a gcloud that is logged in would be asked


class TestRefusals:
    def test_a_backend_of_which_nothing_runs_here(self) -> None:
        assert "this machine has infra.embedded and shared.gcp" in refusal({"BACKEND": "infra.x"})

    @pytest.mark.usefixtures("no_credentials")
    def test_a_real_project_without_credentials(self) -> None:
        said = refusal(REAL | OWN)
        assert "acme-crm" in said
        assert "gcloud auth application-default login" in said

    @pytest.mark.usefixtures("credentials")
    def test_made_up_mail_beside_real_mailboxes(self) -> None:
        """A deployment's mailboxes would be tried at the simulator, and end as disconnected."""
        for database in ({}, {"FIRESTORE_DATABASE": "(default)"}):
            assert "FIRESTORE_DATABASE" in refusal(REAL | database)

    def test_another_task_queue(self) -> None:
        assert "Unset it" in refusal({"BACKEND": CLOUD, "CLOUD_TASKS_EMULATOR_HOST": "h:1"})

    def test_emulators_where_they_are_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(firestore_emulator, "missing", lambda: "it is missing")
        assert refusal({"BACKEND": CLOUD}) == "it is missing"


class TestRealProject:
    @pytest.mark.usefixtures("credentials")
    def test_its_functions_find_the_credentials_too(self) -> None:
        project = RealProject(REAL, simulated=False)
        assert "GOOGLE_APPLICATION_CREDENTIALS" in project.inherits
        assert "stay in the project acme-crm" in project.keeps

    @pytest.mark.usefixtures("credentials")
    def test_is_taken_where_no_emulator_is_asked_for(self) -> None:
        platform.platform_for(REAL, simulated=False)
        platform.platform_for(REAL | OWN, simulated=True)

    @pytest.mark.usefixtures("credentials")
    @pytest.mark.skipif(bool(emulator.missing()), reason=emulator.missing())
    def test_is_asked_at_the_start_whether_it_lets_us_in(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hosts = {
            "FIRESTORE_EMULATOR_HOST": emulator.host(),  # in the place of Google's
            "SECRET_MANAGER_EMULATOR_HOST": servers().secret_manager_host,
        }
        with RealProject(REAL | hosts, simulated=False).serving(tmp_path, print) as found:
            assert found["GOOGLE_CLOUD_PROJECT"] == "acme-crm"
        monkeypatch.setattr(calls, "PATIENCE", 0.2)  # nobody wants to wait for a dead server
        hosts["SECRET_MANAGER_EMULATOR_HOST"] = f"127.0.0.1:{free_port()}"
        with pytest.raises(ConfigurationError, match="acme-crm cannot be reached"):
            RealProject(REAL | hosts, simulated=False).serving(tmp_path, print).__enter__()

    @pytest.mark.usefixtures("credentials")
    def test_keeps_made_up_secrets_apart(self) -> None:
        project = RealProject(REAL | OWN, simulated=True)
        assert project.settings["DEPLOYMENT"] == "simulated"
        assert bootstrap.settings(project.settings).deployment == "simulated"

    @pytest.mark.usefixtures("no_credentials")
    def test_is_left_alone_where_one_is(self) -> None:
        platform.platform_for(REAL | {"FIRESTORE_EMULATOR_HOST": "127.0.0.1:9"}, simulated=True)


def test_an_emulator_that_runs_already_is_used(tmp_path: Path) -> None:
    given = {"FIRESTORE_EMULATOR_HOST": "127.0.0.1:9", "SECRET_MANAGER_EMULATOR_HOST": "[::1]:9"}
    emulators = Emulators(given)
    with emulators.serving(tmp_path, print) as found:
        assert found == given | {"GOOGLE_CLOUD_PROJECT": "mailbridge-local"}
    assert "FIRESTORE_EMULATOR_HOST and SECRET_MANAGER_EMULATOR_HOST" in emulators.keeps


def test_one_emulator_that_runs_already_leaves_the_other_to_us(tmp_path: Path) -> None:
    emulators = Emulators(REAL | {"FIRESTORE_EMULATOR_HOST": "127.0.0.1:9"})
    with emulators.serving(tmp_path, print) as found:
        assert found["FIRESTORE_EMULATOR_HOST"] == "127.0.0.1:9"
        assert found["SECRET_MANAGER_EMULATOR_HOST"].startswith("127.0.0.1:")
        assert found["GOOGLE_CLOUD_PROJECT"] == "acme-crm"


class TestGrants:
    def test_a_function_knows_of_queues_only_if_it_enqueues(self) -> None:
        for name, function in MAP.functions.items():
            knows = {"TASKS_QUEUES", "TASKS_INVOKERS", "FUNCTIONS_URL"} & function.grants()
            assert bool(knows) == bool(function.enqueue), name

    def test_it_knows_of_its_own_backend_only(self) -> None:
        for function in MAP.functions.values():
            assert "EMBEDDED_DATA" not in function.grants(CLOUD)
            assert "GOOGLE_CLOUD_PROJECT" not in function.grants(EMBEDDED)
            assert "BACKEND" in function.grants(CLOUD) & function.grants(EMBEDDED)

    def test_users_functions_know_nothing_of_private_callers(self) -> None:
        for function in MAP.triggered_by(Trigger.HTTP).values():
            assert not [name for name in function.grants() if name.startswith("INVOKER_")]
