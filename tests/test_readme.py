"""What the README says is so, and what there is to be listed is in it."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import functions_map
from infra.functions_map import ROOT
from infra.local.stack import Stack
from shared import bootstrap
from shared.web import openapi

README = (ROOT / "README.md").read_text()
ACCOUNTS = (
    "PROVIDER=google ACCOUNT=ana@example.com  # or PROVIDER=microsoft ACCOUNT=ben@example.com"
)
CODE = set(re.findall(r"`([^`\n]+)`", README))


def first_column(header: str) -> set[str]:
    """The code of a table's first column, the table being known by its header."""
    table = README.partition(f"| {header} |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return set(re.findall(r"`([^`]+)`", " ".join(rows)))


def test_every_command_it_names_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"\bmake ([a-z]+)\b", "\n".join([*CODE, _blocks("")])))
    assert {"run", "demo", "test", "check", "bench", "help"} <= named <= targets


def test_every_setting_is_listed_and_no_other() -> None:
    assert first_column("setting") == set(bootstrap.every_setting())


def test_every_function_is_listed_and_no_other() -> None:
    assert first_column("function") == set(functions_map.load().functions)


def test_every_library_has_its_line_and_no_other() -> None:
    pins = (ROOT / "requirements.txt").read_text()
    assert first_column("library") == set(re.findall(r"^([A-Za-z][\w.-]*)", pins, re.M))


def test_every_call_of_the_api_is_listed_and_no_other() -> None:
    paths = openapi.document()["paths"]
    calls = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert first_column("call") == calls


def test_every_default_it_names_is_the_settings() -> None:
    for name, default in re.findall(r"^\| `(\w+)` \| `?(\S+?)`? \|", README, re.M):
        if name in (settings := bootstrap.every_setting()):
            value = settings[name].default
            assert default in {str(value), "here"} or (default == "none" and not value), name


def test_every_file_and_folder_it_names_is_there() -> None:
    named = {text for text in CODE if re.fullmatch(r"[\w-]+(/[\w.-]+)+/?|\w+/", text)}
    named |= set(re.findall(r"\]\((docs/[^)]+)\)", README))
    assert {"infra/", "shared/providers/registry.py"} <= named
    assert [text for text in named if not (ROOT / text).exists()] == []


# -- the walk-through with curl, as it is printed ------------------------------------------------------


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    if not Path("/bin/sh").exists():
        pytest.skip("the commands are for a shell")
    with Stack({}, tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.mark.parametrize(("account", "before"), [("ana@example.com", 0), ("ben@example.com", 1)])
def test_it_connects_an_account_and_sends_one_email_however_often_it_is_done(
    stack: Stack, account: str, before: int
) -> None:
    for sent in (before, before + 1):
        done = walk(stack, account)
        assert (done.returncode, done.stderr) == (0, "")
        first, last = done.stdout.splitlines()
        assert "Demo for our buyers" in first
        assert first.count('"subject":"Hello"') == sent
        assert last.count('"subject":"Hello"') == before + 1


def test_it_ends_when_what_it_waits_for_will_not_come(stack: Stack) -> None:
    done = walk(stack, "ana@example.com", **{"$URL/emails/$EMAIL": "$URL/emails/nowhere"})
    assert done.returncode == 1
    assert "urn:mailbridge:not-found" in done.stderr


def walk(stack: Stack, account: str, **instead: str) -> subprocess.CompletedProcess[str]:
    """All of its shell blocks, by a shell that stops at the first failure."""
    commands = _blocks("sh")
    first, _, other = ACCOUNTS.partition("  # or ")
    chosen = next(line for line in (first, other) if account in line)
    here = {"URL=http://127.0.0.1:8080\n": f"URL={stack.url}\n", ACCOUNTS: chosen} | instead
    for printed, meant in here.items():
        assert printed in commands
        commands = commands.replace(printed, meant)
    return subprocess.run(  # noqa: S603  # the README's own words
        ["/bin/sh", "-eu", "-c", commands], capture_output=True, text=True, timeout=90, check=False
    )


def _blocks(language: str) -> str:
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S))
