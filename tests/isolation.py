"""What a deployed function does not have, hidden from a Python that is to be like one."""

import shutil
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.markers import default_environment
from packaging.utils import canonicalize_name

from infra import requirements
from infra.functions_map import ROOT

HIDE = """
import sys
class _Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {hidden!r}:
            raise ModuleNotFoundError(f"{{name}} is not deployed", name=name)
sys.meta_path.insert(0, _Hide())
"""


def hiding() -> str:
    """The beginning of a program that can import only what is deployed."""
    return HIDE.format(hidden=sorted(hidden_modules()))


def hidden_modules() -> set[str]:
    """Top-level modules that a bundle does not have: our surroundings, and undeployed packages."""
    here = {name: str(value) for name, value in default_environment().items()}
    deployed = requirements.closure(requirements.direct(), here)
    hidden = {
        module
        for module, packages in packages_distributions().items()
        if not {canonicalize_name(package) for package in packages} & deployed
    }
    assert {"yaml", "pytest"} <= hidden
    assert not {"msgspec", "flask", "jwt", "cffi"} & hidden
    return hidden | {"infra", "tests"}


def copy_sources(root: Path) -> None:
    """All that bundles are made of, and Terraform's files, with other times and permissions."""
    for part in ("functions", "shared", "terraform"):
        shutil.copytree(
            ROOT / part,
            root / part,
            copy_function=shutil.copyfile,
            ignore=shutil.ignore_patterns("__pycache__", ".terraform*", "terraform.tfstate*"),
        )
    for part in ("requirements.txt", "constraints.txt"):
        shutil.copyfile(ROOT / part, root / part)
