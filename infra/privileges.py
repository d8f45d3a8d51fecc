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
    taken_over: str
    """What somebody could do who has taken over a function with it."""
    permissions: tuple[str, ...]


class Ring(Struct, frozen=True, forbid_unknown_fields=True):
    """Of sealing keys: a secret of its own, granted apart."""

    why: str
    taken_over: str


class Roles(Struct, frozen=True, forbid_unknown_fields=True):
    """terraform/roles.yaml."""

    roles: dict[str, tuple[str, ...]]
    """A role of functions.yaml → sets of permissions."""
    permissions: dict[str, Permissions]
    rings: dict[str, Ring]

    def of(self, function: Function) -> list[str]:
        """The names of its sets of permissions, each once."""
        return list(dict.fromkeys(one for role in function.granted for one in self.roles[role]))


def load_roles(path: Path = ROLES) -> Roles:
    return msgspec.convert(yaml.safe_load(path.read_text()), Roles)


_SCOPES = {
    "database": "this deployment's database",
    "tokens": "its secrets of mailboxes and pending consents",
    "keys": "the secrets of its rings of sealing keys",
    "project": "the project",
    "queues": "the queues that it fills",
    "tasks_invoker": "the accounts `tasks-…` of these queues",
}


def table(functions: FunctionsMap, roles: Roles) -> str:
    """Function × role × why, then what each role is made of."""
    lines = ["| function | may | why | taken over, it could |", "|---|---|---|---|"]
    for name, function in functions.functions.items():
        first, *rest = _rows(function, functions, roles)
        lines += [f"| `{name}` | {first} |", *(f"| | {row} |" for row in rest)]
    lines += ["", "| role | permissions | on |", "|---|---|---|"]
    for name, one in roles.permissions.items():
        permissions = ", ".join(f"`{permission}`" for permission in one.permissions)
        lines.append(f"| `{name}` | {permissions} | {_SCOPES[one.scope]} |")
    return "\n".join(lines) + "\n"


def _rows(function: Function, functions: FunctionsMap, roles: Roles) -> list[str]:
    rows = []
    for name in roles.of(function):
        one = roles.permissions[name]
        if name == "enqueue":
            rows += [_row(f"`{name}` {queue}", one, queue, functions) for queue in function.enqueue]
        else:
            rows.append(_row(f"`{name}`", one))
        if name == "keys":
            rows += [_row(f"ring `{ring}`", roles.rings[ring]) for ring in function.keys]
    pose = "pose as our client at the provider"
    rows += [
        f"read `{secret}` | proves to the provider who asks | {pose}" for secret in function.secrets
    ]
    return rows or ["nothing | it holds only what everybody may know | nothing but answer wrongly"]


def _row(
    may: str, one: Permissions | Ring, queue: str = "", functions: FunctionsMap | None = None
) -> str:
    called = functions.functions.items() if functions else ()
    names = ", ".join(f"`{name}`" for name, function in called if function.queue == queue)
    return f"{may} | {one.why} | {one.taken_over.format(functions=names)}"


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
