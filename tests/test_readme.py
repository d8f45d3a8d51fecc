"""What the README says is so, and what there is to be listed is in it."""

import re
import subprocess
from pathlib import Path

import pytest

from infra import functions_map
from infra.functions_map import ROOT
from infra.local.stack import Stack
from shared import bootstrap
from shared.web import openapi

README = (ROOT / "README.md").read_text()
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


@pytest.mark.skipif(not Path("/bin/sh").exists(), reason="the commands are for a shell")
def test_its_curl_commands_connect_an_account_and_send_an_email(tmp_path: Path) -> None:
    script = _blocks("sh")
    assert "URL=http://127.0.0.1:8080\n" in script
    with Stack({}, tmp_path) as stack:
        here = script.replace("URL=http://127.0.0.1:8080\n", f"URL={stack.url}\n")
        done = subprocess.run(  # noqa: S603  # the README's own words
            ["/bin/sh", "-eu", "-c", here], capture_output=True, text=True, timeout=60, check=False
        )
    assert (done.returncode, done.stderr) == (0, "")
    before, after = done.stdout.splitlines()
    assert "Invitation: Press demo" in before
    assert '"subject":"Hello"' not in before
    assert after.count('"subject":"Hello"') == 1


def _blocks(language: str) -> str:
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S))
