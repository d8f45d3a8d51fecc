"""Deploying: bundles, a plan that somebody approves, exactly that plan applied, and a look from outside."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from infra.operate.deploying import Deploying
from infra.operate.smoke import Seen
from infra.operate.terraform import Terraform
from shared.domain.errors import ConfigurationError
from tests.operate.conftest import REDIRECT_URI, URLS, FakeGoogle, StandIn, outputs

CHANGES, NOTHING = {"status": 2}, {"status": 0}
Text = Callable[[], str]


@pytest.fixture(autouse=True)
def _nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "APPROVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO())


@pytest.fixture
def ready(fake_google: FakeGoogle) -> FakeGoogle:
    """A project whose client secrets have values."""
    fake_google.says("/versions", versions=[{"state": "ENABLED"}])
    return fake_google


@pytest.fixture
def deploying(terraform: Terraform, screen: Console, ready: FakeGoogle) -> Deploying:
    return Deploying(terraform, screen, google=ready.google, look=_good, prove=_in)


def _good(urls: object) -> list[Seen]:
    assert urls == URLS
    return [Seen("contacts", URLS["contacts"], ok=True, said="open, and asks who calls")]


def _in(*_: object) -> list[Seen]:
    return [Seen("sweep", "", ok=True, said="the scheduler gets in")]


def test_a_plan_changes_nothing_and_says_what_is_next(
    deploying: Deploying, stand_in: StandIn, text: Text
) -> None:
    stand_in.answers(plan=CHANGES)
    assert deploying.plan() == 0
    assert stand_in.commands == ["init", "workspace", "plan"]
    assert "Next: make deploy ENVIRONMENT=acme" in text()


def test_the_bundles_are_made_first(deploying: Deploying, root: Path) -> None:
    deploying.plan()
    assert (root / "build" / "bundles" / "contacts.zip").exists()


def test_what_was_planned_is_applied_once_approved(
    deploying: Deploying, stand_in: StandIn, text: Text, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPROVE", "yes")
    stand_in.answers(plan=CHANGES, output=outputs())
    assert deploying.deploy() == 0
    assert stand_in.commands == ["init", "workspace", "plan", "apply", "output"]
    planned = [word for word in stand_in.calls[2]["arguments"] if word.startswith("-out=")]
    assert stand_in.calls[3]["arguments"][-1] == planned[0].removeprefix("-out=")
    assert REDIRECT_URI in text()
    assert "Authorised redirect URIs" in text()
    assert "make doctor ENVIRONMENT=acme" in text()


def test_without_anybody_to_approve_nothing_is_changed(
    deploying: Deploying, stand_in: StandIn
) -> None:
    stand_in.answers(plan=CHANGES)
    with pytest.raises(ConfigurationError, match="APPROVE=yes"):
        deploying.deploy()
    assert "apply" not in stand_in.commands


@pytest.mark.parametrize(("answer", "applied"), [("yes\n", True), ("y\n", False), ("\n", False)])
def test_only_yes_is_yes(
    deploying: Deploying,
    stand_in: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    applied: bool,
) -> None:
    monkeypatch.setattr(sys, "stdin", _Terminal(answer))
    stand_in.answers(plan=CHANGES, output=outputs())
    if applied:
        assert deploying.deploy() == 0
    else:
        with pytest.raises(ConfigurationError, match="nothing was changed"):
            deploying.deploy()
    assert ("apply" in stand_in.commands) is applied


def test_with_nothing_to_change_it_still_looks_from_outside(
    deploying: Deploying, stand_in: StandIn, text: Text
) -> None:
    stand_in.answers(plan=NOTHING, output=outputs())
    assert deploying.deploy() == 0
    assert "apply" not in stand_in.commands
    assert "open, and asks who calls" in text()


def test_no_plan_is_left_behind_even_when_it_fails(
    deploying: Deploying, stand_in: StandIn, root: Path
) -> None:
    stand_in.answers(plan={"status": 1})
    with pytest.raises(ConfigurationError, match="make doctor ENVIRONMENT=acme"):
        deploying.plan()
    assert stand_in.commands[-1] == "plan"
    assert not (root / "build" / "terraform" / "acme" / "plan").exists()


def test_a_function_that_does_not_answer_is_an_error(
    terraform: Terraform, screen: Console, ready: FakeGoogle, stand_in: StandIn, text: Text
) -> None:
    def bad(_urls: object) -> list[Seen]:
        return [Seen("contacts", URLS["contacts"], ok=False, said="lets strangers in")]

    stand_in.answers(output=outputs())
    assert Deploying(terraform, screen, google=ready.google, look=bad, prove=_in).deploy() == 1
    assert "contacts: lets strangers in" in text()
    assert REDIRECT_URI not in text()


def test_behind_a_load_balancer_it_looks_there(
    root: Path, terraform: Terraform, screen: Console, ready: FakeGoogle, stand_in: StandIn
) -> None:
    file = root / "terraform" / "environments" / "acme.tfvars"
    more = 'public_url = "https://mail.example.com"\nload_balancer = true\n'
    file.write_text(file.read_text() + more)
    urls = {"contacts": URLS["contacts"], "sweep": "https://functions.example.com/acme-sweep"}
    stand_in.answers(output=outputs(function_urls=urls))
    looked: list[object] = []

    def look(at: object) -> list[Seen]:
        looked.append(at)
        return []

    assert Deploying(terraform, screen, google=ready.google, look=look, prove=_in).deploy() == 0
    assert looked == [urls | {"contacts": "https://mail.example.com/contacts"}]


@pytest.mark.parametrize("refusal", [(404, "NOT_FOUND"), (403, "SERVICE_DISABLED")])
def test_a_client_secret_is_asked_for_and_never_an_argument(
    refusal: tuple[int, str],
    terraform: Terraform,
    screen: Console,
    fake_google: FakeGoogle,
    stand_in: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    text: Text,
) -> None:
    fake_google.refuses("/versions", refusal[0], reason=refusal[1])
    fake_google.says(":addVersion")
    monkeypatch.setenv("APPROVE", "yes")
    monkeypatch.setattr(sys, "stdin", _Terminal(""))
    stand_in.answers(plan=CHANGES, output=outputs())
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return "s3cret-value\n"

    made = Deploying(terraform, screen, google=fake_google.google, look=_good, prove=_in, ask=ask)
    assert made.deploy() == 0
    assert "acme-google-client-secret" in asked[0]
    assert stand_in.commands[:5] == ["init", "workspace", "plan", "apply", "plan"]
    assert "-target=google_secret_manager_secret.client" in stand_in.calls[2]["arguments"]
    stored = msgspec.json.decode(fake_google.asked[-1].body)
    assert stored["payload"]["data"] == "czNjcmV0LXZhbHVl"
    assert "s3cret" not in msgspec.json.encode(stand_in.calls).decode() + text()


def test_without_anybody_to_ask_for_a_client_secret_it_says_how(
    terraform: Terraform,
    screen: Console,
    fake_google: FakeGoogle,
    stand_in: StandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("APPROVE", "yes")
    stand_in.answers(plan=CHANGES)
    with pytest.raises(ConfigurationError, match="versions add acme-google-client-secret"):
        Deploying(terraform, screen, google=fake_google.google, look=_good, prove=_in).deploy()
    assert stand_in.commands == ["init", "workspace", "plan", "apply"]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True
