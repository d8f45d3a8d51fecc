"""Every call of the gate in the services, and the services without one of them."""

import ast
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from msgspec import Struct

from shared import records
from shared.domain.access import Sight, Team
from shared.services import access

ROOT = Path(__file__).parents[2]
SERVICES = ROOT / "shared/services"
GATE = SERVICES / "access.py"
RELAY = SERVICES / "events/relay.py"
BEYOND = {"nobody", "may_still_send"}
"""Asked when no caller is there, by deliveries and destinations: their own tests tell."""
WITHIN = {"require"}
"""What the gate calls of itself; the rest of it is reached by the calls from outside."""


class Site(Struct, frozen=True):
    module: str
    owner: str
    """The class, "" for a function of the module."""
    function: str
    number: int
    """Among the calls of the gate in it."""
    gate: str
    """The key of its stand-in."""

    @property
    def name(self) -> str:
        place = f"{self.owner}.{self.function}" if self.owner else self.function
        return f"{self.module.removeprefix('shared.services.')}.{place}-{self.number}-{self.gate}"


class OpenViewer:
    """Sees everything of everything."""

    def __init__(self, _world: Any, caller: Any) -> None:
        self.team_id = caller.team_id
        self.team = Team(id=caller.team_id)

    def mailboxes(self, found: Any) -> Any:
        return list(found)

    emails = events = mailboxes

    def message(self, _message: Any) -> Sight:
        return Sight.EVERYTHING

    def lines(self, _contact: Any, found: Any) -> Any:
        return [access.SeenLine(line, Sight.EVERYTHING) for line in found]

    def counts(self, _mailbox: Any) -> bool:
        return True


def _message(world: Any, caller: Any, id: str) -> Any:
    found = records.messages(world.documents, caller.team_id).versioned(id)
    return access.Seen(found, Sight.EVERYTHING)


def _answerable(world: Any, caller: Any, id: str) -> Any:
    found = records.messages(world.documents, caller.team_id).find(id)
    return found.record if found else None


_VIEWER: Any = OpenViewer.__new__(OpenViewer)
STAND_INS: dict[str, Any] = {
    "require": lambda *_: None,
    "administer": lambda *_: None,
    "mailbox": lambda world, caller, id, _right: records.mailboxes(
        world.documents, caller.team_id
    ).versioned(id),
    "email": lambda world, caller, id, _scope: records.emails(
        world.documents, caller.team_id
    ).versioned(id),
    "message": _message,
    "answerable": _answerable,
    "own_thread": lambda world, caller, messages: records.mailboxes(
        world.documents, caller.team_id
    ).get(messages[0].mailbox_id),
    "as_seen": lambda envelope, _sight: envelope,
    "team": lambda _world, team_id: Team(id=team_id),
    "Viewer": OpenViewer,
    **{
        f"Viewer.{name}": getattr(_VIEWER, name)
        for name in ("mailboxes", "emails", "message", "lines", "events", "counts")
    },
}
"""What lets everybody through, in the place of each call of the gate."""


def sites() -> list[Site]:
    found = []
    for path in sorted(set(SERVICES.rglob("*.py")) - {RELAY}):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for owner, function in _functions(ast.parse(path.read_text())):
            calls = _calls(function, within=path == GATE)
            found += [
                Site(module, owner, function.name, number, gate)
                for number, (_, gate) in enumerate(calls)
            ]
    return found


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield "", node
        elif isinstance(node, ast.ClassDef):
            yield from (
                (node.name, inner) for inner in node.body if isinstance(inner, ast.FunctionDef)
            )


def _calls(function: ast.FunctionDef, *, within: bool) -> list[tuple[ast.Call, str]]:
    """Each call of the gate, and the key of its stand-in. A `viewer` is a Viewer wherever it is named."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    return [(call, gate) for call in calls if (gate := _gate(call.func, within=within))]


def _gate(called: ast.expr, *, within: bool) -> str:
    match called:
        case ast.Name(id=name) if within and name in WITHIN:
            return name
        case ast.Attribute(value=ast.Name(id="access"), attr=name) if not within:
            return "" if name in BEYOND else name
        case (
            ast.Attribute(value=ast.Name(id="viewer"), attr=name)
            | ast.Attribute(value=ast.Call(func=ast.Name(id="Viewer")), attr=name)
        ):
            return f"Viewer.{name}"
    return ""


@contextmanager
def without(site: Site) -> Iterator[None]:
    """The service with that one call replaced by its stand-in."""
    module = importlib.import_module(site.module)
    place: Any = getattr(module, site.owner) if site.owner else module
    held = place.__dict__[site.function]
    setattr(module, "__stand_ins__", STAND_INS)  # noqa: B010  # a module has no such attribute
    setattr(place, site.function, _mutated(module, site))
    try:
        yield
    finally:
        setattr(place, site.function, held)


def _mutated(module: ModuleType, site: Site) -> Any:
    path = ROOT / (site.module.replace(".", "/") + ".py")
    function = next(
        function
        for owner, function in _functions(ast.parse(path.read_text()))
        if (owner, function.name) == (site.owner, site.function)
    )
    call, gate = _calls(function, within=path == GATE)[site.number]
    call.func = ast.parse(f"__stand_ins__[{gate!r}]", mode="eval").body
    tree = ast.fix_missing_locations(ast.Module([function], []))
    made: dict[str, Any] = {}
    exec(compile(tree, str(path), "exec"), module.__dict__, made)  # noqa: S102  # our own source
    return made[site.function]
