"""Which function may do what, as a table for people: `python -m infra.privileges` renews it in
terraform/README.md, from the map of functions and the roles it names."""

from pathlib import Path

import msgspec
import yaml
from msgspec import Struct

from infra.functions_map import ROOT, Function, FunctionsMap, load

README = ROOT / "terraform" / "README.md"
ROLES = ROOT / "terraform" / "roles.yaml"
BEGIN, END = "<!-- privileges: python -m infra.privileges -->\n", "<!-- end of privileges -->\n"


class Permissions(Struct, frozen=True, forbid_unknown_fields=True):
    scope: str
    """database | tokens | keys | project | queues | tasks_invoker: what they hold for."""
    why: str
    permissions: tuple[str, ...]


class Roles(Struct, frozen=True, forbid_unknown_fields=True):
    """terraform/roles.yaml."""

    roles: dict[str, tuple[str, ...]]
    """A role of functions.yaml → sets of permissions."""
    permissions: dict[str, Permissions]

    def of(self, function: Function) -> list[str]:
        """The names of its sets of permissions, each once."""
        return list(
            dict.fromkeys(permission for role in function.roles for permission in self.roles[role])
        )


def load_roles(path: Path = ROLES) -> Roles:
    return msgspec.convert(yaml.safe_load(path.read_text()), Roles)


_SCOPES = {
    "database": "this deployment's database",
    "tokens": "its secrets of mailboxes and pending consents",
    "keys": "the secret of its sealing keys",
    "project": "the project",
    "queues": "its queues",
    "tasks_invoker": "its account `tasks`",
}


def table(functions: FunctionsMap, roles: Roles) -> str:
    """Function × role × why, then what each role is made of."""
    lines = ["| function | may | why |", "|---|---|---|"]
    for name, function in functions.functions.items():
        lines += _function(name, function, roles)
    lines += ["", "| role | permissions | on |", "|---|---|---|"]
    for name, one in roles.permissions.items():
        permissions = ", ".join(f"`{permission}`" for permission in one.permissions)
        lines.append(f"| `{name}` | {permissions} | {_SCOPES[one.scope]} |")
    return "\n".join(lines) + "\n"


def _function(name: str, function: Function, roles: Roles) -> list[str]:
    rows = [
        (f"`{permission}`", roles.permissions[permission].why) for permission in roles.of(function)
    ]
    rows += [(f"read `{secret}`", "proves to the provider who asks") for secret in function.secrets]
    first, *rest = rows
    return [
        f"| `{name}` | {first[0]} | {first[1]} |",
        *(f"| | {may} | {why} |" for may, why in rest),
    ]


def renewed(text: str) -> str:
    """The README with the table of today."""
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{README.name} has lost the lines around the table: {BEGIN}… {END}")
    return before + BEGIN + table(load(), load_roles()) + END + after


if __name__ == "__main__":
    README.write_text(renewed(README.read_text()))
    print(
        f"{README.relative_to(ROOT)} has the roles of today. Look at: git diff terraform/README.md"
    )
