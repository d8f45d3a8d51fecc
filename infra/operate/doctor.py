"""`make doctor`: is everything in place? Of a deployment with ENVIRONMENT, otherwise of this machine."""

from collections.abc import Iterable, Mapping

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from infra.functions_map import ROOT
from infra.operate import findings, machine, variables
from infra.operate.findings import Check, Finding, State
from infra.operate.google import Google
from infra.operate.project import Project
from infra.operate.terraform import Terraform
from shared.config import Settings

_STYLES = {State.OK: "green", State.MEND: "red", State.BY_HAND: "yellow", State.UNKNOWN: "yellow"}


def of_machine(env: Mapping[str, str]) -> list[Check]:
    return machine.checks(env)


def of_deployment(environment: str, google: Google | None = None) -> list[Check]:
    """Raises ConfigurationError when the environment is none. `google` is another one only for tests."""
    terraform = Terraform(environment)
    chosen = variables.read(terraform.variables)
    project = Project(chosen, google or Google(chosen.project), terraform, Settings())
    building = [
        Check("Python", machine.python),
        Check("bytecode", machine.bytecode),
        Check("packages", lambda: machine.packages(ROOT)),
    ]
    return [*building, *project.checks()]


def show(checks: Iterable[Check], console: Console, after: str) -> int:
    """1 when something must be mended; `after` is what comes next when nothing must."""
    found = list(findings.run(checks))
    if console.is_terminal:
        console.print(_table(found))
    else:
        for name, finding in found:
            to_do = f" → {finding.to_do}" if finding.to_do else ""
            line = f"{finding.state.value:<8} {name}: {finding.said}{to_do}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    wrong = sum(finding.state is State.MEND for _, finding in found)
    open_ = sum(finding.state in {State.BY_HAND, State.UNKNOWN} for _, finding in found)
    said = f"{wrong} to mend" if wrong else "Nothing to mend"
    also = f", {open_} to look at yourself" if open_ else ""
    next_ = "Next: what stands behind each, from the top" if wrong else f"Next: {after}"
    console.print(f"{said}{also}. {next_}", markup=False, highlight=False, soft_wrap=True)
    return 1 if wrong else 0


def _table(found: Iterable[tuple[str, Finding]]) -> Table:
    table = Table("", "", "what was found", "to do", box=SIMPLE_HEAD)
    for name, finding in found:
        state = Text(finding.state.value, _STYLES[finding.state])
        table.add_row(name, state, escape(finding.said), escape(finding.to_do))
    return table
