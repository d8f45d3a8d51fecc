"""What a person sees when the stack is up: where everything is, and what to try first."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from infra.functions_map import Trigger
from infra.local.stack import Stack

_CALLED_BY = {
    Trigger.HTTP: "you",
    Trigger.TASK: "task queue",
    Trigger.SCHEDULE: "scheduler",
}


def welcome(stack: Stack, console: Console) -> None:
    console.print(_urls(stack))
    console.print("\n[bold]What to do next[/bold]")
    for line in _next_steps(stack):
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
    end = f"\nCtrl-C stops everything; {stack.keeps}."
    console.print(end, style="dim", markup=False, soft_wrap=True)


def _urls(stack: Stack) -> Table:
    table = Table(box=SIMPLE_HEAD, title="Mailbridge is running", title_justify="left")
    for header in ("", "URL", "called by"):
        table.add_column(header, no_wrap=True)
    for name, function in stack.map.functions.items():
        table.add_row(name, f"{stack.url}/{name}", _CALLED_BY[function.trigger])
    table.add_section()
    table.add_row("description", f"{stack.url}/openapi.json", "")
    if stack.development:
        table.add_row("tokens", f"{stack.url}/dev/token", "you")
    if stack.simulator_url:
        table.add_row("simulator", stack.simulator_url, "browser")
    return table


_SIGN_IN = (
    "TOKEN=$(curl -s $URL/dev/token -H 'Content-Type: application/json' "
    """-d '{"user": "ada", "team": "acme"}' | """
    """python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])')"""
)
_CONNECT = (
    """curl -s $URL/oauth_start -H "Authorization: Bearer $TOKEN" """
    """-H 'Content-Type: application/json' -d '{"provider": "google"}'"""
)


def _next_steps(stack: Stack) -> list[str]:
    return [
        f"URL={stack.url}",
        _SIGN_IN if stack.development else "TOKEN=<a token of your issuer>",
        _CONNECT,
        "Open the authorization_url of the answer in a browser, and allow.",
        "The whole story without a browser: make demo",
    ]
