"""The Terraform files as files: what every variable says of itself, and which keys of the map are read."""

import re
from pathlib import Path
from typing import Any

import hcl2
import pytest

from infra.functions_map import ROOT, Function, FunctionsMap, Queue

TERRAFORM = ROOT / "terraform"
FILES = sorted(TERRAFORM.rglob("*.tf"))
TEXT = "\n".join(file.read_text() for file in FILES)
WITHOUT_RULES = {"delete_protection"}
"""Variables that any value of their type is right for."""


def blocks(file: Path, kind: str) -> dict[str, dict[str, Any]]:
    with file.open() as stream:
        found = hcl2.load(stream).get(kind, [])
    return {name.strip('"'): body for one in found for name, body in one.items()}


def variables(file: Path) -> dict[str, dict[str, Any]]:
    return blocks(file, "variable")


@pytest.mark.parametrize("file", sorted(TERRAFORM.rglob("variables.tf")), ids=str)
def test_every_variable_has_a_type_and_says_what_it_is(file: Path) -> None:
    found = variables(file)
    assert found
    for name, one in found.items():
        assert one.get("type"), name
        assert len(one.get("description", "")) > 15, name


def test_every_variable_for_people_refuses_what_cannot_be_right_and_says_how_to_mend_it() -> None:
    for name, one in variables(TERRAFORM / "variables.tf").items():
        rules = one.get("validation", [])
        assert bool(rules) != (name in WITHOUT_RULES), name
        for rule in rules:
            assert len(rule["error_message"]) > 30, name


def test_every_output_says_what_it_is() -> None:
    for name, one in blocks(TERRAFORM / "outputs.tf", "output").items():
        assert one.get("description"), name


def test_the_outputs_that_the_commands_read_are_there() -> None:
    wanted = {
        "function_urls",
        "redirect_uri",
        "deployment",
        "region",
        "project",
        "queues",
        "database",
    }
    assert wanted <= set(blocks(TERRAFORM / "outputs.tf", "output"))


def test_it_knows_the_keys_of_the_map_and_no_other() -> None:
    """A misspelt key would be dropped in silence by `try` and `optional`."""
    (listed,) = re.findall(r"keys = \[(.*?)\]", (TERRAFORM / "functions.tf").read_text(), re.S)
    assert set(re.findall(r'"(\w+)"', listed)) == set(Function.__struct_fields__)
    read = set(re.findall(r"local\.map\.(\w+)", TEXT))
    assert read == set(FunctionsMap.__struct_fields__)
    assert set(re.findall(r"\bone\.(\w+)", (TERRAFORM / "functions.tf").read_text())) <= {
        *Function.__struct_fields__
    }
    assert set(re.findall(r"each\.value\.(\w+)", (TERRAFORM / "queues.tf").read_text())) == {
        *Queue.__struct_fields__
    }


def test_there_is_one_provider_and_no_secret_in_any_file() -> None:
    sources = set(re.findall(r'source\s*=\s*"([\w-]+/[\w-]+)"', TEXT))
    assert sources == {"hashicorp/google"}
    assert not re.search(r"secret_data|private_key|password\s*=", TEXT)
