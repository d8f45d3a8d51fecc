"""terraform/providers.yaml: what the providers declare, for Terraform, which cannot read Python.

`make providers` (`python -m infra.declared`) renews it; a test holds it against the declarations.
"""

from typing import Any

import msgspec
import yaml

from infra.functions_map import ROOT
from shared.ports.declarations import Declaration
from shared.providers.registry import declarations

PATH = ROOT / "terraform" / "providers.yaml"
_HEAD = """\
# What each folder of shared/providers declares, for Terraform. Written by `make providers`: change it there.
"""


def text() -> str:
    document = {name: _entry(one) for name, one in declarations().items()}
    return _HEAD + yaml.safe_dump(document, sort_keys=False, width=200, default_flow_style=None)


def _entry(one: Declaration) -> dict[str, Any]:
    return {
        "title": one.title,
        "secrets": [*one.secrets],
        "apis": [*one.apis],
        "variables": {name: msgspec.structs.asdict(two) for name, two in one.variables.items()},
        "uses": {use.value: [*settings] for use, settings in one.uses.items()},
    }


if __name__ == "__main__":
    PATH.write_text(text())
    print(f"{PATH.relative_to(ROOT)} says what the providers declare.")
