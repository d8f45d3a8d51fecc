"""What a person sees of the demo."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from infra.demo.accounting import Report
from shared.domain.contacts import Direction
from shared.services.timelines.contacts import ActivityView
from shared.services.timelines.messages import MessageView

_ARROWS = {Direction.INCOMING: "←", Direction.OUTGOING: "→"}
_LINES = 12
_NAMED = 20


class Screen:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._numbers = count(1)

    def step(self, title: str) -> None:
        self._console.print(f"\n[bold]{next(self._numbers)}. {escape(title)}[/]")

    def say(self, text: str) -> None:
        self._console.print(f"   {plain(text)}", markup=False, soft_wrap=True)

    def done(self, text: str) -> None:
        self._console.print(f"   [green]✓[/] {escape(plain(text))}", soft_wrap=True)

    def trouble(self, text: str) -> None:
        self._console.print(f"   {plain(text)}", style="red", markup=False, soft_wrap=True)

    @contextmanager
    def importing(self) -> Iterator[Progress]:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("mails stored · {task.fields[phase]}", style="dim"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console) as progress:
            yield progress

    def timeline(self, contact: str, lines: Sequence[ActivityView]) -> None:
        table = _table(f"Timeline of {plain(contact)}", "when", "", "who", "subject", "snippet")
        when, arrow, who, subject, snippet = table.columns
        when.min_width, arrow.min_width, who.min_width = 16, 1, 4
        table.expand, subject.ratio, snippet.ratio = True, 2, 3
        for line in lines[:_LINES]:
            table.add_row(
                f"{line.at:%Y-%m-%d %H:%M}",
                _ARROWS[line.direction],
                escape(plain(line.user_id)),
                escape(plain(line.subject)),
                escape(plain(line.snippet)),
            )
        self._console.print(table)
        if len(lines) > _LINES:
            self.say(f"… and {len(lines) - _LINES} more")

    def message(self, message: MessageView) -> None:
        shown = " ".join(message.text.split())[:200]
        self.say(f"From    {', '.join(who.address for who in message.sender)}")
        self.say(f"Subject {message.subject}")
        self.say(f"Text    {shown or '(HTML only)'}")
        for attachment in message.attachments:
            self.say(f"File    {attachment.name} ({attachment.size:,} bytes)")

    def states(self, states: Sequence[tuple[str, float]]) -> None:
        table = _table("", "state", "after")
        for state, seconds in states:
            table.add_row(state, f"{seconds:.2f} s")
        self._console.print(table)

    def report(self, report: Report) -> None:
        table = _table("", "account", "loaded", "on a timeline", "named")
        for share in report.providers.values():
            numbers = (str(n) for n in (share.loaded, share.stored, share.named))
            table.add_row(escape(share.account), *numbers)
        self._console.print(table)
        for named in (*report.named_mails, *report.not_loaded)[:_NAMED]:
            self.say(f"{named.mail}: {named.reason}")
        hidden = len(report.named_mails) + len(report.not_loaded) - _NAMED
        if hidden > 0:
            self.say(f"… and {hidden} more; REPORT=file.json lists them all")
        for mail in report.lost_mails:
            self.trouble(f"LOST: {mail}")


def _table(title: str, *headers: str) -> Table:
    table = Table(
        box=SIMPLE_HEAD,
        title=escape(title),
        title_justify="left",
        title_style="bold",
        padding=(0, 1),
    )
    for header in headers:
        table.add_column(header, no_wrap=True, overflow="ellipsis")
    return table


def plain(text: str) -> str:
    """What a mail says must not steer the terminal."""
    return "".join(character if character.isprintable() else " " for character in text)
